"""consistency: how similar the frames of a clip are, which finds clips that hold two scenes."""

from collections.abc import Iterator, Sequence

import numpy as np

from vidcurate.clips.vectors import Vectors, vectors_of
from vidcurate.options import StageConfig
from vidcurate.records import CLIPS, CONSISTENCY, VECTORS, Clip, Consistency
from vidcurate.stage import Lookup, MapStage, Workspace

ROWS_AT_ONCE = 1024


class ConsistencyConfig(StageConfig):
    """There is nothing to choose but the vectors, which are embed's."""


def consistency(
    clips: Sequence[Clip], _config: ConsistencyConfig, _tool: None, workspace: Workspace
) -> Iterator[list[Consistency]]:
    """Measure cosines between the vectors of each clip's frames, about one a second.

    The lowest of any pair is what VideoX-Fun judges, that of neighbours what finds a cut. All are 1
    for a clip of one frame. Raises MediaError for a video without vectors.
    """
    for clip, video, vectors in vectors_of(clips, workspace):
        neighbour_min, neighbour_mean = neighbour_cosines(vectors)
        pair_min, pair_mean = pair_cosines(vectors)
        row = Consistency(
            clip_id=clip.clip_id,
            video_id=clip.video_id,
            backend=video.backend,
            model=video.model,
            n_frames=len(vectors),
            neighbour_min=neighbour_min,
            neighbour_mean=neighbour_mean,
            pair_min=pair_min,
            pair_mean=pair_mean,
        )
        yield [row]


def neighbour_cosines(vectors: Vectors) -> tuple[float, float]:
    """Return the lowest and the mean cosine of successive frames; 1 and 1 for one frame."""
    if len(vectors) == 1:
        return 1.0, 1.0
    cosines = (vectors[:-1] * vectors[1:]).sum(axis=1)
    return float(cosines.min()), float(cosines.mean())


def pair_cosines(vectors: Vectors) -> tuple[float, float]:
    """Return the lowest and the mean cosine of two different frames; 1 and 1 for one frame."""
    count = len(vectors)
    if count == 1:
        return 1.0, 1.0
    pieces = range(0, count, ROWS_AT_ONCE)
    lowest = min((vectors[n : n + ROWS_AT_ONCE] @ vectors.T).min() for n in pieces)
    total, own = vectors.sum(axis=0, dtype=np.float64), (vectors.astype(np.float64) ** 2).sum()
    return float(lowest), float((total @ total - own) / (count * (count - 1)))


CONSISTENCY_STAGE = MapStage(
    name="consistency",
    summary="Measure how similar the frames of each clip are, by their vectors.",
    reads=CLIPS,
    writes=CONSISTENCY,
    config=ConsistencyConfig,
    run=consistency,
    lookups=(Lookup(VECTORS),),
    rows_per_part=512,
)
