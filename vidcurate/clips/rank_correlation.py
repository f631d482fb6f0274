"""How two lists of numbers go together: Pearson's correlation, and Spearman's of their ranks."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def ranks(values: Numbers) -> Numbers:
    """Number values from the least to the greatest; equal ones share the mean of their ranks."""
    _, place, sizes = np.unique(values, return_inverse=True, return_counts=True)
    means = np.cumsum(sizes) - (sizes - 1) / 2
    return np.asarray(means[place], np.float64)


def pearson(first: Numbers, second: Numbers) -> float | None:
    """Pearson's correlation; None where one of them has one value only."""
    a, b = first - first.mean(), second - second.mean()
    size = np.sqrt((a @ a) * (b @ b))
    return float(np.clip(a @ b / size, -1, 1)) if size else None


def spearman(first: Numbers, second: Numbers) -> float | None:
    """Spearman's rank correlation; None where one of them has one value only."""
    return pearson(ranks(first), ranks(second))
