"""The `search` command: the clips most like a text, a picture or another clip."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import typer

from vidcurate.analysis.search import (
    kept_vectors,
    likest,
    ranked_by_frames,
    vector_of,
    with_vectors,
)
from vidcurate.cli.look import (
    AsJson,
    Folder,
    open_dataset,
    present_plan,
    present_scope,
    present_tables,
    reader,
    steadily,
)
from vidcurate.cli.output import printable, say, tell, tell_json
from vidcurate.clips.vectors import Vectors, read_video_vectors
from vidcurate.errors import MediaError, UsageError
from vidcurate.models.vision.embedder import Embedder, open_embedder
from vidcurate.pipeline.counts import digest
from vidcurate.pipeline.resolve import Planned
from vidcurate.pipeline.runner import plan_for
from vidcurate.records import CLIPS, SOURCES, VECTORS, VideoVectors
from vidcurate.rules.join import Read, video_paths
from vidcurate.stages import STAGES
from vidcurate.stages.sources.embed import EMBED, EmbedConfig, chosen
from vidcurate.store.cache import local
from vidcurate.store.dataset import Dataset
from vidcurate.wording import quantity

# So many clips that are likest as a whole are ranked again by their frames.
RANKED_AGAIN = 1000
VIDEOS_AT_HAND = 64


@dataclass(frozen=True)
class Embedded:
    """A data set's vectors: the stage that made them, its rows by video, and all clips' vectors."""

    dataset: Dataset
    stage: Planned
    videos: Mapping[str, VideoVectors]
    file: Path

    def of_video(self, video_id: str) -> pa.Table:
        """The vectors of a video's frames."""
        files = self.stage.own(self.dataset).files
        return read_video_vectors(local(files / self.videos[video_id].vectors_file))


def search(
    dataset: Folder,
    text: Annotated[
        str | None, typer.Argument(help="What the clips show, in words.", show_default=False)
    ] = None,
    like: Annotated[
        str | None, typer.Option(help="A picture's file, or a clip's id.", show_default=False)
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many clips to show.")] = 10,
    pool: Annotated[
        Literal["mean", "softmax"],
        typer.Option(help="mean: a clip by all its frames; softmax: by those that fit best."),
    ] = "mean",
    temperature: Annotated[
        float, typer.Option(min=0.0001, help="softmax: the lower, the fewer frames count.")
    ] = 0.01,
    as_json: AsJson = False,
) -> None:
    """The clips most like a text, a picture or another clip, with their times."""
    if (text is None) == (like is None):
        raise UsageError("say what to look for: a text, or --like with a file or a clip's id")
    opened = open_dataset(dataset)

    def look() -> list[dict[str, Any]]:
        plan = present_plan(opened)
        read = cache(reader(opened, plan, present_scope(opened, plan)))
        embedded = embedded_clips(opened, plan, read)
        query = query_vector(embedded, text, like)
        # A clip is most like itself, which nobody asks for.
        count = top + 1 if pool == "mean" else max(top + 1, RANKED_AGAIN)
        found = likest(embedded.file, query, count)
        if pool == "softmax":
            of_video = lru_cache(VIDEOS_AT_HAND)(embedded.of_video)
            found = ranked_by_frames(found, query, of_video, temperature)
        others = found.filter(pc.not_equal(found[CLIPS.key], like or "")).slice(0, top)
        return rows_shown(others, read(SOURCES.name))

    rows = steadily(opened, look)
    if as_json:
        tell_json({"dataset": str(opened.root), "text": text, "like": like, "clips": rows})
    else:
        for row in rows:
            tell(line(row))


def embedded_clips(dataset: Dataset, plan: tuple[Planned, ...], read: Read) -> Embedded:
    """The vectors of all live clips; those of videos that are not embedded are missing.

    Raises UsageError where the data set has no clips or no vectors.
    """
    for table, command in ((CLIPS, "split"), (VECTORS, "embed")):
        if table.name not in present_tables(plan):
            raise UsageError(
                f"the data set has no {table.name}: run `vidcurate {command} -d {dataset.root}`"
            )
    made = {planned.stage.writes.name: planned for planned in plan}
    scope = present_scope(dataset, plan)
    of = "".join(digest(dataset, made[table.name], scope) for table in (CLIPS, VECTORS))
    videos = {row.video_id: row for row in VECTORS.from_arrow(read(VECTORS.name))}
    embedded = partial(Embedded, dataset, made[VECTORS.name], videos)

    def make() -> Any:
        clips = read(CLIPS.name)
        kept = clips.filter(pc.is_in(clips["video_id"], value_set=pa.array(videos, pa.string())))
        if kept.num_rows < clips.num_rows:
            lost = quantity(clips.num_rows - kept.num_rows, "clip")
            say(f"{lost} left out: their videos are not embedded")
        dimension = next((row.dimension for row in videos.values()), 1)
        return with_vectors(kept, dimension, embedded(Path()).of_video)

    return embedded(kept_vectors(dataset.root, of, make))


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
    current = plan_for(embedded.dataset, STAGES, [EMBED.name], {})[-1]
    if current.fingerprint != embedded.stage.fingerprint:
        raise UsageError(
            "the vectors are stale: options, weights or what they are made from changed; "
            f"run `vidcurate embed -d {embedded.dataset.root}`"
        )
    return open_embedder(config.backend, chosen(config))


def rows_shown(found: pa.Table, sources: pa.Table) -> list[dict[str, Any]]:
    """What is told of each clip."""
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


def line(row: Mapping[str, Any]) -> str:
    """A clip as a line for people."""
    span = f"{row['start_s']:9.2f} to {row['end_s']:9.2f} s"
    return printable(f"{row['score']:7.4f}  {span}  {row['clip_id']}  {row['video']}")
