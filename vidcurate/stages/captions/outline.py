"""outline: puts the captions of each video in time order, in scenes, for its story."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.clips.reviews import UNREVIEWED, reviews_of
from vidcurate.options import StageConfig, option
from vidcurate.records import (
    CAPTIONS,
    DECISIONS,
    OUTLINES,
    PARTITIONS,
    REFINED,
    Outline,
    Scene,
    SpanText,
)
from vidcurate.stage import Lookup, Outcome, TableStage
from vidcurate.store.dataset import DROPPED, OK
from vidcurate.store.table import positions, take_nullable

ID_DIGITS = 16


class OutlineConfig(StageConfig):
    """How clips are put into scenes."""

    max_scene_s: float = option(
        60.0, "Length limit of a scene, unless it is a single clip", unit="seconds", ge=0
    )


def outline(tables: Mapping[str, pa.Table], config: OutlineConfig) -> Outcome:
    """Make one row for each video that has a caption; clips without one are left out."""
    clips, captions = tables[PARTITIONS.name], tables[CAPTIONS.name]
    texts = take_nullable(captions["text"], positions(clips["clip_id"], captions["clip_id"]))
    if REFINED.name in tables:
        refined = tables[REFINED.name]
        better = take_nullable(refined["text"], positions(clips["clip_id"], refined["clip_id"]))
        texts = pc.coalesce(better, texts)
    if DECISIONS.name in tables:
        reviews = reviews_of(DECISIONS.from_arrow(tables[DECISIONS.name]))
        written = [reviews.get(i, UNREVIEWED).caption for i in clips["clip_id"].to_pylist()]
        texts = pc.coalesce(pa.array(written, texts.type), texts)
    has_caption = pc.is_valid(texts)
    captioned = clips.select(["video_id", "start_s", "end_s"]).append_column("text", texts)
    order = [("video_id", "ascending"), ("start_s", "ascending"), ("end_s", "ascending")]
    rows = captioned.filter(has_caption).sort_by(order).to_pylist()
    videos = groupby(rows, lambda row: str(row["video_id"]))
    outlines = [outline_of(video_id, rows_of_video, config) for video_id, rows_of_video in videos]
    status = pc.if_else(has_caption, OK, DROPPED)
    reason = pc.if_else(has_caption, None, "the clip has no caption")
    return Outcome.from_status(OUTLINES.to_arrow(outlines), clips["clip_id"], status, reason)


def outline_of(video_id: str, rows: Iterable[Mapping[str, Any]], config: OutlineConfig) -> Outline:
    """The outline of a video, with a hash of its content as its key."""
    clips = (SpanText(row["start_s"], row["end_s"], row["text"]) for row in rows)
    scenes = tuple(in_scenes(clips, config.max_scene_s))
    facts = json.dumps([video_id, [asdict(scene) for scene in scenes]])
    return Outline(hashlib.sha256(facts.encode()).hexdigest()[:ID_DIGITS], video_id, scenes)


def in_scenes(clips: Iterable[SpanText], max_scene_s: float) -> Iterator[Scene]:
    """Clips in time order as scenes of at most `max_scene_s`, from first to last clip."""
    scene: list[SpanText] = []
    for clip in clips:
        if scene and clip.end_s - scene[0].start_s > max_scene_s:
            yield scene_of(scene)
            scene = []
        scene.append(clip)
    if scene:
        yield scene_of(scene)


def scene_of(clips: list[SpanText]) -> Scene:
    """A scene of some clips."""
    return Scene(clips[0].start_s, max(clip.end_s for clip in clips), tuple(clips))


def tables_joined(_config: OutlineConfig) -> tuple[Lookup, ...]:
    """The texts; refined captions replace the old ones, and what people wrote replaces both."""
    columns = ("clip_id", "video_id", "text")
    return (
        Lookup(CAPTIONS, columns=columns),
        Lookup(REFINED, required=False, columns=columns),
        Lookup(DECISIONS, required=False, decides=False),
    )


OUTLINE = TableStage(
    name="outline",
    summary="Put the captions of each video in order, by scenes.",
    reads=PARTITIONS,
    writes=OUTLINES,
    config=OutlineConfig,
    run=outline,
    lookups=tables_joined,
)
