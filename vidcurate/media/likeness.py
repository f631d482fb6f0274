"""Which of a film's frames a written frame shows: its own, or one beside it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from vidcurate.media.orientation import display_matrix, upright
from vidcurate.media.stills import frames_at

Picture = NDArray[np.float32]

LONG_SIDE = 256
# Two frames can be told apart in what was written if they differ by this many levels, and twice
# as much as the written one from the nearer: an encoder may leave out a change that is smaller.
TELLING_LEVELS = 1.0
TELLING_RATIO = 2.0


@dataclass(frozen=True, slots=True)
class Match:
    """How a written frame compares with the film's frame that it stands for.

    `error` is their root mean square difference in 8-bit levels of Y, U and V. `margin` is how
    much nearer it is to its own frame than to the likest foreign one, as a share of what these two
    differ: 1 is its own, -1 the other; None where no foreign one can be told from its own.
    """

    error: float
    margin: float | None


def compare(written: Picture, own: Picture, foreign: Sequence[Picture]) -> Match:
    """Compare a written frame with its own and with those that it must not be."""
    error = distance(written, own)
    margins = []
    for neighbour in foreign:
        other, apart = distance(written, neighbour), distance(own, neighbour)
        if apart >= max(TELLING_LEVELS, TELLING_RATIO * min(error, other)):
            margins.append((other - error) / apart)
    return Match(error, min(margins, default=None))


def distance(one: Picture, other: Picture) -> float:
    """Root mean square difference of two small pictures, in 8-bit levels."""
    return float(np.sqrt(np.mean((one - other) ** 2)))


def small_size(width: int, height: int) -> tuple[int, int]:
    """Width and height at which frames of an upright picture of this size are compared."""
    factor = min(1.0, LONG_SIDE / max(width, height))
    return max(1, round(width * factor)), max(1, round(height * factor))


def small_picture(frame: VideoFrame, size: tuple[int, int]) -> Picture:
    """A frame as Y, U and V in limited range, upright, shape (height, width, 3)."""
    matrix = display_matrix(frame)
    width, height = reversed(size) if matrix[0] == 0 else size
    small = frame.reformat(width=width, height=height, format="yuv444p", interpolation="AREA")
    return upright(small.to_ndarray(channel_last=True).astype(np.float32), matrix)


def pictures_at(
    path: Path,
    time_base: Fraction,
    wanted: Collection[int],
    size: tuple[int, int],
    offsets: Sequence[int] = (),
) -> dict[int, Picture]:
    """Small pictures of a film by pts, of those wanted that can be decoded."""
    frames = frames_at(path, time_base, sorted(wanted), offsets)
    return {frame.pts: small_picture(frame, size) for frame in frames if frame.pts is not None}
