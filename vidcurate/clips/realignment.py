"""Where in a video a sentence shows best, near the second at which it is said.

After HowToCaption (Shvetsova et al. 2024): speech and picture are some seconds apart, so a sentence
is moved to where the frames of 8 s fit it best on average, within 10 s of where it is expected.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

Cosines = NDArray[np.float64]
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Place:
    """A second of a video, and how well a sentence fits the span around it; None if unknown."""

    second: int
    similarity: float | None


def per_second(times_s: Sequence[float], vectors: Vectors, end_s: float) -> Vectors:
    """The vector nearest to each whole second from 0 to the video's end, shape (seconds, ...)."""
    times = np.asarray(times_s, np.float64)
    seconds = np.arange(max(1, ceil(end_s)))
    after = np.searchsorted(times, seconds).clip(0, len(times) - 1)
    before = (after - 1).clip(0)
    is_before = np.abs(times[before] - seconds) <= np.abs(times[after] - seconds)
    return np.asarray(vectors[np.where(is_before, before, after)])


def smoothed(cosines: Cosines, span_s: int) -> Cosines:
    """The mean of a sentence's cosines over the span around each second, one more at the end.

    The value of second t is the mean over the seconds from t - span/2 (rounded up) on, reflected at
    both ends of the video. Seconds that are nan, as they have no vector, do not count.
    """
    before = ceil(span_s / 2)
    padded = np.pad(cosines, (before, span_s - before), "reflect" if len(cosines) > 1 else "edge")
    spans = np.lib.stride_tricks.sliding_window_view(padded, span_s)
    is_known = ~np.isnan(spans)
    sums, counts = np.where(is_known, spans, 0.0).sum(axis=1), is_known.sum(axis=1)
    means = np.full(len(sums), np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means


def best_place(cosines: Sequence[Cosines], guess: int, max_shift_s: int, span_s: int) -> Place:
    """The second near a guess around which a sentence fits best: the first of equal ones.

    `cosines` are those of the sentence with each second of the video, of each set of vectors; the
    sets are added. Where no vector lies near enough the guess stays.
    """
    fit = np.sum([smoothed(series, span_s) for series in cosines], axis=0)
    guess = min(max(guess, 0), len(fit) - 1)
    first = max(0, guess - max_shift_s)
    near = fit[first : guess + max_shift_s + 1]
    if np.isnan(near).all():
        return Place(guess, None)
    best = int(np.nanargmax(near))
    return Place(first + best, float(near[best]))
