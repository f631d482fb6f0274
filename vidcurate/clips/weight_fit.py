"""Weights of a clip's parts fitted to people's ratings, so that a better part never lowers the sum.

The solver is the active set method of Lawson and Hanson, Solving Least Squares Problems (1974),
chapter 23.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcurate.clips.rank_correlation import Numbers, pearson, spearman

N_FOLDS = 5
TOLERANCE = 1e-10  # of the largest gradient at the start: less is rounding


@dataclass(frozen=True, slots=True)
class WeightFit:
    """`base` plus the sum of the parts by their weights, of 0 and more."""

    base: float
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class FitQuality:
    """How well a fit tells ratings, of the clips that it was fitted to and of others.

    Correlations are of the fitted clips, `held_out_spearman` of clips that were held out, each
    predicted by a fit to four fifths of them. `error` is the root mean square error there in
    points, `mean_error` that of always saying the mean of the others. Correlations are None where
    all predictions are one number.
    """

    n_clips: int
    spearman: float | None
    pearson: float | None
    held_out_spearman: float | None
    error: float
    mean_error: float
    by_video: bool


def non_negative_least_squares(matrix: Numbers, target: Numbers) -> Numbers:
    """The weights x >= 0 for which the sum of squares of matrix x - target is least."""
    n = matrix.shape[1]
    x = np.zeros(n)
    is_free = np.zeros(n, bool)
    least = TOLERANCE * float(np.abs(matrix.T @ target).max(initial=0.0))
    for _ in range(3 * n):
        gradient = np.where(is_free, -np.inf, matrix.T @ (target - matrix @ x))
        if not n or gradient.max() <= least:
            break
        is_free[int(gradient.argmax())] = True
        x, is_free = solve_free(matrix, target, x, is_free)
    return x


def solve_free(
    matrix: Numbers, target: Numbers, x: Numbers, is_free: NDArray[np.bool_]
) -> tuple[Numbers, NDArray[np.bool_]]:
    """Least squares over the free weights; those that would become negative are bound to 0."""
    while True:
        solved = np.zeros_like(x)
        solved[is_free] = np.linalg.lstsq(matrix[:, is_free], target, rcond=None)[0]
        falls = is_free & (solved <= 0)
        if not falls.any():
            return solved, is_free
        step = float((x[falls] / np.maximum(x[falls] - solved[falls], 1e-300)).min())
        x = np.where(is_free, x + step * (solved - x), 0.0)
        is_free = is_free & ~(falls & (x <= TOLERANCE))
        x = np.where(is_free, x, 0.0)


def fit_weights(parts: Numbers, ratings: Numbers, names: Sequence[str]) -> WeightFit:
    """Fit a base and weights; parts have shape (clips, names)."""
    centre = parts.mean(axis=0)
    weights = non_negative_least_squares(parts - centre, ratings - ratings.mean())
    base = float(ratings.mean() - centre @ weights)
    return WeightFit(base, dict(zip(names, weights.tolist(), strict=True)))


def predicted(fit: WeightFit, parts: Numbers, lowest: float, highest: float) -> Numbers:
    """The ratings that a fit gives clips with these parts, within the bounds."""
    weights = np.array(list(fit.weights.values()))
    return np.asarray(np.clip(fit.base + parts @ weights, lowest, highest), np.float64)


def fit_quality(
    parts: Numbers, ratings: Numbers, videos: Sequence[str], bounds: tuple[float, float]
) -> FitQuality:
    """Measure how well weights that are fitted to ratings tell them, by five folds.

    Clips of one video are in one fold where there are five videos, since they look alike.
    """
    names = [str(number) for number in range(parts.shape[1])]
    by_video = len(set(videos)) >= N_FOLDS
    fold_of = folds(videos if by_video else [str(n) for n in range(len(videos))])
    held_out, means = np.zeros(len(ratings)), np.zeros(len(ratings))
    for fold in range(N_FOLDS):
        out, rest = fold_of == fold, fold_of != fold
        held_out[out] = predicted(
            fit_weights(parts[rest], ratings[rest], names), parts[out], *bounds
        )
        means[out] = ratings[rest].mean()
    fitted = predicted(fit_weights(parts, ratings, names), parts, *bounds)
    return FitQuality(
        n_clips=len(ratings),
        spearman=spearman(fitted, ratings),
        pearson=pearson(fitted, ratings),
        held_out_spearman=spearman(held_out, ratings),
        error=root_mean_square(held_out - ratings),
        mean_error=root_mean_square(means - ratings),
        by_video=by_video,
    )


def folds(groups: Sequence[str]) -> NDArray[np.int64]:
    """A fold for each item, the same for items of one group; large groups are dealt out first."""
    sizes = dict.fromkeys(groups, 0)
    for group in groups:
        sizes[group] += 1
    filled = [0] * N_FOLDS
    fold_of: dict[str, int] = {}
    for group, size in sorted(sizes.items(), key=lambda item: -item[1]):
        fold_of[group] = filled.index(min(filled))
        filled[fold_of[group]] += size
    return np.array([fold_of[group] for group in groups])


def root_mean_square(errors: Numbers) -> float:
    """The root of the mean of squares."""
    return float(np.sqrt(np.mean(errors**2)))
