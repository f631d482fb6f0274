"""What the columns of an export are: the words of the records that they come from."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from vidcurate.exporting.tables.table import (
    ABOUT_TEXTS,
    FROM_CAPTION,
    FROM_CLIP,
    FROM_CLIP_FILE,
    FROM_EXPORT,
    FROM_VERSION,
    FROM_VIDEO,
    SCORES,
    prefixed,
    version_texts,
)
from vidcurate.exporting.tables.videos import FROM_STORY
from vidcurate.exporting.targets.parquet import FILE_COLUMN
from vidcurate.records import (
    CAPTIONS,
    EXPORTS,
    KEYFRAMES,
    PARTITIONS,
    STORIES,
    VIDEOS,
    ColumnInfo,
    columns_of_table,
)
from vidcurate.store.table import Table

OWN = {
    "file_name": ColumnInfo("The clip's file, from the export's folder; null without one"),
    "caption": ColumnInfo(
        "The text about the clip, rewritten where it was weak; a person's where one wrote it"
    ),
    "caption_before": ColumnInfo(
        "The first text, where `caption` is a rewritten one; the text that a person's replaces"
    ),
    "review_verdict": ColumnInfo("Verdict: accept where a person accepted it, whatever rules say"),
    "review_tags": ColumnInfo("Tags that people gave the clip"),
    "review_reviewer": ColumnInfo("Who decided about the clip last; null where nobody did"),
    "review_caption": ColumnInfo("The caption that a person wrote; null where nobody did"),
    "vtt_file_name": ColumnInfo(
        "The clip's words as WebVTT, from the export's folder; null for a clip without words"
    ),
    "srt_file_name": ColumnInfo(
        "The clip's words as SubRip, from the export's folder; null for a clip without words"
    ),
    "source_name": ColumnInfo("Name of the video's file"),
    "source_path": ColumnInfo("Where the video lies, of which the clip is a span"),
    "n_clips": ColumnInfo("Clips of the video in this export", "count"),
    "clips_s": ColumnInfo("Length of these clips together", "s"),
    FILE_COLUMN: ColumnInfo("The clip's file itself, as {bytes, path}"),
}
FROM_LIST = ColumnInfo("A column of the list that named the videos")
PARTS = {"num": "numerator", "den": "denominator"}


def describe(names: Iterable[str], *, of_videos: bool = False) -> Mapping[str, ColumnInfo]:
    """Map the columns of the table of clips, or of that of videos, to what they are."""
    names = [*names]
    known = video_columns() if of_videos else {**clip_columns(), **version_columns(names)}
    return {name: described(name, known) for name in names}


def described(name: str, known: Mapping[str, ColumnInfo]) -> ColumnInfo:
    """Say what a column is, also one that is a part of a fraction."""
    stem, _, part = name.rpartition("_")
    if name not in known and part in PARTS and stem in known:
        whole = known[stem]
        return ColumnInfo(f"{whole.description}: {PARTS[part]}", whole.unit, whole.formula)
    return known.get(name, FROM_LIST)


def version_columns(names: Iterable[str]) -> dict[str, ColumnInfo]:
    """Map the columns of the caption versions among some columns to what they are."""
    found = {}
    for text in version_texts(names):
        version = text.removeprefix(f"{CAPTIONS.name}_")
        for name in ("text", *FROM_VERSION):
            info = infos(CAPTIONS)[name]
            about = f"{info.description}, of the version {version}"
            found[text if name == "text" else f"{text}_{name}"] = replace(info, description=about)
    return found


def clip_columns() -> dict[str, ColumnInfo]:
    """Map the columns of the table of clips to what they are."""
    clips, exported = infos(PARTITIONS), infos(EXPORTS)
    found = {name: exported[name] for name in FROM_EXPORT}
    found |= {name: exported[column] for name, column in FROM_CLIP_FILE.items()}
    found |= {"file_frame_rate": exported["frame_rate"], "wav_file_name": exported["wav"]}
    found |= {name: infos(VIDEOS)[name] for name in FROM_VIDEO}
    found |= {name: clips[name] for name in ("clip_id", "video_id", *FROM_CLIP)}
    for table in SCORES:
        found |= {f"{table.name}_{name}": info for name, info in infos(table).items()}
    found |= {f"caption_{name}": infos(CAPTIONS)[name] for name in FROM_CAPTION}
    for prefix, (table, names) in ABOUT_TEXTS.items():
        found |= {prefixed(prefix, name): infos(table)[name] for name in names}
    found["keyframes"] = infos(KEYFRAMES)["keyframes"]
    return found | OWN


def video_columns() -> dict[str, ColumnInfo]:
    """Map the columns of the table of videos to what they are."""
    stories = {f"story_{name}": infos(STORIES)[name] for name in FROM_STORY}
    return {**infos(VIDEOS), **stories, **OWN}


def infos(table: Table[Any]) -> dict[str, ColumnInfo]:
    """Map the columns of a table to what they are, those within lists left out."""
    return {c.name: c.info for c in columns_of_table(table) if "[]" not in c.name}
