"""How the values of a score lie, by what became of the clips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10, sqrt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

MAX_BINS, MIN_BINS = 40, 8
# Beyond these shares of the values lie the few that would press the others together.
TAILS = (0.005, 0.995)
# Positive values that lie so many times apart have bins of equal ratio.
FAR_APART = 100.0
# What fates mean for a rule: its clips were kept, rejected, or nobody knows yet.
GROUPS: Mapping[str, Sequence[str]] = {
    "kept": ("kept", "left out", "captioned", "exported", "refused"),
    "rejected": ("rejected",),
    "undecided": ("unmeasured", "waiting"),
}


@dataclass(frozen=True)
class Histogram:
    """Counts of each group between edges; the first and the last bin also hold what lies beyond.

    `low` and `high` are the least and the greatest value, `missing` clips have none. With `is_log`
    bins are of equal ratio, else of equal width.
    """

    edges: tuple[float, ...]
    counts: Mapping[str, tuple[int, ...]]
    low: float | None
    high: float | None
    missing: int
    is_log: bool = False


def groups_of(fates: pa.ChunkedArray) -> dict[str, NDArray[np.bool_]]:
    """Which clips are in each group."""
    fates = fates.combine_chunks()
    return {
        group: np.asarray(pc.is_in(fates, value_set=pa.array(of_group)), bool)
        for group, of_group in GROUPS.items()
    }


def histogram(
    numbers: NDArray[np.float64],
    groups: Mapping[str, NDArray[np.bool_]],
    limits: Sequence[float] = (),
) -> Histogram:
    """Count the values of each group; limits that lie among the values lie among the bins."""
    is_there = ~np.isnan(numbers)
    present = numbers[is_there]
    missing = len(numbers) - len(present)
    if not len(present):
        return Histogram((), dict.fromkeys(groups, ()), None, None, missing)
    is_log = bool(present.min() > 0) and present.max() >= FAR_APART * present.min()
    edges = ratio_edges(present) if is_log else bin_edges(present, limits)
    inside = np.clip(numbers, edges[0], edges[-1])
    counts = {
        group: tuple(map(int, np.histogram(inside[is_there & chosen], edges)[0]))
        for group, chosen in groups.items()
    }
    low, high = float(present.min()), float(present.max())
    return Histogram(tuple(map(float, edges)), counts, low, high, missing, is_log)


def bin_edges(present: NDArray[np.float64], limits: Sequence[float]) -> NDArray[np.float64]:
    """Return at most 41 edges at round numbers.

    A few whole numbers have a bin each, centred on it; the edges go from tail to tail else.
    """
    least, greatest = float(present.min()), float(present.max())
    if greatest - least < MAX_BINS and bool((present == np.round(present)).all()):
        return np.arange(least - 0.5, greatest + 1)
    low, high = (float(edge) for edge in np.quantile(present, TAILS))
    among = [limit for limit in limits if least <= limit <= greatest]
    low, high = min([low, *among]), max([high, *among])
    if low == high:
        low, high = least, greatest
    if low == high:  # one value
        return np.array([low - abs(low) / 20 - 1e-9, high + abs(high) / 20 + 1e-9])
    wanted = wanted_bins(present)
    step = round_step((high - low) / wanted)
    first, last = floor(low / step), ceil(high / step)
    return np.arange(first, last + 1, dtype=np.float64) * step


def ratio_edges(present: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return edges from the least to the greatest value, each the same number of times the last."""
    powers = np.linspace(log10(present.min()), log10(present.max()), wanted_bins(present) + 1)
    edges: NDArray[np.float64] = np.power(10.0, powers)
    edges[0], edges[-1] = present.min(), present.max()
    return edges


def wanted_bins(present: NDArray[np.float64]) -> int:
    """How many bins suit so many values."""
    return min(MAX_BINS - 1, max(MIN_BINS, ceil(2 * sqrt(len(present)))))


def round_step(least: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is not below `least`."""
    power = 10.0 ** floor(log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9))
