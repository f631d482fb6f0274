"""How scores go together: Spearman's rank correlation."""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from vidcurate.clips.rank_correlation import ranks

# Fewer pairs say nothing.
LEAST_PAIRS = 10


def correlations(
    scores: Mapping[str, NDArray[np.float64]],
) -> Iterator[tuple[str, str, float | None, int]]:
    """Yield each pair of scores, their rank correlation over the clips with both, and how many.

    It is None where there are too few, or where all have one value. Equal values share the mean of
    their ranks.
    """
    is_there = {name: ~np.isnan(numbers) for name, numbers in scores.items()}

    # The scores of one table lack values of the same clips, so that few rankings serve all pairs.
    @cache
    def ranked(name: str, chosen: bytes) -> NDArray[np.float64]:
        numbers = ranks(scores[name][np.frombuffer(chosen, bool)])
        return np.asarray(numbers - numbers.mean(), np.float64)

    for first, second in combinations(scores, 2):
        both = is_there[first] & is_there[second]
        count = int(both.sum())
        value = None
        if count >= LEAST_PAIRS:
            a, b = (ranked(name, both.tobytes()) for name in (first, second))
            size = np.sqrt((a @ a) * (b @ b))
            value = float(a @ b / size) if size else None
        yield first, second, value, count
