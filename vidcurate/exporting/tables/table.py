"""The table of a finished data set: one row a clip, with its scores, captions and file facts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.exporting.clips_table import clips_table
from vidcurate.exporting.folder.subtitles import ClipSubtitles
from vidcurate.exporting.tables.reviews import add_reviews, read_reviews
from vidcurate.exporting.targets.parquet import FILE_COLUMN
from vidcurate.records import (
    ALIGNMENT,
    CAPTIONS,
    COVERAGE,
    DECISIONS,
    EVALUATIONS,
    EXPORTS,
    KEYFRAMES,
    PARTITIONS,
    REFINED,
    SCORE_TABLES,
    SOURCES,
    VERDICTS,
    VERIFIED,
    VIDEOS,
    Caption,
    version_tables,
)
from vidcurate.stage import DatasetView
from vidcurate.store.table import FRACTION, Table, positions

FROM_CLIP = (
    *("split", "group"),
    *("start_s", "end_s", "duration_s", "n_frames", "start_pts", "end_pts", "time_base"),
)
FROM_EXPORT = (
    *("media", "width", "height", "pixel_aspect", "display_width", "display_height"),
    *("is_interlaced", "is_hdr", "has_audio", "size_bytes", "sha256"),
    *("encoder", "cut_frames", "crop_left", "crop_top", "crop_width", "crop_height"),
    *("picture_width", "picture_height"),
)
# What a file holds, which for a copied one may be more than the clip; null where there is none.
FROM_CLIP_FILE = {
    "file_start_s": "start_s",
    "file_duration_s": "duration_s",
    "file_frames": "n_frames",
    **{name: name for name in ("lead_s", "lead_frames", "tail_s", "tail_frames")},
}
FROM_VIDEO = ("frame_rate", "is_vfr", "video_codec", "bit_depth", "audio_codec")
FROM_CAPTION = (
    *("text", "short_text", "structured", "status", "backend", "model", "strategy"),
    *("revision", "prompt_hash", "frame_times_s", "candidates", "conflicts"),
)
# Beside its text, which the column of its name holds.
FROM_VERSION = (
    *("language", "short_text", "structured", "status", "backend", "model", "strategy"),
    *("revision", "prompt_hash", "candidates"),
)
FROM_VERDICT = ("score", "grade", "reasons", "wrong_objects", "wrong_actions")
FROM_REFINED = ("score", "score_before", "n_rounds", "model")
FROM_EVALUATION = (
    *("n_references", "recall", "precision", "f1", "missing", "invented", "total_error"),
    *("repetition", "vdc_accuracy", "vdc_score"),
    *("entity_recall", "entity_nearness", "entity_score"),
    *("image_cosine", "sound_cosine", "audio_score"),
)
FROM_COVERAGE = ("coverage", "contradicted_share", "n_points", "missing", "contradicted")
# What is said about a text, by the prefix of its columns.
ABOUT_TEXTS: Mapping[str, tuple[Table[Any], tuple[str, ...]]] = MappingProxyType(
    {
        "verdict": (VERDICTS, FROM_VERDICT),
        "refined": (REFINED, FROM_REFINED),
        "evaluation": (EVALUATIONS, FROM_EVALUATION),
        "coverage": (COVERAGE, FROM_COVERAGE),
    }
)
SPLITS = ("train", "validation", "test")
SCORES = (*SCORE_TABLES, ALIGNMENT)
TEXTS: tuple[Table[Any], ...] = (CAPTIONS, *(table for table, _ in ABOUT_TEXTS.values()))
# Of a million clips a stretch is held in memory at once; it is about a part of a table.
ROWS_AT_ONCE = 1 << 16
KEYFRAME = pa.struct([pa.field("file_name", pa.string()), pa.field("time_s", pa.float64())])


def clip_pieces(
    view: DatasetView,
    videos: pa.Table,
    clips: pa.Table,
    *,
    source_paths: bool,
    subtitles: ClipSubtitles | None = None,
) -> Iterator[pa.Table]:
    """Yield the rows of some exported clips, in their order, in pieces; one empty piece if none.

    `videos` and `clips` are those of `videos_by_name` and `exported_clips`. File names are relative
    to the data set's folder. `source_paths` adds where each video lies, for clips that have no file
    of their own, and `subtitles` the names of their subtitles.
    """
    extras = extra_columns(videos)
    versions = versions_in(view)
    tables: tuple[Table[Any], ...] = (EXPORTS, VIDEOS, *SCORES, *TEXTS, KEYFRAMES)
    joined = [*(table for table in tables if view.has(table)), *versions.values()]
    rows_of = {table.name: view.locate(table, clips[table.key]) for table in joined}
    rows_of[PARTITIONS.name] = view.locate(clips_table(view), clips["clip_id"])
    reviews = read_reviews(view) if view.has(DECISIONS) else None
    for start in range(0, max(clips.num_rows, 1), ROWS_AT_ONCE):
        found = {name: located.rows(start, ROWS_AT_ONCE) for name, located in rows_of.items()}
        columns = export_columns(found, reviews)
        if subtitles is not None:
            columns |= subtitles.names(columns)
        video = videos.take(clips["video"].slice(start, ROWS_AT_ONCE))
        add_sources(columns, video, extras, paths=source_paths)
        yield pa.table(columns)


def versions_in(view: DatasetView) -> dict[str, Table[Caption]]:
    """Map the caption versions that an export holds to their tables."""
    return {n: t for n, t in version_tables(view.provenance()).items() if view.has(t)}


def version_texts(columns: Iterable[str]) -> list[str]:
    """List the columns with the texts of caption versions, of which all others are there too.

    So a column of the user's list of videos is none.
    """
    names = [*columns]
    tables = version_tables(names).values()
    return [t.name for t in tables if {f"{t.name}_{n}" for n in FROM_VERSION} <= {*names}]


def extra_columns(videos: pa.Table) -> list[str]:
    """List the columns that the user's lists of videos have."""
    names: list[str] = pc.unique(videos["extra"].combine_chunks().keys).to_pylist()
    return names


