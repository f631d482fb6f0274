"""Turning, mirroring and stretching a stored picture into the one that is shown."""

from fractions import Fraction
from typing import Any, cast

import numpy as np
from av.buffer import Buffer
from av.video.frame import VideoFrame
from numpy.typing import NDArray

# Columns of the display matrix, reduced to signs: where the x axis and the y axis point.
Matrix = tuple[int, int, int, int]

UPRIGHT: Matrix = (1, 0, 0, 1)
# Wider or narrower pixels are mistakes in a header.
MAX_ASPECT = 16
# As in 16384x8192, four times 8K.
MAX_PIXELS = 1 << 27
CLOCKWISE_DEG = {(0, 1): 0, (-1, 0): 90, (0, -1): 180, (1, 0): 270}


def display_matrix(frame: VideoFrame) -> Matrix:
    """Read signs (a, b, c, d) of a frame's display matrix: (x, y) is shown at (ax + cy, bx + dy).

    Turns are by quarters, mirrored or not; another angle is taken as the nearest of these. The
    matrix is that of ISO/IEC 14496-12, with y pointing down.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return UPRIGHT
    values = np.frombuffer(bytes(cast("Buffer", data)), np.int32)
    a, b, c, d = (int(values[i]) for i in (0, 1, 3, 4))
    if abs(a) >= abs(b):
        return (-1 if a < 0 else 1, 0, 0, -1 if d < 0 else 1)
    return (0, -1 if b < 0 else 1, -1 if c < 0 else 1, 0)


def rotation_deg(matrix: Matrix) -> int:
    """Return the degrees (0, 90, 180, 270) by which a picture is turned clockwise."""
    return CLOCKWISE_DEG[matrix[2], matrix[3]]


def display_size(width: int, height: int, aspect: Fraction, rotation: int) -> tuple[int, int]:
    """Return the size at which a picture is shown: square pixels, height kept, then turned."""
    display_width = max(1, round(width * aspect))
    return (height, display_width) if rotation in (90, 270) else (display_width, height)


def pixel_aspect(stated: Fraction | None, width: int, height: int) -> Fraction:
    """Return width over height of a pixel; 1 where the video states none or nonsense."""
    if not stated or not 1 / MAX_ASPECT < stated < MAX_ASPECT:
        return Fraction(1)
    return stated if width * stated * height <= MAX_PIXELS else Fraction(1)


def upright(picture: NDArray[Any], matrix: Matrix) -> NDArray[Any]:
    """Turn and mirror a picture of shape (height, width, channels) as its video says."""
    a, b, c, d = matrix
    if a == 0:
        picture = np.swapaxes(picture, 0, 1)
    if a < 0 or c < 0:
        picture = picture[:, ::-1]
    if b < 0 or d < 0:
        picture = picture[::-1]
    return np.ascontiguousarray(picture)
