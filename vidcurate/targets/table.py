"""The table of a finished data set: one row a clip, with all that was measured and said of it."""

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.records import (
    CAPTIONS,
    EXPORTS,
    KEPT,
    KEYFRAMES,
    SCORE_TABLES,
    SOURCES,
    VIDEOS,
    Source,
)
from vidcurate.stage import Finished
from vidcurate.table import FRACTION, Table
from vidcurate.targets.parquet import FILE_COLUMN

FROM_CLIP = ("start_s", "end_s", "duration_s", "start_pts", "end_pts", "time_base")
FROM_EXPORT = ("n_frames", "width", "height", "size_bytes", "sha256")
FROM_VIDEO = ("frame_rate", "is_vfr", "video_codec", "bit_depth", "audio_codec")
FROM_CAPTION = ("text", "status", "backend", "model", "prompt_hash", "frame_times_s")
KEYFRAME = pa.struct([pa.field("file_name", pa.string()), pa.field("time_s", pa.float64())])


def clip_table(view: Finished, *, source_paths: bool) -> pa.Table:
    """Every exported clip, by film and time; file names are relative to the data set's folder.

    `source_paths` adds where each film lies, for clips that have no file of their own.
    """
    clips = kept_and_exported(view)
    columns: dict[str, Any] = {"clip_id": clips["clip_id"], "video_id": clips["video_id"]}
    exported = beside(clips, view, EXPORTS)
    columns["file_name"] = file_names("clips", exported["file"])
    columns["caption"] = pa.nulls(clips.num_rows, pa.string())
    for name in FROM_CLIP:
        add(columns, name, clips[name])
    for name in FROM_EXPORT:
        add(columns, name, exported[name])
    videos = beside(clips, view, VIDEOS)
    for name in FROM_VIDEO:
        add(columns, name, videos[name])
    add_scores(columns, clips, view)
    if view.has(CAPTIONS):
        captions = beside(clips, view, CAPTIONS)
        columns["caption"] = captions["text"]
        for name in FROM_CAPTION[1:]:
            add(columns, f"caption_{name}", captions[name])
    if view.has(KEYFRAMES):
        columns["keyframes"] = keyframe_names(beside(clips, view, KEYFRAMES)["keyframes"])
    add_sources(columns, clips, SOURCES.from_arrow(view.scan(SOURCES)), paths=source_paths)
    return pa.table(columns).sort_by(
        [("source_name", "ascending"), ("video_id", "ascending"), ("start_pts", "ascending")]
    )


def add_scores(columns: dict[str, Any], clips: pa.Table, view: Finished) -> None:
    """The columns of every score table that is there, named after it."""
    for table in SCORE_TABLES:
        if view.has(table):
            scores = beside(clips, view, table)
            for name in table.schema.names:
                if not name.endswith("_id"):
                    add(columns, f"{table.name}_{name}", scores[name])


def kept_and_exported(view: Finished) -> pa.Table:
    """The kept clips that have an exported row."""
    clips = view.scan(KEPT)
    exported = view.scan(EXPORTS, ["clip_id"])["clip_id"].combine_chunks()
    return clips.filter(pc.is_in(clips["clip_id"], value_set=exported))


def beside(clips: pa.Table, view: Finished, table: Table[Any]) -> pa.Table:
    """For each clip its row of another table; null where it has none."""
    other = view.scan(table).combine_chunks()
    keys = clips[table.key].combine_chunks()
    where = pc.index_in(keys, value_set=other[table.key].combine_chunks())
    return other.take(where)


def add(columns: dict[str, Any], name: str, values: pa.ChunkedArray) -> None:
    """Add a column; a fraction becomes two plain ones, which every reader understands."""
    if values.type == FRACTION:
        columns[f"{name}_num"] = pc.struct_field(values, "num")
        columns[f"{name}_den"] = pc.struct_field(values, "den")
    else:
        columns[name] = values


def file_names(folder: str, names: pa.ChunkedArray) -> pa.ChunkedArray:
    """Names with the folder that they lie in."""
    return pc.binary_join_element_wise(pa.scalar(folder), names, "/")


def keyframe_names(keyframes: pa.ChunkedArray) -> pa.Array:
    """Each clip's keyframes as file names and times."""
    rows: Iterable[Sequence[dict[str, Any]] | None] = keyframes.to_pylist()
    named = [
        None
        if row is None
        else [{"file_name": f"keyframes/{k['file']}", "time_s": k["time_s"]} for k in row]
        for row in rows
    ]
    return pa.array(named, pa.list_(KEYFRAME))


def add_sources(
    columns: dict[str, Any], clips: pa.Table, sources: Sequence[Source], *, paths: bool
) -> None:
    """The name of each clip's film, and what the user's list said of it."""
    by_id = {source.video_id: source for source in sources}
    films = [by_id[i] for i in clips["video_id"].to_pylist()]
    columns["source_name"] = pa.array([f.path.rsplit("/", 1)[-1] for f in films], pa.string())
    if paths:
        columns["source_path"] = pa.array([f.path for f in films], pa.string())
    extras = dict.fromkeys(name for source in sources for name in source.extra)
    for name in extras:
        column = name
        while column in columns or column == FILE_COLUMN:
            column = f"source_{column}"
        columns[column] = pa.array([f.extra.get(name) for f in films], pa.string())
