import numpy as np
import pytest

from vidcurate.media.shots.suspicion import Looks, Packets, Window, key_changes, offset, share_of

KEYS = np.array([0, 60, 130, 170, 260])


def video() -> tuple[Packets, Looks]:
    """Five keyframes off any rhythm, whose pictures drift from one to the next."""
    rng = np.random.default_rng(3)
    sizes = rng.integers(800, 1200, 320).astype(np.float64)
    sizes[KEYS] = 20_000.0
    base = rng.integers(40, 200, (3, 18, 32))
    drift = rng.integers(0, 40, (len(KEYS), 3, 18, 32))
    pictures = (base + drift.cumsum(axis=0) // 2).clip(16, 235).astype(np.uint8)
    return Packets(sizes, KEYS), Looks(pictures, pictures)


def test_what_looks_closer_showed_moves_the_other_keyframes() -> None:
    """Where a shot began at a keyframe in a window, the others are likelier to begin one."""
    one, looks = video()
    windows, lasts = [Window(0, 70)], looks.first[:1]
    chances = [
        key_changes(one, looks, windows, lasts, np.array([False, told, False, False, False]))
        for told in (False, True)
    ]
    assert np.isnan(chances[0][:2]).all()
    assert (chances[0][2:] < chances[1][2:]).all()
    alone = key_changes(one, looks, [], looks.first[:0], np.zeros(5, np.bool_))
    assert np.isnan(alone[0])
    # The keyframe right after the window is compared with its end besides.
    assert (chances[0][3:] < alone[3:]).all()
    assert (alone[3:] < chances[1][3:]).all()


@pytest.mark.parametrize(("share", "least", "most"), [(0.9, 1.6, 2.2), (0.5, -0.01, 0.01)])
def test_offset_meets_what_is_told(share: float, least: float, most: float) -> None:
    """Of many keyframes that look even, as many begin shots then as were seen to."""
    told = np.arange(100) < 100 * share
    found = offset(np.zeros(100), told)
    assert least < found < most
    assert abs(float(share_of(np.array([found]))[0]) - share) < 0.03


def test_offset_of_nothing_is_nothing() -> None:
    """Without a keyframe that was looked at closer nothing is moved."""
    assert offset(np.empty(0), np.empty(0, np.bool_)) == 0.0
