"""Keyframes of a schedule, and those with which shots begin, are told by where they are."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vidcurate.media.shots.schedule import scheduled

Numbers = NDArray[np.intp]


def shots(rng: np.random.Generator, n_frames: int) -> Numbers:
    """The first frames of shots of chance length."""
    return np.cumsum(rng.integers(40, 400, n_frames // 40))


def by_limit(begins: Numbers, n_frames: int, limit: int) -> Numbers:
    """Keyframes where shots begin, and where none came for so many frames."""
    keys = [0]
    for begin in [*begins[begins < n_frames].tolist(), n_frames]:
        keys += range(keys[-1] + limit, begin, limit)
        keys.append(begin)
    return np.array(keys[:-1])


def on_grid(begins: Numbers, n_frames: int, step: int) -> Numbers:
    """Keyframes where shots begin, and on a grid."""
    return np.unique([*begins[begins < n_frames].tolist(), *range(0, n_frames, step)])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("limit", [120, 250])
def test_longest_distance_is_a_schedule(limit: int, seed: int) -> None:
    """Keyframes after a repeated longest distance are the encoder's, all others begin shots."""
    begins = shots(np.random.default_rng(seed), 6000)
    keys = by_limit(begins, 6000, limit)
    found = scheduled(keys)
    of_shots = np.isin(keys[1:], begins)
    assert found[of_shots].mean() < 0.1
    assert found[~of_shots].min() > 0.9


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("step", [60, 128])
def test_grid_goes_on_through_shots(step: int, seed: int) -> None:
    """Keyframes that are on a grid with others are its own; at most a few shots begin on it."""
    begins = shots(np.random.default_rng(seed), 6000)
    keys = on_grid(begins, 6000, step)
    found = scheduled(keys)
    of_grid = keys[1:] % step == 0
    assert found[of_grid].min() > 0.5
    assert np.mean(found[~of_grid] < 0.5) > 0.9


def test_grid_that_begins_anew_is_still_one() -> None:
    """A service that encodes in pieces moves its grid now and then."""
    rng = np.random.default_rng(3)
    steps = np.full(50, 128)
    steps[[10, 20, 35]] = 90, 121, 60
    grid = np.cumsum([0, *steps])
    begins = shots(rng, int(grid[-1]))
    keys = np.unique([*grid, *begins[begins < grid[-1]]])
    found = scheduled(keys)
    of_grid = np.isin(keys[1:], grid)
    assert np.mean(found[of_grid]) > 0.8
    assert np.mean(found[~of_grid]) < 0.2


def test_all_alike_distances_are_a_schedule() -> None:
    """Where an encoder looks for no shots, no keyframe begins one."""
    assert scheduled(np.arange(0, 3000, 48)).min() > 0.9


def test_keyframes_of_chance_begin_shots() -> None:
    """Distances of which none is repeated are no schedule's."""
    keys = np.cumsum([0, 95, 56, 57, 90, 48, 51, 41, 109, 155, 36, 138])
    assert scheduled(keys).mean() < 0.3


@pytest.mark.parametrize("keys", [[], [0], [0, 5], [0, 1, 2, 3], [0, 100_000], [7, 9, 100_000]])
def test_few_or_far_keyframes_are_judged(keys: list[int]) -> None:
    """There is a probability for each but the first."""
    found = scheduled(np.array(keys, np.intp))
    assert found.shape == (max(0, len(keys) - 1),)
    assert ((found >= 0.0) & (found <= 1.0)).all()


def test_long_film_of_short_distances_is_judged() -> None:
    """Only neighbours are compared: all pairs of 20,000 keyframes would take gigabytes."""
    keys = np.arange(0, 240_000, 12)
    assert scheduled(keys).min() > 0.9
