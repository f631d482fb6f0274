"""The clips of a data set that are most like a text, an image or another clip."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.analysis.search import (
    cached_vectors,
    clips_with_vectors,
    most_similar,
    ranked_by_frames,
    vector_of,
)
from vidcurate.analysis.view import (
    present_plan,
    present_scope,
    present_tables,
    read_consistently,
    reader,
)
from vidcurate.clips.vectors import Vectors, read_video_vectors
from vidcurate.errors import MediaError, UsageError, quantity
from vidcurate.models.vision.embedder import Embedder, open_embedder
from vidcurate.pipeline.counts import state_digest
from vidcurate.pipeline.resolve import ResolvedStage, resolve
from vidcurate.records import CLIPS, SOURCES, VECTORS, VideoVectors
from vidcurate.rules.join import Read, video_paths
from vidcurate.stages.registry import STAGES
from vidcurate.stages.sources.embed import EMBED, EmbedConfig, chosen
from vidcurate.store.cache import local_copy
from vidcurate.store.dataset import Dataset

Pooling = Literal["mean", "softmax"]

# So many clips that are likest as a whole are ranked again by their frames.
RANKED_AGAIN = 1000
VIDEOS_AT_HAND = 64


@dataclass(frozen=True)
class Embedded:
    """A data set's vectors: the stage that made them, its rows by video, and all clips' vectors."""

    dataset: Dataset
    stage: ResolvedStage
    videos: Mapping[str, VideoVectors]
    file: Path

    def of_video(self, video_id: str) -> pa.Table:
        """The vectors of a video's frames."""
        files = self.stage.output(self.dataset).files
        return read_video_vectors(local_copy(files / self.videos[video_id].vectors_file))


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is looked for: a text, or an image's file or a clip's id (`like`).

    `pool` says how a clip stands for its frames: mean takes all of them, softmax those that fit
    best, the fewer the lower the `temperature`.
    """

    text: str | None = None
    like: str | None = None
    pool: Pooling = "mean"
    temperature: float = 0.01


def find_clips(
    dataset: Dataset, query: SearchQuery, top: int, note: Callable[[str], None]
) -> list[dict[str, Any]]:
    """The `top` clips most like a query, best first, with score, id, video and times.

    `note` is called where clips are left out since their videos are not embedded. Raises UsageError
    for a query of no or two kinds, and what `embedded_clips` and `query_vector` raise.
    """
    if (query.text is None) == (query.like is None):
        raise UsageError(
            "say what to look for, by either a text or --like with a file or a clip's id"
        )

    def look() -> list[dict[str, Any]]:
        plan = present_plan(dataset)
        read = cache(reader(dataset, plan, present_scope(dataset, plan)))
        embedded = embedded_clips(dataset, plan, read, note)
        vector = query_vector(embedded, query.text, query.like)
        # A clip is most like itself, which nobody asks for.
        count = top + 1 if query.pool == "mean" else max(top + 1, RANKED_AGAIN)
        found = most_similar(embedded.file, vector, count)
        if query.pool == "softmax":
            of_video = lru_cache(VIDEOS_AT_HAND)(embedded.of_video)
            found = ranked_by_frames(found, vector, of_video, query.temperature)
        others = found.filter(pc.not_equal(found[CLIPS.key], query.like or "")).slice(0, top)
        return rows_shown(others, read(SOURCES.name))

    return read_consistently(dataset, look)


def embedded_clips(
    dataset: Dataset, plan: tuple[ResolvedStage, ...], read: Read, note: Callable[[str], None]
) -> Embedded:
    """The vectors of all live clips; those of videos that are not embedded are missing.

    Raises UsageError where the data set has no clips or no vectors.
    """
    for table, command in ((CLIPS, "split"), (VECTORS, "embed")):
        if table.name not in present_tables(plan):
            raise UsageError(
                f"the data set has no {table.name}: run `vidcurate {command} -d {dataset.root}`"
            )
    made = {resolved.stage.writes.name: resolved for resolved in plan}
    scope = present_scope(dataset, plan)
    of = "".join(state_digest(dataset, made[table.name], scope) for table in (CLIPS, VECTORS))
    videos = {row.video_id: row for row in VECTORS.from_arrow(read(VECTORS.name))}
    embedded = partial(Embedded, dataset, made[VECTORS.name], videos)

    def make() -> Any:
        clips = read(CLIPS.name)
        kept = clips.filter(pc.is_in(clips["video_id"], value_set=pa.array(videos, pa.string())))
        if kept.num_rows < clips.num_rows:
            lost = quantity(clips.num_rows - kept.num_rows, "clip")
            note(f"{lost} left out: their videos are not embedded")
        dimension = next((row.dimension for row in videos.values()), 1)
        return clips_with_vectors(kept, dimension, embedded(Path()).of_video)

    return embedded(cached_vectors(dataset.root, of, make))


def query_vector(embedded: Embedded, text: str | None, like: str | None) -> Vectors:
    """What is looked for, as a vector of length one.

    Raises UsageError for a picture that cannot be read, a clip that is not there, and for words
    where the vectors know none.
    """
    if text is not None:
        return np.asarray(embedder(embedded).text_vectors([text])[0], np.float32)
    assert like is not None
    if not Path(like).is_file():
        vector = vector_of(embedded.file, like)
        if vector is None:
            raise UsageError(f"{like} is neither a file nor the id of a clip that has a vector")
        return vector
    try:
        vectors = embedder(embedded).image_vectors([Path(like).read_bytes()])
    except MediaError as error:
        raise UsageError(f"{like}: {error}") from error
    return np.asarray(vectors[0], np.float32)


def embedder(embedded: Embedded) -> Embedder:
    """What made the vectors.

    Raises UsageError where it cannot be had, or is not what it was when it made them.
    """
    config = embedded.stage.config
    assert isinstance(config, EmbedConfig)
    current = resolve(embedded.dataset, STAGES, [EMBED.name], {})[-1]
    if current.fingerprint != embedded.stage.fingerprint:
        raise UsageError(
            "the vectors are stale: options, weights or what they are made from changed; "
            f"run `vidcurate embed -d {embedded.dataset.root}`"
        )
    return open_embedder(config.backend.name, chosen(config))


def rows_shown(found: pa.Table, sources: pa.Table) -> list[dict[str, Any]]:
    """The columns that a search shows of each clip."""
    return [
        {
            "score": round(row["score"], 4),
            "clip_id": row["clip_id"],
            "video": video,
            "start_s": row["start_s"],
            "end_s": row["end_s"],
        }
        for row, video in zip(
            found.to_pylist(), video_paths(found, sources).to_pylist(), strict=True
        )
    ]
