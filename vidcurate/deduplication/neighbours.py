"""Candidates for copies: clips that have a sample similar to a sample of another clip.

Samples are searched in cells around landmarks, an inverted file after Jegou, Douze and Schmid 2011
with samples drawn at random in the place of centroids. Up to EXACT samples all are compared.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidcurate.clips.vectors import Vectors
from vidcurate.deduplication.content import Numbers, unpacked

Packed = NDArray[np.int8]

MAX_EXACT_SAMPLES = 8192
# Each sample looks into this many cells; a cell holds about as many samples as there are cells.
CELLS_SEARCHED = 6
# So many most similar clips are examined, of each sample and of each clip.
MAX_NEIGHBOURS = 12
MIN_COSINE = 0.7
ROWS_AT_ONCE = 2048
SEED = 1
# Clips by their numbers, and the cosine of the samples in which they are most alike.
FOUND = pa.schema([("query", pa.int64()), ("other", pa.int64()), ("cosine", pa.float32())])


def candidates(
    queries: Packed, samples: Packed, owners: Numbers
) -> Iterator[tuple[int, int, float]]:
    """Find pairs of clips with the highest cosine of their samples, each pair once.

    The queries are the samples, perhaps mirrored; `owners` is the clip of each.
    """
    found = pa.concat_tables([FOUND.empty_table(), *similar_clips(queries, samples, owners)])
    best = found.group_by(["query", "other"]).aggregate([("cosine", "max")])
    best = best.sort_by([("query", "ascending"), ("cosine_max", "descending")])
    query, other = (best[name].to_numpy() for name in ("query", "other"))
    rank = np.arange(len(query)) - np.searchsorted(query, query)
    ordered = {"one": np.minimum(query, other), "two": np.maximum(query, other)}
    kept = pa.table({**ordered, "cosine": best["cosine_max"]}).filter(rank < MAX_NEIGHBOURS)
    pairs = kept.group_by(["one", "two"]).aggregate([("cosine", "max")])
    for batch in pairs.sort_by([("one", "ascending"), ("two", "ascending")]).to_batches():
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def similar_clips(queries: Packed, samples: Packed, owners: Numbers) -> Iterator[pa.Table]:
    """Find the most similar other clips for the clip of each query, cell by cell."""
    n_samples = len(samples)
    if n_samples <= MAX_EXACT_SAMPLES:
        every = np.arange(n_samples)
        yield from search_in_blocks(queries, every, samples, every, owners)
        return
    drawn = np.random.default_rng(SEED).choice(n_samples, int(n_samples**0.5), replace=False)
    landmarks = unpacked(samples[np.sort(drawn)])
    home = nearest_cells(samples, landmarks, 1)[:, 0]
    searched = nearest_cells(queries, landmarks, CELLS_SEARCHED)
    samples_by_cell, queries_by_cell = (
        group_by_cell(home, len(drawn)),
        group_by_cell(searched.ravel(), len(drawn)),
    )
    for own, visiting in zip(samples_by_cell, queries_by_cell, strict=True):
        yield from search_in_blocks(queries, visiting // CELLS_SEARCHED, samples, own, owners)


def nearest_cells(rows: Packed, landmarks: Vectors, count: int) -> NDArray[np.int32]:
    """Return the most similar landmarks of each row, shape (rows, count)."""
    found = np.empty((len(rows), count), np.int32)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        cosines = unpacked(rows[start : start + ROWS_AT_ONCE]) @ landmarks.T
        found[start : start + ROWS_AT_ONCE] = np.argpartition(cosines, -count)[:, -count:]
    return found


def group_by_cell(cells: NDArray[np.int32], n_cells: int) -> list[Numbers]:
    """Return the positions of the samples of each cell."""
    order = np.argsort(cells, kind="stable")
    return np.split(order, np.searchsorted(cells[order], np.arange(1, n_cells)))


def search_in_blocks(
    queries: Packed,
    query_numbers: Numbers,
    samples: Packed,
    sample_numbers: Numbers,
    owners: Numbers,
) -> Iterator[pa.Table]:
    """Find the most similar clips among some samples for some queries, a block at a time."""
    if not len(sample_numbers):
        return
    vectors = unpacked(samples[sample_numbers])
    # Samples lie in the order of their clips.
    clips, starts = np.unique(owners[sample_numbers], return_index=True)
    count = min(MAX_NEIGHBOURS, len(clips))
    for start in range(0, len(query_numbers), ROWS_AT_ONCE):
        some = query_numbers[start : start + ROWS_AT_ONCE]
        cosines = np.maximum.reduceat(unpacked(queries[some]) @ vectors.T, starts, axis=1)
        cosines[owners[some][:, None] == clips] = -1
        places = np.argpartition(cosines, -count)[:, -count:]
        best = np.take_along_axis(cosines, places, axis=1)
        row, column = np.nonzero(best >= MIN_COSINE)
        found = owners[some[row]], clips[places[row, column]], best[row, column]
        yield pa.table([pa.array(values) for values in found], schema=FOUND)
