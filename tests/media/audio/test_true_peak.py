from fractions import Fraction

import av.error
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.filter import Graph
from numpy.typing import NDArray

from vidcurate.media.audio.true_peak import Oversampler, PeakMeter

Samples = NDArray[np.float32]


def of_ffmpeg(sound: Samples, rate: int) -> float:
    """The true peak of stereo sound by ffmpeg's filter, which oversamples all of it."""
    graph = Graph()
    source = graph.add_abuffer(
        sample_rate=rate, format="fltp", layout="stereo", time_base=Fraction(1, rate)
    )
    meter = graph.add("ebur128", "peak=true:metadata=1")
    graph.link_nodes(source, meter, graph.add("abuffersink")).configure()
    frame = AudioFrame.from_ndarray(sound, "fltp", "stereo")
    frame.sample_rate, frame.pts = rate, 0
    graph.push(frame)
    graph.push(None)
    facts: dict[str, str] = {}
    while True:
        try:
            facts = graph.pull().metadata or facts
        except av.error.EOFError:
            return float(facts["lavfi.r128.true_peak"])


def random_sound(rate: int, dice: np.random.Generator) -> Samples:
    """Noise, a tone of any pitch, hard steps or a burst in each channel; it ends softly."""
    count = int(dice.integers(5, 25)) * (rate // 10)
    time = np.arange(count) / rate
    noise = dice.normal(size=count)
    kinds = (
        noise / 10,
        np.sin(2 * np.pi * dice.uniform(50, rate / 2) * time),
        np.sign(noise),
        noise * np.exp(-(((time - dice.uniform(0, time[-1])) / 0.05) ** 2)),
    )
    sound = np.stack([kinds[int(dice.integers(4))] for _ in range(2)])
    return np.asarray(sound * np.minimum(1, (count - np.arange(count)) / (rate / 10)), np.float32)


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000, 96_000, 192_000, 384_000])
def test_it_is_the_peak_of_oversampling_all(rate: int) -> None:
    """Of sounds given in odd pieces, one after another, within 0.02 dB of ffmpeg's."""
    dice = np.random.default_rng(7)
    oversampler = Oversampler(rate)
    for _ in range(8):
        sound = random_sound(rate, dice)
        meter = PeakMeter(oversampler)
        for start in range(0, sound.shape[1], 7001):
            meter.add(sound[:, start : start + 7001])
        apart = 20 * np.log10(meter.finish() / of_ffmpeg(sound, rate))
        assert apart == pytest.approx(0, abs=0.02)
