import numpy as np
import pytest
from numpy.typing import NDArray

from vidcurate.media.audio.loudness import Loudness, LoudnessMeter
from vidcurate.media.audio.true_peak import Oversampler, PeakMeter

RATE = 48_000


def sine(
    peak_db: float, seconds: float, *, hertz: float = 1000, phase: float = 0
) -> NDArray[np.float32]:
    """A tone of some amplitude below full scale."""
    time = np.arange(round(seconds * RATE)) / RATE
    tone = 10 ** (peak_db / 20) * np.sin(2 * np.pi * hertz * time + phase)
    return tone.astype(np.float32)


def measured(tone: NDArray[np.float32], layout: str = "stereo", channels: int = 2) -> Loudness:
    """The loudness of a tone in all channels, given in parts of odd lengths."""
    meter = LoudnessMeter(RATE, layout, PeakMeter(Oversampler(RATE)))
    for start in range(0, len(tone), 7001):
        meter.add(np.repeat(tone[None, start : start + 7001], channels, axis=0))
    return meter.finish()


@pytest.mark.parametrize("level", [-23.0, -33.0])
def test_a_stereo_tone_is_as_loud_as_its_level(level: float) -> None:
    """Cases 1 and 2 of EBU Tech 3341: 20 s of 1 kHz in both channels, within 0.1 LU."""
    assert measured(sine(level, 20)).integrated_lufs == pytest.approx(level, abs=0.1)


def test_silence_between_does_not_count() -> None:
    """Case 3 of EBU Tech 3341: quiet ends are gated away, so that the loud middle is told."""
    tones = np.concatenate([sine(-36, 10), sine(-23, 60), sine(-36, 10)])
    assert measured(tones).integrated_lufs == pytest.approx(-23, abs=0.1)


def test_loudness_range_is_that_between_two_levels() -> None:
    """Case 1 of EBU Tech 3342: 20 s at -20 and 20 s at -30 LUFS have a range of 10 LU, within 1."""
    tones = np.concatenate([sine(-20, 20), sine(-30, 20)])
    assert measured(tones).range_lu == pytest.approx(10, abs=1)


def test_a_true_peak_lies_between_samples() -> None:
    """Case 16 of EBU Tech 3341: samples reach -9 dB only, the wave -6 dBTP, within 0.4.

    It begins and ends softly, as a step has a peak of its own.
    """
    tone = sine(-6, 2, hertz=RATE / 4, phase=np.pi / 4)
    tone *= np.hanning(len(tone)).astype(np.float32)
    assert 20 * np.log10(np.abs(tone).max()) == pytest.approx(-9, abs=0.1)
    assert measured(tone).true_peak_dbtp == pytest.approx(-6, abs=0.4)


def test_surround_channels_weigh_more_and_the_lowest_none() -> None:
    """BS.1770: five equal channels, two of them 1.5 dB heavier; the low-frequency one is left out.

    3 x 1 + 2 x 1.41 against the 2 of stereo is 4.6 dB.
    """
    assert measured(sine(-33, 5), "5.1(side)", 6).integrated_lufs == pytest.approx(-28.4, abs=0.1)


def test_what_is_too_short_or_quiet_has_no_loudness() -> None:
    """Silence has neither loudness nor peak; under 0.4 s there is a peak, under 3 s no range."""
    assert measured(np.zeros(RATE, np.float32)) == Loudness(None, None, None)
    assert LoudnessMeter(RATE, "mono", PeakMeter(Oversampler(RATE))).finish() == Loudness(
        None, None, None
    )
    short = measured(sine(-20, 0.35))
    assert (short.integrated_lufs, short.range_lu) == (None, None)
    assert short.true_peak_dbtp == pytest.approx(-20, abs=0.1)
    longer = measured(sine(-20, 2))
    assert longer.integrated_lufs == pytest.approx(-20, abs=0.1)
    assert longer.range_lu is None
