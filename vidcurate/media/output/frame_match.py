"""Which of a video's frames an output frame shows: its own, or a neighbour."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from vidcurate.media.io.colour import as_rgb
from vidcurate.media.io.frames import display_image, frames_at
from vidcurate.media.io.images import resize_image
from vidcurate.media.io.orientation import display_matrix, upright
from vidcurate.records import Video

Picture = NDArray[np.float32]

LONG_SIDE = 256
# The shares of red and blue in luma.
BT601, BT709 = (0.299, 0.114), (0.2126, 0.0722)
# Two frames can be distinguished in the output if they differ by this many levels, and by twice
# as much as the written one from the nearer: an encoder may leave out a change that is smaller.
TELLING_LEVELS = 1.0
TELLING_RATIO = 2.0


class Part(NamedTuple):
    """A part of an upright picture of square pixels, in pixels."""

    left: int
    top: int
    width: int
    height: int


class View(NamedTuple):
    """How frames of a video are compared: at a size, all or a part of them.

    They are deinterlaced by a `field_order`, but for a copy, which keeps its fields.
    """

    size: tuple[int, int]
    part: Part | None
    field_order: str


@dataclass(frozen=True, slots=True)
class Match:
    """How an output frame compares with the video's frame that it should show.

    `error` is their root mean square difference in 8-bit levels of Y, U and V. `margin` is how
    much nearer it is to its own frame than to the closest foreign one, as a share of what these two
    differ: 1 is its own, -1 the other; None where no foreign one can be distinguished.
    """

    error: float
    margin: float | None


def compare_frames(output: Picture, own: Picture, foreign: Sequence[Picture]) -> Match:
    """Compare an output frame with its own source frame and with those it must not show."""
    error = rms_difference(output, own)
    margins = []
    for neighbour in foreign:
        other, apart = rms_difference(output, neighbour), rms_difference(own, neighbour)
        if apart >= max(TELLING_LEVELS, TELLING_RATIO * min(error, other)):
            margins.append((other - error) / apart)
    return Match(error, min(margins, default=None))


def rms_difference(one: Picture, other: Picture) -> float:
    """Return the root mean square difference of two small pictures, in 8-bit levels."""
    return float(np.sqrt(np.mean((one - other) ** 2)))


def small_size(width: int, height: int) -> tuple[int, int]:
    """Return the width and height at which frames of an upright picture are compared."""
    factor = min(1.0, LONG_SIDE / max(width, height))
    return max(1, round(width * factor)), max(1, round(height * factor))


def small_picture(
    frame: VideoFrame, size: tuple[int, int], part: Part | None, aspect: Fraction = Fraction(1)
) -> tuple[Picture, float]:
    """Convert a frame as shown to upright Y, U and V (BT.601, full range): (height, width, 3).

    Of a `part` alone, if one is given, which is of the picture with square pixels, where `aspect`
    is the shape of a stored one. Returns also the mean level of red, green and blue outside it.
    """
    outside = 0.0
    if part is None:
        matrix = display_matrix(frame)
        width, height = reversed(size) if matrix[0] == 0 else size
        stored = as_rgb(frame, width, height, interpolation="AREA").to_ndarray()
        rgb = upright(stored, matrix)
    else:
        whole = display_image(frame, aspect)
        bottom, right = part.top + part.height, part.left + part.width
        inside = whole[part.top : bottom, part.left : right]
        n_outside = whole.size - inside.size
        if n_outside:
            outside = (int(whole.sum(dtype=np.int64)) - int(inside.sum(dtype=np.int64))) / n_outside
        rgb = resize_image(np.ascontiguousarray(inside), *size)
    return np.asarray(rgb.astype(np.float32) @ to_yuv(BT601).T, np.float32), outside


def to_yuv(weights: tuple[float, float]) -> NDArray[np.float32]:
    """Return the matrix from red, green and blue to Y, U and V, by the weights of red and blue."""
    red, blue = weights
    luma = np.array([red, 1 - red - blue, blue])
    u, v = (
        (np.array([0, 0, 1]) - luma) / (2 - 2 * blue),
        (np.array([1, 0, 0]) - luma) / (2 - 2 * red),
    )
    return np.stack([luma, u, v]).astype(np.float32)


def misread_colours(own: Picture) -> list[Picture]:
    """Return a picture as it looks if its colours are read with a wrong matrix or range."""
    rgb = own @ np.linalg.inv(to_yuv(BT601)).T
    swapped = (
        rgb @ (np.linalg.inv(to_yuv(wrong)) @ to_yuv(right)).T
        for wrong, right in ((BT601, BT709), (BT709, BT601))
    )
    seen = [*swapped, rgb * (219 / 255) + 16, (rgb - 16) * (255 / 219)]
    return [np.asarray(np.clip(picture, 0, 255) @ to_yuv(BT601).T, np.float32) for picture in seen]


def small_pictures_at(
    path: Path,
    video: Video,
    wanted: Mapping[View, Collection[int]],
    offsets: Sequence[int] = (),
) -> dict[View, dict[int, Picture]]:
    """Decode small pictures of a video by pts, as several files show them, in one go.

    Those that cannot be decoded are missing. `offsets` are those of the video's scan, if its clock
    restarts.
    """
    found: dict[View, dict[int, Picture]] = {view: {} for view in wanted}
    for order in sorted({view.field_order for view in wanted}):
        views = {view: {*times} for view, times in wanted.items() if view.field_order == order}
        times = sorted(set().union(*views.values()))
        for pts, frame in frames_at(path, video.time_base, times, offsets, order):
            for view in (view for view, own in views.items() if pts in own):
                picture, _ = small_picture(frame, view.size, view.part, video.pixel_aspect)
                found[view][pts] = picture
    return found
