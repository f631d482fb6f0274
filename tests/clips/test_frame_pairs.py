from fractions import Fraction

import numpy as np
import pytest

from vidcurate.clips.frame_pairs import frame_pairs
from vidcurate.errors import MediaError

TICK = Fraction(1, 24)


def test_pairs_are_two_a_second_of_neighbours() -> None:
    """A clip of 3 s at 24 frames/s has six, 12 frames from each other, from its own start."""
    pts = np.arange(100, 172)
    found = frame_pairs(pts, TICK, 2.0, 64)
    assert found == [(100 + 12 * n, 101 + 12 * n) for n in range(6)]


def test_pairs_are_bounded_and_spread() -> None:
    """Of many pairs the first, the last and some between stay; one alone is from the middle."""
    pts = np.arange(0, 240)
    assert [first for first, _ in frame_pairs(pts, TICK, 2.0, 3)] == [0, 120, 228]
    assert frame_pairs(pts, TICK, 2.0, 1) == [(120, 121)]


def test_pairs_follow_real_times() -> None:
    """Where frames are far apart the next one is taken, once; the last frame begins no pair."""
    pts = np.array([0, 1, 50, 52])
    assert frame_pairs(pts, TICK, 2.0, 64) == [(0, 1), (50, 52)]
    assert frame_pairs(pts[:2], TICK, 2.0, 64) == [(0, 1)]
    with pytest.raises(MediaError, match="no two frames"):
        frame_pairs(pts[:1], TICK, 2.0, 64)