def videos_by_name(view: DatasetView) -> pa.Table:
    """List the videos, each once, sorted by file name."""
    videos = SOURCES.one_row_a_key(view.scan(SOURCES)).select(["video_id", "path", "extra"])
    names = pc.replace_substring_regex(videos["path"], "(?s)^.*/", "")
    videos = videos.append_column("source_name", names)
    return videos.sort_by([("source_name", "ascending"), ("video_id", "ascending")])


def exported_clips(view: DatasetView, videos: pa.Table) -> pa.Table:
    """List the clips that have an exported row, and a verified one where files are verified.

    `video` is the number of a clip's video among `videos`, and `split` the part of the data set
    that it is in.
    """
    names = ["clip_id", "video_id", "start_pts", "duration_s", "split"]
    clips = view.scan(clips_table(view), names)
    for table in (EXPORTS, VERIFIED) if view.has(VERIFIED) else (EXPORTS,):
        clip_ids = view.scan(table, ["clip_id"])["clip_id"]
        clips = clips.filter(pc.is_valid(positions(clips["clip_id"], clip_ids)))
    clips = clips.append_column("video", positions(clips["video_id"], videos["video_id"]))
    order = pc.sort_indices(clips, [("video", "ascending"), ("start_pts", "ascending")])
    return clips.take(order)


def export_columns(found: Mapping[str, pa.Table], reviews: pa.Table | None) -> dict[str, Any]:
    """Build the columns of some clips from their rows in each table, and from people's reviews."""
    clips, exported = found[PARTITIONS.name], found[EXPORTS.name]
    columns: dict[str, Any] = {"clip_id": clips["clip_id"], "video_id": clips["video_id"]}
    columns["file_name"] = pc.binary_join_element_wise("clips", exported["file"], "/")
    columns["caption"] = pa.nulls(clips.num_rows, pa.string())
    for name in FROM_CLIP:
        add_column(columns, name, clips[name])
    for name in FROM_EXPORT:
        add_column(columns, name, exported[name])
    columns["wav_file_name"] = pc.binary_join_element_wise("clips", exported["wav"], "/")
    add_column(columns, "file_frame_rate", exported["frame_rate"])
    has_file = pc.is_valid(exported["file"])
    for name, file_column in FROM_CLIP_FILE.items():
        columns[name] = pc.if_else(has_file, exported[file_column], None)
    for name in FROM_VIDEO:
        add_column(columns, name, found[VIDEOS.name][name])
    for table in (t for t in SCORES if t.name in found):
        for name in (n for n in table.schema.names if not n.endswith("_id")):
            add_column(columns, f"{table.name}_{name}", found[table.name][name])
    add_texts(columns, found)
    add_versions(columns, found)
    if reviews is not None:
        add_reviews(columns, reviews)
    if KEYFRAMES.name in found:
        columns["keyframes"] = keyframe_names(found[KEYFRAMES.name]["keyframes"])
    return columns


def add_texts(columns: dict[str, Any], found: Mapping[str, pa.Table]) -> None:
    """Add captions, refined ones in place of the first, and what is said about them."""
    for prefix, (table, names) in {"caption": (CAPTIONS, FROM_CAPTION[1:]), **ABOUT_TEXTS}.items():
        for name in names if table.name in found else ():
            add_column(columns, prefixed(prefix, name), found[table.name][name])
    if CAPTIONS.name in found:
        columns["caption"] = found[CAPTIONS.name]["text"]
    if REFINED.name in found:
        columns["caption_before"] = columns["caption"]
        columns["caption"] = pc.coalesce(found[REFINED.name]["text"], columns["caption"])


def prefixed(prefix: str, name: str) -> str:
    """Name a column of a table about texts: one that the table is named after needs no prefix."""
    return name if name == prefix else f"{prefix}_{name}"


def add_versions(columns: dict[str, Any], found: Mapping[str, pa.Table]) -> None:
    """Add the caption versions: each its text, by the name of its table, and what made it."""
    for table in version_tables(found).values():
        columns[table.name] = found[table.name]["text"]
        for name in FROM_VERSION:
            add_column(columns, f"{table.name}_{name}", found[table.name][name])


def add_column(columns: dict[str, Any], name: str, values: pa.ChunkedArray) -> None:
    """Add a column; a fraction becomes two integer columns, which every reader understands."""
    if values.type == FRACTION:
        columns[f"{name}_num"] = pc.struct_field(values, "num")
        columns[f"{name}_den"] = pc.struct_field(values, "den")
    else:
        columns[name] = values


def keyframe_names(keyframes: pa.ChunkedArray) -> pa.Array:
    """List each clip's keyframes as file names and times."""
    rows: Iterable[Sequence[dict[str, Any]] | None] = keyframes.to_pylist()
    named = [
        None
        if row is None
        else [{"file_name": f"keyframes/{k['file']}", "time_s": k["time_s"]} for k in row]
        for row in rows
    ]
    return pa.array(named, pa.list_(KEYFRAME))


def add_sources(
    columns: dict[str, Any], videos: pa.Table, extras: Sequence[str], *, paths: bool
) -> None:
    """Add the name of each clip's video, and the columns of the user's list."""
    columns["source_name"] = videos["source_name"]
    if paths:
        columns["source_path"] = videos["path"]
    for name in extras:
        column = name
        while column in columns or column == FILE_COLUMN:
            column = f"source_{column}"
        columns[column] = pc.map_lookup(videos["extra"], name, "first")
