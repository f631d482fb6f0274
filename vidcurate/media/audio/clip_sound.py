"""The sound of clips, decoding a video's sound once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from math import ceil
from pathlib import Path

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from vidcurate.errors import MediaError
from vidcurate.media.audio.loudness import PACKED, Loudness, LoudnessMeter
from vidcurate.media.audio.reader import (
    PREROLL_S,
    AudioChunk,
    AudioFormat,
    Samples,
    measured_format,
    samples_of,
    video_sound,
)
from vidcurate.media.audio.tracks import Track
from vidcurate.media.audio.true_peak import Oversampler, PeakMeter
from vidcurate.media.io.seeking import track_offsets
from vidcurate.records import Clip

MONO_RATE_HZ = 16_000
SILENCE_BLOCK_S = Fraction(1, 10)
# Who hears samples while they come is given so much at once, and never less than the rest.
WINDOW_S, REST_S = 120, 1

Powers = NDArray[np.float64]
# Takes the number of a clip and the next window of its samples.
WindowListener = Callable[[int, Samples], None]


@dataclass(frozen=True, slots=True)
class ClipSound:
    """Measurements of a clip's sound.

    `powers` are the mean squares of its blocks of 100 ms, mixed to one channel; `mono` are its
    samples at 16 kHz, -1..1, in the same mix, or empty if no samples are asked for; of one whose
    windows were heard while they came, those after the last window.
    """

    loudness: Loudness
    powers: Powers
    mono: Samples


@dataclass(slots=True)
class ClipSoundBuilder:
    """Collects the samples `start` <= n < `end` of one clip; missing ones become silence."""

    start: int
    end: int
    audio_format: AudioFormat
    position: int
    meter: LoudnessMeter
    resampler: AudioResampler | None
    hear: Callable[[Samples], None] | None = None
    mixed: list[Samples] = field(default_factory=list)
    powers: list[Powers] = field(default_factory=list)
    mono: list[Samples] = field(default_factory=list)

    def add(self, piece: AudioChunk) -> None:
        """Take the samples of a chunk that belong to the clip and are new."""
        low, high = max(piece.start, self.position), min(piece.end, self.end)
        if low < high:
            self.pad(low)
            part = slice(low - piece.start, high - piece.start)
            self.feed(piece.samples[:, part], piece.mix[:, part])

    def pad(self, end: int) -> None:
        """Add silence up to a sample, a second at a time since a gap may be long."""
        while self.position < end:
            count = min(end - self.position, self.audio_format.rate_hz)
            silence = np.zeros((self.audio_format.channels, count), np.float32)
            self.feed(silence, silence[:1])

    def feed(self, samples: Samples, mix: Samples) -> None:
        """Measure samples and their mono mix."""
        self.meter.add(samples)
        if self.resampler is not None:
            frame = AudioFrame.from_ndarray(np.ascontiguousarray(mix), PACKED, "mono")
            frame.sample_rate = self.audio_format.rate_hz
            self.mono += [samples_of(part)[0] for part in self.resampler.resample(frame)]
            self.hear_windows()
        self.position += samples.shape[1]
        self.mixed.append(mix[0])
        if sum(map(len, self.mixed)) >= self.audio_format.rate_hz:
            self.measure_powers()

    def hear_windows(self) -> None:
        """Give away the samples of whole windows, if anyone hears them, so that few are kept."""
        if self.hear is None or sum(map(len, self.mono)) < (WINDOW_S + REST_S) * MONO_RATE_HZ:
            return
        kept = np.concatenate(self.mono)
        self.hear(kept[: WINDOW_S * MONO_RATE_HZ])
        self.mono = [kept[WINDOW_S * MONO_RATE_HZ :]]

    def measure_powers(self) -> None:
        """Record the powers of the whole blocks that were collected.

        Raises MediaError for samples that are no numbers, which floating-point sound may hold.
        """
        mix = np.concatenate(self.mixed)
        if not np.isfinite(mix).all():
            raise MediaError("the sound holds samples that are not numbers")
        powers = block_powers(mix, self.audio_format.rate_hz)
        n_measured = len(powers) * block_length(self.audio_format.rate_hz)
        self.powers.append(powers)
        self.mixed = [mix[n_measured:]]

    def finish(self) -> ClipSound:
        """Complete the clip with silence up to its end, and return its measurements.

        Raises MediaError for samples that are no numbers, which floating-point sound may hold.
        """
        self.pad(self.end)
        self.measure_powers()
        if self.resampler is not None:
            self.mono += [samples_of(part)[0] for part in self.resampler.resample(None)]
        mono = np.concatenate([np.empty(0, np.float32), *self.mono])
        return ClipSound(self.meter.finish(), np.concatenate(self.powers), mono)


def clip_sounds(
    path: Path,
    track: Track | None,
    clips: Sequence[Clip],
    offsets: Sequence[int] = (),
    *,
    with_samples: bool = True,
    hear: WindowListener | None = None,
) -> Iterator[ClipSound | None]:
    """Yield the sound of clips of one video, in the order of their starts.

    It is that of one track, decoded once, from the first clip to the end of the last; None for each
    clip of a video without. Where sound begins late, ends early, is damaged or has a gap there is
    silence, as in a player. Only who `with_samples` is given samples, and who can `hear` them in
    windows while a long clip is decoded keeps few of them in memory. `offsets` are those of the
    video's scan, if its clock restarts.
    Raises MediaError where the video cannot be read, and for samples that are no numbers.
    """
    if track is None:
        yield from (None for _ in clips)
        return
    audio_format = measured_format(track)
    oversampler = Oversampler(audio_format.rate_hz)
    builders = [
        builder_for(
            clip,
            audio_format,
            oversampler,
            with_samples=with_samples,
            hear=partial(hear, number) if hear else None,
        )
        for number, clip in enumerate(clips)
    ]
    n_done = 0
    begin_s = clips[0].start_pts * clips[0].time_base - PREROLL_S
    end_s = max(clip.end_pts * clip.time_base for clip in clips)
    moved_s = track_offsets(path, track, offsets)
    for piece in video_sound(path, track, audio_format, begin_s, end_s, moved_s):
        for number in range(n_done, len(builders)):
            if builders[number].start >= piece.end:
                break
            builders[number].add(piece)
        while n_done < len(builders) and builders[n_done].end <= piece.start:
            yield builders[n_done].finish()
            n_done += 1
        if n_done == len(builders):
            return
    for builder in builders[n_done:]:
        yield builder.finish()


def builder_for(
    clip: Clip,
    audio_format: AudioFormat,
    oversampler: Oversampler,
    *,
    with_samples: bool,
    hear: Callable[[Samples], None] | None = None,
) -> ClipSoundBuilder:
    """Make an empty builder from the first sample at or after the clip's start to its end."""
    start, end = (
        ceil(pts * clip.time_base * audio_format.rate_hz) for pts in (clip.start_pts, clip.end_pts)
    )
    meter = LoudnessMeter(audio_format.rate_hz, audio_format.layout, PeakMeter(oversampler))
    resampler = AudioResampler("flt", "mono", MONO_RATE_HZ) if with_samples else None
    return ClipSoundBuilder(start, end, audio_format, start, meter, resampler, hear)


def block_length(rate_hz: int) -> int:
    """Return the number of samples in 100 ms."""
    return int(SILENCE_BLOCK_S * rate_hz)


def block_powers(mono: Samples, rate_hz: int) -> Powers:
    """Return the mean squares of the whole blocks of 100 ms in samples of shape (n,)."""
    n_block = block_length(rate_hz)
    blocks = mono[: len(mono) // n_block * n_block].reshape(-1, n_block)
    return np.asarray(np.mean(np.square(blocks, dtype=np.float64), axis=1), np.float64)


def silence_share(powers: Powers, level_dbfs: float) -> float:
    """Return the share of blocks whose root mean square is below a level; 1 without a block."""
    return float(np.mean(powers < 10 ** (level_dbfs / 10))) if len(powers) else 1.0
