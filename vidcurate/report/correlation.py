"""How scores go together: Spearman's rank correlation."""

import numpy as np
from numpy.typing import NDArray

# Fewer pairs say nothing.
LEAST_PAIRS = 10


def spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[float | None, int]:
    """Return the rank correlation of two scores over the clips that have both, and how many.

    It is None where there are too few, or where all have one value. Equal values share the mean of
    their ranks.
    """
    is_there = ~(np.isnan(first) | np.isnan(second))
    count = int(is_there.sum())
    if count < LEAST_PAIRS:
        return None, count
    a, b = ranks(first[is_there]), ranks(second[is_there])
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a @ a) * (b @ b))
    return (float(a @ b / size) if size else None), count


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Number values from the least to the greatest; equal ones share the mean of their ranks."""
    _, place, sizes = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(sizes)
    means = last - (sizes - 1) / 2
    return np.asarray(means[place], np.float64)
