"""A map of clips: their vectors on two axes, so that clips that look alike lie together."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidcurate.analysis.search import read_pieces
from vidcurate.clips.vectors import Vectors

Points = NDArray[np.float64]
SEED = 0
# UMAP needs some neighbours for each point.
MIN_FOR_UMAP = 20


@dataclass(frozen=True)
class VectorMap:
    """Some clips' places on the map, shape (clips, 2); `method` says in words how they came there.

    `n_clips` have a vector; the places are of `clip_ids`, an even sample of them.
    """

    clip_ids: tuple[str, ...]
    points: Points
    method: str
    n_clips: int


def map_of_vectors(file: Path, max_points: int) -> VectorMap:
    """Place at most `max_points` clips of a file of vectors, drawn at random but always the same.

    By UMAP where it is installed, else by PCA.
    """
    n_clips = sum(clips.num_rows for clips, _ in read_pieces(file))
    generator = np.random.default_rng(SEED)
    chosen = np.sort(generator.choice(n_clips, min(n_clips, max_points), replace=False))
    pieces = list(chosen_rows(file, chosen))
    ids = [clip_id for clips, _ in pieces for clip_id in clips["clip_id"].to_pylist()]
    vectors = np.concatenate([rows for _, rows in pieces]) if pieces else np.zeros((0, 2))
    points, method = place(np.asarray(vectors, np.float32))
    return VectorMap(tuple(ids), points, method, n_clips)


def chosen_rows(file: Path, chosen: NDArray[np.int64]) -> Iterator[tuple[pa.Table, Vectors]]:
    """The rows of a file of vectors by their numbers, which rise."""
    first = 0
    for clips, vectors in read_pieces(file):
        inside = chosen[(chosen >= first) & (chosen < first + clips.num_rows)] - first
        first += clips.num_rows
        if len(inside):
            yield clips.take(pa.array(inside)), np.array(vectors[inside])


def place(vectors: Vectors) -> tuple[Points, str]:
    """Places of vectors on two axes, and how they were found, in words."""
    if len(vectors) >= MIN_FOR_UMAP and find_spec("umap") is not None:
        return umap_places(vectors), "UMAP: neighbours lie together; long distances mean little"
    points, explained = principal_axes(vectors)
    return points, f"PCA: the two axes hold {explained:.0%} of the spread of all vectors"


def principal_axes(vectors: Vectors) -> tuple[Points, float]:
    """Vectors on the two axes of largest variance, and the share of all variance on these.

    The sign of an axis is such that its largest weight is positive, so that maps of equal data are
    equal. Source: principal component analysis by the singular value decomposition.
    """
    if not len(vectors):
        return np.zeros((0, 2)), 0.0
    centred = vectors.astype(np.float64) - vectors.mean(axis=0)
    variances, axes = np.linalg.eigh(centred.T @ centred)
    largest = axes[:, ::-1][:, :2]
    signs = np.sign(largest[np.abs(largest).argmax(axis=0), range(largest.shape[1])])
    total = max(float(variances.sum()), np.finfo(float).tiny)
    explained = float(variances[::-1][:2].clip(min=0).sum()) / total
    points = centred @ (largest * np.where(signs == 0, 1, signs))
    return np.pad(points, ((0, 0), (0, 2 - points.shape[1]))), explained


def umap_places(vectors: Vectors) -> Points:
    """Vectors on two axes by UMAP, with a fixed seed."""
    umap = import_module("umap")
    reducer = umap.UMAP(n_components=2, metric="cosine", random_state=SEED, n_jobs=1)
    return np.asarray(reducer.fit_transform(vectors), np.float64)
