"""Pairs of neighbouring frames, evenly over a clip."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vidcurate.errors import MediaError

Ticks = NDArray[np.int64]


def frame_pairs(
    pts: Ticks, time_base: Fraction, per_second: float, max_pairs: int
) -> list[tuple[int, int]]:
    """The times of frames and of the one that follows each, in ticks.

    `pts` are the rising times of all of a clip's frames. There are `per_second` pairs from the
    first frame on, one at least; of more than `max_pairs`, some that are evenly spread. Raises
    MediaError for a clip of one frame.
    """
    if len(pts) < 2:  # noqa: PLR2004 - a pair
        raise MediaError("the clip has no two frames that can be compared")
    step = 1 / (per_second * float(time_base))
    due = pts[0] + np.arange(int((pts[-1] - pts[0]) / step) + 1) * step
    firsts = np.unique(np.minimum(np.searchsorted(pts, due, "left"), len(pts) - 2))
    if len(firsts) > max_pairs:
        chosen = np.linspace(0, len(firsts) - 1, max_pairs) if max_pairs > 1 else [len(firsts) // 2]
        firsts = firsts[np.round(chosen).astype(int)]
    return [(int(pts[first]), int(pts[first + 1])) for first in firsts]
