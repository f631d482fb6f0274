"""A video's whole sound as what listens to it takes it: one channel at 16 kHz, on its clock."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np

from vidcurate.media.audio.reader import PREROLL_S, AudioFormat, Samples, video_sound
from vidcurate.media.audio.tracks import Track
from vidcurate.media.io.decode import Faults
from vidcurate.media.io.seeking import track_offsets

RATE_HZ = 16_000
MONO = AudioFormat(RATE_HZ, "mono")
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class MonoPiece:
    """About a second of sound without a gap: samples of shape (n,), -1..1.

    `start` is the number of the first one, counted at 16 kHz from the zero of the video's clock.
    """

    start: int
    samples: Samples

    @property
    def end(self) -> int:
        """The number of the sample after the last one."""
        return self.start + len(self.samples)


def mono_sound(
    path: Path,
    track: Track,
    container_start_us: int,
    end_s: float,
    offsets: Sequence[int] = (),
    faults: Faults | None = None,
) -> Iterator[MonoPiece]:
    """Yield the sound of a video up to `end_s`, decoded once, in rising order without overlap.

    What the sound lacks is in no piece: it may begin late, end early, be damaged or have gaps.
    Samples that are no numbers are silence. `offsets` are those of the video's scan, if its clock
    restarts. Raises MediaError where the video cannot be read.
    """
    begin_s = Fraction(container_start_us, MICROSECONDS) - PREROLL_S
    yield from mono_between(path, track, begin_s, Fraction(end_s), offsets, faults)


def mono_between(
    path: Path,
    track: Track,
    begin_s: Fraction,
    end_s: Fraction,
    offsets: Sequence[int] = (),
    faults: Faults | None = None,
) -> Iterator[MonoPiece]:
    """Yield the sound of a video from `begin_s` or earlier to `end_s`, as `mono_sound` does."""
    end = floor(end_s * RATE_HZ)
    moved_s = track_offsets(path, track, offsets)
    position: int | None = None
    for chunk in video_sound(path, track, MONO, begin_s, end_s, moved_s, faults):
        low = chunk.start if position is None else max(chunk.start, position)
        if low >= end:
            return
        if low < chunk.end:
            samples = chunk.samples[0, low - chunk.start : end - chunk.start]
            yield MonoPiece(low, np.nan_to_num(samples, posinf=0, neginf=0))
            position = chunk.end
