"""Which clips might be copies: those with a sample that looks like one of another clip.

Samples are searched in cells around landmarks, an inverted file after Jegou, Douze and Schmid 2011
with samples drawn at random in the place of centroids. Up to EXACT samples all are compared.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidcurate.clips.vectors import Vectors
from vidcurate.deduplication.shown import Places, unpacked

Packed = NDArray[np.int8]

EXACT = 8192
# Each sample looks into this many cells; a cell holds about as many samples as there are cells.
CELLS_SEARCHED = 6
# So many likest clips are looked at, of each sample and of each clip.
LIKEST_CLIPS = 12
LEAST_COSINE = 0.7
ROWS_AT_ONCE = 2048
SEED = 1
# Clips by their numbers, and the cosine of the samples in which they are most alike.
FOUND = pa.schema([("query", pa.int64()), ("other", pa.int64()), ("cosine", pa.float32())])


def candidates(
    queries: Packed, samples: Packed, owners: Places
) -> Iterator[tuple[int, int, float]]:
    """Pairs of clips with the highest cosine of their samples, without repeats.

    The queries are the samples, perhaps mirrored; `owners` is the clip of each.
    """
    found = pa.concat_tables([FOUND.empty_table(), *alike(queries, samples, owners)])
    best = found.group_by(["query", "other"]).aggregate([("cosine", "max")])
    best = best.sort_by([("query", "ascending"), ("cosine_max", "descending")])
    query, other = (best[name].to_numpy() for name in ("query", "other"))
    rank = np.arange(len(query)) - np.searchsorted(query, query)
    ordered = {"one": np.minimum(query, other), "two": np.maximum(query, other)}
    kept = pa.table({**ordered, "cosine": best["cosine_max"]}).filter(rank < LIKEST_CLIPS)
    pairs = kept.group_by(["one", "two"]).aggregate([("cosine", "max")])
    for batch in pairs.sort_by([("one", "ascending"), ("two", "ascending")]).to_batches():
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def alike(queries: Packed, samples: Packed, owners: Places) -> Iterator[pa.Table]:
    """The likest other clips for the clip of each query, cell by cell."""
    n_samples = len(samples)
    if n_samples <= EXACT:
        every = np.arange(n_samples)
        yield from in_blocks(queries, every, samples, every, owners)
        return
    drawn = np.random.default_rng(SEED).choice(n_samples, int(n_samples**0.5), replace=False)
    landmarks = unpacked(samples[np.sort(drawn)])
    home = nearest_cells(samples, landmarks, 1)[:, 0]
    searched = nearest_cells(queries, landmarks, CELLS_SEARCHED)
    members, visitors = grouped(home, len(drawn)), grouped(searched.ravel(), len(drawn))
    for own, visiting in zip(members, visitors, strict=True):
        yield from in_blocks(queries, visiting // CELLS_SEARCHED, samples, own, owners)


def nearest_cells(rows: Packed, landmarks: Vectors, count: int) -> NDArray[np.int32]:
    """The landmarks that are likest to each row, shape (rows, count)."""
    found = np.empty((len(rows), count), np.int32)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        cosines = unpacked(rows[start : start + ROWS_AT_ONCE]) @ landmarks.T
        found[start : start + ROWS_AT_ONCE] = np.argpartition(cosines, -count)[:, -count:]
    return found


def grouped(cells: NDArray[np.int32], n_cells: int) -> list[Places]:
    """The places that name each cell."""
    order = np.argsort(cells, kind="stable")
    return np.split(order, np.searchsorted(cells[order], np.arange(1, n_cells)))


def in_blocks(
    queries: Packed, asked: Places, samples: Packed, held: Places, owners: Places
) -> Iterator[pa.Table]:
    """The likest clips with a sample held for each query asked, a block at a time."""
    if not len(held):
        return
    vectors = unpacked(samples[held])
    # Samples lie in the order of their clips.
    clips, starts = np.unique(owners[held], return_index=True)
    count = min(LIKEST_CLIPS, len(clips))
    for start in range(0, len(asked), ROWS_AT_ONCE):
        some = asked[start : start + ROWS_AT_ONCE]
        cosines = np.maximum.reduceat(unpacked(queries[some]) @ vectors.T, starts, axis=1)
        cosines[owners[some][:, None] == clips] = -1
        places = np.argpartition(cosines, -count)[:, -count:]
        best = np.take_along_axis(cosines, places, axis=1)
        row, column = np.nonzero(best >= LEAST_COSINE)
        found = owners[some[row]], clips[places[row, column]], best[row, column]
        yield pa.table([pa.array(values) for values in found], schema=FOUND)
