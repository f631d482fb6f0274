"""A map of clips: their vectors on two axes, so that clips that look alike lie together."""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidcurate.analysis.search import VideoVectors, clips_with_vectors
from vidcurate.clips.vectors import Vectors
from vidcurate.records import CLIPS

Points = NDArray[np.float64]
SEED = 0
# UMAP needs some neighbours for each point.
MIN_FOR_UMAP = 20
NO_VECTORS = np.zeros((0, 2), np.float32)


@dataclass(frozen=True)
class VectorMap:
    """Clips' places on the map, shape (clips, 2); `method` says in words how they came there."""

    clip_ids: tuple[str, ...]
    points: Points
    method: str


def map_of_clips(clips: pa.Table, dimension: int, video_vectors: VideoVectors) -> VectorMap:
    """Place clips by their vectors: by UMAP if it is installed, else by PCA.

    `video_vectors` gives those of a video's frames; it is asked for each video once.
    """
    found = pa.concat_tables(clips_with_vectors(clips, dimension, video_vectors))
    flat = found["vector"].combine_chunks().flatten().to_numpy()
    points, method = place(flat.reshape(found.num_rows, -1) if found.num_rows else NO_VECTORS)
    return VectorMap(tuple(found[CLIPS.key].to_pylist()), points, method)


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
