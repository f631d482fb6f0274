"""What all captions of a data set have in common: their lengths, words, beginnings and repairs."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.captioning.text.agreement import words_in

BINS = 24
MOST_FREQUENT = 20
OPENING_WORDS = 3
# English words that say nothing of a clip by themselves.
COMMON = frozenset(
    words_in(
        "a about after all also an and are as at be been being before behind below beside between "
        "both but by can for from has have he her his in into is it its near no not of off on "
        "onto or other out over she some that the their them then there these they this through "
        "to towards two under up very was were while which who with"
    )
)


@dataclass(frozen=True)
class CaptionStatistics:
    """Captions by numbers.

    `edges` and `counts` are a histogram of lengths in words. `words` and `openers` are the most
    frequent words, without those that fit any clip, and first words, each with the number of
    captions that have them. `shares` are shares of all captions.
    """

    n: int
    median_words: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    words: tuple[tuple[str, int], ...]
    openers: tuple[tuple[str, int], ...]
    shares: Mapping[str, float]


def caption_statistics(captions: pa.Table) -> CaptionStatistics:
    """What the rows of the table of captions have in common."""
    words: Counter[str] = Counter()
    openers: Counter[str] = Counter()
    lengths: list[int] = []
    for text in captions["text"].to_pylist():
        found = words_in(text)
        lengths.append(len(found))
        words.update({*found} - COMMON)
        openers[" ".join(found[:OPENING_WORDS])] += 1
    counts, edges = length_histogram(lengths)
    return CaptionStatistics(
        n=captions.num_rows,
        median_words=float(np.median(lengths)) if lengths else 0.0,
        edges=tuple(map(float, edges)),
        counts=tuple(map(int, counts)),
        words=most_frequent(words),
        openers=most_frequent(openers),
        shares=shares(captions),
    )


def length_histogram(lengths: Iterable[int]) -> tuple[Iterable[float], Iterable[float]]:
    """Counts and edges of bins of whole words; empty without a caption."""
    values = np.fromiter(lengths, np.int64)
    if not len(values):
        return (), ()
    low, high = int(values.min()), int(values.max()) + 1
    step = max(1, -(-(high - low) // BINS))
    edges = np.arange(low, high + step, step)
    counts, _ = np.histogram(values, bins=edges)
    return counts, edges


def most_frequent(counter: Counter[str]) -> tuple[tuple[str, int], ...]:
    """The most frequent ones, of equal ones the first by alphabet; what stands once is left out."""
    ordered = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    return tuple(item for item in ordered[:MOST_FREQUENT] if item[1] > 1)


def shares(captions: pa.Table) -> dict[str, float]:
    """The shares of captions that break off, were repaired, or contradict a measurement."""
    if not captions.num_rows:
        return {}
    is_long = {
        "repaired": pc.greater(pc.list_value_length(captions["repairs"]), 0),
        "contradict a measurement": pc.greater(pc.list_value_length(captions["conflicts"]), 0),
        "break off": pc.not_equal(captions["status"], "ok"),
        "empty": pc.equal(pc.utf8_trim_whitespace(captions["text"]), ""),
    }
    return {name: pc.mean(pc.cast(mask, pa.int8())).as_py() for name, mask in is_long.items()}
