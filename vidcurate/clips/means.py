"""Means over clips with their standard errors, and differences of two sets of the same clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over `n` clips, and its standard error; None for fewer than two clips."""

    mean: float
    standard_error: float | None
    n: int


def weighted_mean(values: Sequence[float], weights: Sequence[float] | None = None) -> Mean | None:
    """The mean of some values, each with its weight; None without values or weight.

    A weighted mean r = Σwx / Σw is a ratio of two sums, whose standard error is that of the mean of
    w(x - r) / mean(w) over the clips (Cochran 1977, 2.11); with equal weights it is s / √n.
    """
    found = mean_and_residuals(values, weights)
    if found is None:
        return None
    mean, residuals = found
    return Mean(mean, standard_error(residuals), len(residuals))


def mean_difference(
    ours: Sequence[float],
    theirs: Sequence[float],
    our_weights: Sequence[float] | None = None,
    their_weights: Sequence[float] | None = None,
) -> Mean | None:
    """The mean of ours less theirs, whose values are of the same clips in one order."""
    one, other = mean_and_residuals(ours, our_weights), mean_and_residuals(theirs, their_weights)
    if one is None or other is None:
        return None
    return Mean(one[0] - other[0], standard_error(one[1] - other[1]), len(ours))


def mean_and_residuals(
    values: Sequence[float], weights: Sequence[float] | None
) -> tuple[float, Numbers] | None:
    """The weighted mean, and how much each value pulls at it."""
    numbers = np.asarray(values, np.float64)
    sizes = np.ones_like(numbers) if weights is None else np.asarray(weights, np.float64)
    if not sizes.sum():
        return None
    mean = float((numbers * sizes).sum() / sizes.sum())
    return mean, sizes * (numbers - mean) / sizes.mean()


def standard_error(residuals: Numbers) -> float | None:
    """The standard error of the mean of values whose distances from it these are."""
    n = len(residuals)
    return float(residuals.std(ddof=1)) / sqrt(n) if n > 1 else None
