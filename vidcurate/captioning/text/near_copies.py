"""Finds captions of different clips that say nearly the same, without comparing all pairs.

Texts are sets of three-word runs, and likeness is the share of runs in common (Jaccard). MinHash
(Broder 1997, "On the resemblance and containment of documents") reduces each set to a few hashes;
only texts that agree in a band of these are compared.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcurate.captioning.text.agreement import words_in

# A pair of likeness 0.8 shares a band with probability 0.9999, one of 0.3 with 0.4.
BANDS, ROWS = 18, 3
RUN = 3
HIGH_BITS = np.uint64(32)
SEED = 17
MAX_COMPARED = 20  # texts that each is compared with in a band, where thousands are the same

Hashes = NDArray[np.uint64]
Bands = NDArray[np.int64]
MULTIPLIERS, ADDENDS = np.random.default_rng(SEED).integers(
    1, 1 << 63, (2, BANDS * ROWS), np.uint64
)


@dataclass(frozen=True, slots=True)
class NearCopy:
    """The most similar other text, by its number, and how similar it is, 0..1."""

    number: int
    likeness: float


def minhash_bands(text: str) -> tuple[int, ...]:
    """One number for each band of a text's MinHash signature."""
    runs = np.fromiter(shingles_of(text), np.uint64)[:, None]
    # Multiply-shift hashing (Dietzfelbinger et al. 1997), modulo 2 to the 64.
    hashed = (runs * (MULTIPLIERS | np.uint64(1)) + ADDENDS) >> HIGH_BITS
    least = hashed.min(axis=0).reshape(BANDS, ROWS)
    return tuple(zlib.crc32(band.tobytes()) for band in least)


def shingles_of(text: str) -> frozenset[int]:
    """Hashes of a text's runs of words; a shorter text is one run."""
    words = words_in(text)
    starts = range(max(1, len(words) - RUN + 1))
    return frozenset(zlib.crc32(" ".join(words[at : at + RUN]).encode()) for at in starts)


def near_copies(texts: Sequence[str], bands: Bands, min_likeness: float) -> dict[int, NearCopy]:
    """The most similar other text of each text that has one of at least `min_likeness`.

    `bands` has one row for each text, shape (texts, BANDS).
    """
    found: dict[int, NearCopy] = {}
    for one, other in sorted(set(pairs(bands))):
        first, second = shingles_of(texts[one]), shingles_of(texts[other])
        likeness = len(first & second) / len(first | second)
        if likeness < min_likeness:
            continue
        for text, copy in ((one, other), (other, one)):
            if text not in found or found[text].likeness < likeness:
                found[text] = NearCopy(copy, likeness)
    return found


def pairs(bands: Bands) -> Iterator[tuple[int, int]]:
    """Pairs of texts that share a band, the lower number first."""
    for values in bands.T:
        order = np.argsort(values, kind="stable")
        edges = np.flatnonzero(np.diff(values[order])) + 1
        for alike in np.split(order, edges):
            for place, one in enumerate(alike[:-1].tolist()):
                yield from ((one, o) for o in alike[place + 1 : place + 1 + MAX_COMPARED].tolist())
