"""The sound of clips, from decoding a video's sound once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
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
    Form,
    Piece,
    Samples,
    measured_form,
    samples_of,
    video_sound,
)
from vidcurate.media.audio.tracks import Track
from vidcurate.media.audio.true_peak import Oversampler, PeakMeter
from vidcurate.media.io.seeking import track_offsets
from vidcurate.records import Clip

MONO_RATE_HZ = 16_000
SILENCE_BLOCK_S = Fraction(1, 10)

Powers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClipSound:
    """What a clip sounds like.

    `powers` are the mean squares of its blocks of 100 ms, mixed to one channel; `mono` are its
    samples at 16 kHz, -1..1, in the same mix, or none where nobody listens.
    """

    loudness: Loudness
    powers: Powers
    mono: Samples


@dataclass(slots=True)
class Take:
    """Gathers one clip's sound, samples `start` <= n < `end`; what is missing is silence."""

    start: int
    end: int
    form: Form
    position: int
    meter: LoudnessMeter
    resampler: AudioResampler | None
    mixed: list[Samples] = field(default_factory=list)
    powers: list[Powers] = field(default_factory=list)
    mono: list[Samples] = field(default_factory=list)

    def add(self, piece: Piece) -> None:
        """Take what belongs to the clip and was not there before."""
        low, high = max(piece.start, self.position), min(piece.end, self.end)
        if low < high:
            self.pad(low)
            part = slice(low - piece.start, high - piece.start)
            self.feed(piece.samples[:, part], piece.mix[:, part])

    def pad(self, end: int) -> None:
        """Silence up to a sample, a second at a time as a gap may be long."""
        while self.position < end:
            count = min(end - self.position, self.form.rate_hz)
            silence = np.zeros((self.form.channels, count), np.float32)
            self.feed(silence, silence[:1])

    def feed(self, samples: Samples, mix: Samples) -> None:
        """Pass samples and their mix on to be measured."""
        self.meter.add(samples)
        if self.resampler is not None:
            frame = AudioFrame.from_ndarray(np.ascontiguousarray(mix), PACKED, "mono")
            frame.sample_rate = self.form.rate_hz
            self.mono += [samples_of(part)[0] for part in self.resampler.resample(frame)]
        self.position += samples.shape[1]
        self.mixed.append(mix[0])
        if sum(map(len, self.mixed)) >= self.form.rate_hz:
            self.weigh()

    def weigh(self) -> None:
        """Note the powers of the whole blocks that wait.

        Raises MediaError for samples that are no numbers, which floating-point sound may hold.
        """
        mix = np.concatenate(self.mixed)
        if not np.isfinite(mix).all():
            raise MediaError("the sound holds samples that are not numbers")
        powers = block_powers(mix, self.form.rate_hz)
        n_weighed = len(powers) * block_length(self.form.rate_hz)
        self.powers.append(powers)
        self.mixed = [mix[n_weighed:]]

    def finish(self) -> ClipSound:
        """What the clip sounds like, with silence up to its end.

        Raises MediaError for samples that are no numbers, which floating-point sound may hold.
        """
        self.pad(self.end)
        self.weigh()
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
    listens: bool = True,
) -> Iterator[ClipSound | None]:
    """The sound of clips of one video, in their order, which is that of their starts.

    It is that of one track, decoded once, from the first clip to the end of the last; None for each
    clip of a video without. Where sound begins late, ends early, is damaged or has a gap there is
    silence, as in a player. Only who `listens` is given samples. `offsets` are those of the
    video's scan, if its clock begins again.
    Raises MediaError where the video cannot be read, and for samples that are no numbers.
    """
    if track is None:
        yield from (None for _ in clips)
        return
    form = measured_form(track)
    oversampler = Oversampler(form.rate_hz)
    takes = [take_of(clip, form, oversampler, listens=listens) for clip in clips]
    n_done = 0
    begin_s = clips[0].start_pts * clips[0].time_base - PREROLL_S
    end_s = max(clip.end_pts * clip.time_base for clip in clips)
    moved_s = track_offsets(path, track, offsets)
    for piece in video_sound(path, track, form, begin_s, end_s, moved_s):
        for number in range(n_done, len(takes)):
            if takes[number].start >= piece.end:
                break
            takes[number].add(piece)
        while n_done < len(takes) and takes[n_done].end <= piece.start:
            yield takes[n_done].finish()
            n_done += 1
        if n_done == len(takes):
            return
    for take in takes[n_done:]:
        yield take.finish()


def take_of(clip: Clip, form: Form, oversampler: Oversampler, *, listens: bool) -> Take:
    """An empty take from the first sample that is no earlier than the clip's start to its end."""
    start, end = (
        ceil(pts * clip.time_base * form.rate_hz) for pts in (clip.start_pts, clip.end_pts)
    )
    meter = LoudnessMeter(form.rate_hz, form.layout, PeakMeter(oversampler))
    resampler = AudioResampler("flt", "mono", MONO_RATE_HZ) if listens else None
    return Take(start, end, form, start, meter, resampler)


def block_length(rate_hz: int) -> int:
    """How many samples are in 100 ms."""
    return int(SILENCE_BLOCK_S * rate_hz)


def block_powers(mono: Samples, rate_hz: int) -> Powers:
    """The mean squares of the whole blocks of 100 ms in samples of shape (n,)."""
    n_block = block_length(rate_hz)
    blocks = mono[: len(mono) // n_block * n_block].reshape(-1, n_block)
    return np.asarray(np.mean(np.square(blocks, dtype=np.float64), axis=1), np.float64)


def silence_share(powers: Powers, level_dbfs: float) -> float:
    """The share of blocks whose root mean square is below a level; 1 without a block."""
    return float(np.mean(powers < 10 ** (level_dbfs / 10))) if len(powers) else 1.0
