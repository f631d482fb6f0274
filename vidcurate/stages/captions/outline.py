"""outline: the captions of each video in time order, by scenes, so that the video can be told."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.records import CAPTIONS, KEPT, OUTLINES, REFINED, Outline, Scene, ToldSpan
from vidcurate.stage import Lookup, Outcome, StageConfig, TableStage, option
from vidcurate.store.dataset import DONE, DROPPED, OK
from vidcurate.store.table import positions, taken

ID_DIGITS = 16


class OutlineConfig(StageConfig):
    """How clips are put into scenes."""

    scene_s: float = option(60.0, "Longest scene, unless one clip is longer", unit="seconds", ge=0)


def outline(tables: Mapping[str, pa.Table], config: OutlineConfig) -> Outcome:
    """One row for each video that has a caption; a clip without one is left out."""
    clips, captions = tables[KEPT.name], tables[CAPTIONS.name]
    texts = taken(captions["text"], positions(clips["clip_id"], captions["clip_id"]))
    if REFINED.name in tables:
        refined = tables[REFINED.name]
        better = taken(refined["text"], positions(clips["clip_id"], refined["clip_id"]))
        texts = pc.coalesce(better, texts)
    is_told = pc.is_valid(texts)
    done = pa.table(
        {
            "id": clips["clip_id"],
            "status": pc.if_else(is_told, OK, DROPPED),
            "reason": pc.if_else(is_told, None, "the clip has no caption"),
            "seconds": pa.nulls(clips.num_rows, pa.float64()),
        },
        schema=DONE,
    )
    told = clips.select(["video_id", "start_s", "end_s"]).append_column("text", texts)
    order = [("video_id", "ascending"), ("start_s", "ascending"), ("end_s", "ascending")]
    rows = told.filter(is_told).sort_by(order).to_pylist()
    videos = groupby(rows, lambda row: str(row["video_id"]))
    outlines = [outlined(video_id, of_video, config) for video_id, of_video in videos]
    return Outcome(OUTLINES.to_arrow(outlines), done)


def outlined(video_id: str, rows: Iterable[Mapping[str, Any]], config: OutlineConfig) -> Outline:
    """A video's outline, named by all that stands in it."""
    clips = (ToldSpan(row["start_s"], row["end_s"], row["text"]) for row in rows)
    scenes = tuple(in_scenes(clips, config.scene_s))
    facts = json.dumps([video_id, [asdict(scene) for scene in scenes]])
    return Outline(hashlib.sha256(facts.encode()).hexdigest()[:ID_DIGITS], video_id, scenes)


def in_scenes(clips: Iterable[ToldSpan], longest_s: float) -> Iterator[Scene]:
    """Clips in time order as scenes that are at most so long, from first to last clip."""
    held: list[ToldSpan] = []
    for clip in clips:
        if held and clip.end_s - held[0].start_s > longest_s:
            yield scene_of(held)
            held = []
        held.append(clip)
    if held:
        yield scene_of(held)


def scene_of(clips: list[ToldSpan]) -> Scene:
    """A scene of some clips."""
    return Scene(clips[0].start_s, max(clip.end_s for clip in clips), tuple(clips))


def tables_told(_config: OutlineConfig) -> tuple[Lookup, ...]:
    """The texts; those written again stand for the old ones."""
    columns = ("clip_id", "video_id", "text")
    return Lookup(CAPTIONS, columns=columns), Lookup(REFINED, required=False, columns=columns)


OUTLINE = TableStage(
    name="outline",
    summary="Put the captions of each video in order, by scenes.",
    reads=KEPT,
    writes=OUTLINES,
    config=OutlineConfig,
    run=outline,
    lookups=tables_told,
)
