"""Which of a video's frames a written frame shows: its own, or one beside it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from vidcurate.media.io.colour import as_rgb
from vidcurate.media.io.frames import frames_at
from vidcurate.media.io.interlacing import PROGRESSIVE
from vidcurate.media.io.orientation import display_matrix, upright
from vidcurate.records import Video

Picture = NDArray[np.float32]

LONG_SIDE = 256
# The shares of red and blue in luma.
BT601, BT709 = (0.299, 0.114), (0.2126, 0.0722)
# Two frames can be told apart in what was written if they differ by this many levels, and twice
# as much as the written one from the nearer: an encoder may leave out a change that is smaller.
TELLING_LEVELS = 1.0
TELLING_RATIO = 2.0


@dataclass(frozen=True, slots=True)
class Match:
    """How a written frame compares with the video's frame that it stands for.

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
    """A frame as it is shown, as Y, U and V (BT.601, full range), upright: (height, width, 3)."""
    matrix = display_matrix(frame)
    width, height = reversed(size) if matrix[0] == 0 else size
    rgb = as_rgb(frame, width, height, interpolation="AREA").to_ndarray()
    return np.asarray(upright(rgb, matrix).astype(np.float32) @ to_yuv(BT601).T, np.float32)


def to_yuv(weights: tuple[float, float]) -> NDArray[np.float32]:
    """The matrix from red, green and blue to Y, U and V, by the weights of red and blue."""
    red, blue = weights
    luma = np.array([red, 1 - red - blue, blue])
    u, v = (
        (np.array([0, 0, 1]) - luma) / (2 - 2 * blue),
        (np.array([1, 0, 0]) - luma) / (2 - 2 * red),
    )
    return np.stack([luma, u, v]).astype(np.float32)


def misread(own: Picture) -> list[Picture]:
    """A picture as it looks if its colours are read in a wrong way: another matrix, or range."""
    rgb = own @ np.linalg.inv(to_yuv(BT601)).T
    swapped = (
        rgb @ (np.linalg.inv(to_yuv(wrong)) @ to_yuv(right)).T
        for wrong, right in ((BT601, BT709), (BT709, BT601))
    )
    seen = [*swapped, rgb * (219 / 255) + 16, (rgb - 16) * (255 / 219)]
    return [np.asarray(np.clip(picture, 0, 255) @ to_yuv(BT601).T, np.float32) for picture in seen]


def pictures_at(
    path: Path,
    video: Video,
    wanted: Collection[int],
    size: tuple[int, int],
    offsets: Sequence[int] = (),
    *,
    is_copy: bool,
) -> dict[int, Picture]:
    """Small pictures of a video by pts, of those wanted that can be decoded.

    `offsets` are those of the video's scan, if its clock restarts. A copy keeps the fields of an
    interlaced video, so they are kept here too.
    """
    order = PROGRESSIVE if is_copy else video.field_order
    frames = frames_at(path, video.time_base, sorted(wanted), offsets, order)
    return {pts: small_picture(frame, size) for pts, frame in frames}
