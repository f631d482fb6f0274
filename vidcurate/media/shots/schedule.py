"""Which of a video's keyframes an encoder put where a shot begins, and which by a schedule.

Encoders begin shots with keyframes, and put others by a schedule: where none came for long enough,
or on a grid that goes on whatever lies between. Which schedule it was is told by where all
keyframes are: each that may have been explains them with some likelihood, as if shots began by
chance. What is frequent among the distances of keyframes is tried as its length.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Shots begin so often in a frame, where nothing is known.
SHOT_RATE = 1.0 / 150.0
# The logarithms of how likely a keyframe is that comes later than the longest distance allows, and
# a schedule of one certain length.
TOO_LATE, ONE_LENGTH = -12.0, -5.7
# So many lengths are tried for either kind of schedule; those of grids are of so many frames.
N_LIMITS, N_GRIDS = 4, 4
SHORTEST, LONGEST = 9, 400
# Keyframes of a grid may be the next but so many of each other.
LAGS = 8
# How often a grid's next keyframe is exactly where it is expected, up to EARLY frames before or
# LATER ones after that, and somewhere up to REACH steps on, since keyframes may be left out.
EXACT, NEAR, ELSEWHERE = 0.76, 0.06, 0.18
EARLY, LATER, REACH = 16, 8, 3
IMPOSSIBLE = 1e-12

Values = NDArray[np.float64]
Numbers = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Explanation:
    """How well a schedule explains all keyframes, and how likely it put each but the first."""

    log_likelihood: float
    scheduled: Values


def scheduled(keys: Numbers) -> Values:
    """Return the probability that a schedule put each keyframe but the first: shape (n - 1,).

    `keys` are the frames of keyframes in order.
    """
    if len(keys) <= 1:
        return np.zeros(0)
    found = list(explanations(keys))
    likely = np.array([one.log_likelihood for one in found])
    weights = np.exp(likely - np.logaddexp.reduce(likely))
    return np.asarray(np.clip(weights @ np.array([one.scheduled for one in found]), 0.0, 1.0))


def explanations(keys: Numbers) -> Iterator[Explanation]:
    """Yield what may have put the keyframes: shots alone, a longest distance, or a grid."""
    apart = np.diff(keys)
    n_shots, n_frames = len(apart), int(keys[-1] - keys[0])
    by_chance = n_shots * np.log(SHOT_RATE) - SHOT_RATE * n_frames
    yield Explanation(float(by_chance), np.zeros(n_shots))
    for limit in sorted({*frequent(apart, N_LIMITS - 1), int(apart.max())}):
        yield by_limit(apart, limit)
    lags = [keys[lag:] - keys[:-lag] for lag in range(1, min(LAGS, n_shots) + 1)]
    steps = np.concatenate(lags)
    for step in frequent(steps[(steps >= SHORTEST) & (steps <= LONGEST)], N_GRIDS):
        yield by_grid(keys, step)


def frequent(lengths: Numbers, most: int) -> list[int]:
    """Return the most frequent lengths, of equally frequent ones the shorter."""
    found, counts = np.unique(lengths, return_counts=True)
    return [int(length) for length in found[np.argsort(-counts, kind="stable")[:most]]]


def by_limit(apart: Numbers, limit: int) -> Explanation:
    """Explain keyframes by one where none came for `limit` frames, and by shots before that."""
    of_shots = np.log(SHOT_RATE) - SHOT_RATE * apart
    likely = np.where(apart < limit, of_shots, np.log(SHOT_RATE) + TOO_LATE)
    likely[apart == limit] = -SHOT_RATE * limit
    return Explanation(float(likely.sum()) + ONE_LENGTH, (apart == limit).astype(np.float64))


def by_grid(keys: Numbers, step: int) -> Explanation:
    """Explain keyframes by a grid that begins with the first, and by shots that begin between.

    Which are the grid's is summed over: all ways up to each keyframe, and all from it on.
    """
    last = int(keys[-1])
    to_end = np.arange(len(keys))[::-1] * np.log(SHOT_RATE)
    ends = np.where(last - keys <= REACH * step, to_end, -np.inf)
    begins = np.full(len(keys), -np.inf)
    begins[0] = 0.0
    before = ways(keys, step, begins)
    after = ways(last - keys[::-1], step, ends[::-1])[::-1]
    total = float(after[0])
    on_grid = np.exp(np.minimum(before + after - total, 0.0))[1:]
    of_no_shots = SHOT_RATE * float(last - keys[0])
    return Explanation(total - of_no_shots + ONE_LENGTH, on_grid)


def ways(keys: Numbers, step: int, begins: Values) -> Values:
    """Return the logarithm of all ways by which a grid leads up to each keyframe.

    `begins` is that of the way that begins with it.
    """
    found = begins.copy()
    first = np.minimum(np.searchsorted(keys, keys - REACH * step), np.arange(len(keys)) - 1)
    for number in range(1, len(keys)):
        earlier = np.arange(first[number], number)
        shots = (number - 1 - earlier) * np.log(SHOT_RATE)
        led = found[earlier] + log_step(keys[number] - keys[earlier], step) + shots
        found[number] = np.logaddexp(found[number], np.logaddexp.reduce(led))
    return found


def log_step(lengths: Numbers, step: int) -> Values:
    """Return the logarithm of how likely a grid's next keyframe is so many frames on."""
    near = (lengths >= step - EARLY) & (lengths <= step + LATER)
    within = lengths <= REACH * step
    chances = (
        EXACT * (lengths == step)
        + NEAR * near / (EARLY + LATER + 1)
        + ELSEWHERE * within / (REACH * step)
    )
    return np.asarray(np.log(np.maximum(chances, IMPOSSIBLE)))
