"""What a data set's tables say of its clips, read once and kept in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.analysis.fates import clip_fates
from vidcurate.analysis.tune import score_columns
from vidcurate.analysis.view import (
    command_of,
    present_plan,
    present_scope,
    present_tables,
    read_consistently,
    reader,
)
from vidcurate.clips.spans import Ticks, clip_of
from vidcurate.errors import MediaError, UsageError
from vidcurate.media.scan.files import read_frames
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.records import (
    CAPTIONS,
    CLIPS,
    KEPT,
    KEYFRAMES,
    MOTION,
    QUALITY,
    REFINED,
    SCANS,
    SOURCES,
    TAGS,
    VECTORS,
    VERDICTS,
    VIDEOS,
    Clip,
    Scan,
    Source,
    Video,
)
from vidcurate.rules.join import video_paths
from vidcurate.stages.selection.filter import RULED, FilterConfig
from vidcurate.stages.sources.embed import EmbedConfig
from vidcurate.store.cache import local_copy
from vidcurate.store.dataset import Dataset
from vidcurate.store.table import Table

# Tables beside those of rules that the page shows something of.
SHOWN: Sequence[Table[Any]] = (CAPTIONS, REFINED, VERDICTS, KEYFRAMES)
# What a review shows more with.
USEFUL: Sequence[Table[Any]] = (QUALITY, MOTION, KEPT, KEYFRAMES, CAPTIONS, VECTORS, VERDICTS)
# Texts are looked for where an image-text model made the vectors.
TEXT_BACKEND = "open_clip"


@dataclass(frozen=True)
class Facts:
    """The tables of one moment; `clips` are in the order of their videos' paths and of time."""

    dataset: Dataset
    plan: tuple[ResolvedStage, ...]
    tables: Mapping[str, pa.Table]
    clips: pa.Table
    fates: pa.Table

    def read(self, name: str) -> pa.Table:
        """The rows of a table; raises UsageError where the data set has none or it is not shown."""
        if name not in self.tables:
            raise UsageError(
                f"the data set has no {name}: see `vidcurate status -d {self.dataset.root}`"
            )
        return self.tables[name]

    def row(self, table: Table[Any], key: str) -> Any:
        """A table's record of a key; None where there is none."""
        rows = self.tables.get(table.name)
        if rows is None:
            return None
        place = pc.index(rows[table.key], pa.scalar(key, pa.string())).as_py()
        return None if place < 0 else table.from_arrow(rows.slice(place, 1))[0]

    def file(self, table: Table[Any], name: str) -> Path:
        """A file that a row of a table names, on this machine."""
        made = next(p for p in self.plan if p.stage.writes.name == table.name)
        return local_copy(made.output(self.dataset).files / name)

    @cached_property
    def scores(self) -> list[tuple[str, str]]:
        """Table and name of every numeric column by which clips are judged."""
        return score_columns(self.plan)

    @cached_property
    def recorded_rules(self) -> tuple[str, ...]:
        """The rules of the filter as it last ran."""
        return next((p.config.rules for p in self.plan if isinstance(p.config, FilterConfig)), ())

    @cached_property
    def video_order(self) -> Mapping[str, int]:
        """The place of each video by its path."""
        sources = self.tables.get(SOURCES.name)
        if sources is None:
            return {}
        ordered = sources.sort_by([("path", "ascending"), ("video_id", "ascending")])
        return {video: n for n, video in enumerate(ordered["video_id"].to_pylist())}

    @cached_property
    def label_names(self) -> list[str]:
        """The labels that a model gave clips as the most probable one, in order."""
        tags = self.tables.get(TAGS.name)
        return [] if tags is None else sorted(pc.unique(tags["top_name"]).to_pylist())

    @cached_property
    def knows_text(self) -> bool:
        """Whether clips can be looked for by words."""
        configs = [p.config for p in self.plan if isinstance(p.config, EmbedConfig)]
        return any(config.backend.name == TEXT_BACKEND for config in configs)

    @property
    def has_vectors(self) -> bool:
        """Whether clips can be looked for by a clip."""
        return VECTORS.name in present_tables(self.plan)

    def missing(self) -> list[dict[str, str]]:
        """The tables that would show more, each with the command that makes it."""
        present = present_tables(self.plan)
        return [
            {"table": table.name, "command": command_of(table, self.dataset)}
            for table in USEFUL
            if table.name not in present
        ]

    def source(self, video_id: str) -> Source | None:
        """A video's source; None where it is none of the data set's."""
        found: Source | None = self.row(SOURCES, video_id)
        return found

    def video(self, video_id: str) -> Video | None:
        """What is known of a video's container; None without it."""
        found: Video | None = self.row(VIDEOS, video_id)
        return found

    def scan(self, video_id: str) -> Scan | None:
        """What the scan of a video left; None without one."""
        found: Scan | None = self.row(SCANS, video_id)
        return found

    @cached_property
    def edges(self) -> Callable[[str], Ticks]:
        """What gives a video's edges: the times of all its frames, and its end, in ticks."""

        @lru_cache(64)
        def edges_of(video_id: str) -> Ticks:
            scan = self.scan(video_id)
            if scan is None:
                raise MediaError("the video was not scanned, so its frames' times are not known")
            frames = read_frames(self.file(SCANS, scan.frames_file), ("pts",))
            pts = np.asarray(frames["pts"].to_numpy(), np.int64)
            return np.append(pts, np.int64(scan.end_pts))

        return edges_of

    def clip_of(self, video_id: str, start_pts: int, end_pts: int) -> Clip | None:
        """The clip that a span is; None where its video was not scanned.

        Where the file of the frames' times is gone their number follows from the rate.
        """
        scan = self.scan(video_id)
        if scan is None:
            return None
        try:
            first, end = np.searchsorted(self.edges(video_id), [start_pts, end_pts])
            n_frames = int(end - first)
        except MediaError:
            n_frames = round((end_pts - start_pts) * scan.time_base * scan.frame_rate)
        return clip_of(video_id, scan.time_base, start_pts, end_pts, n_frames)


def read_facts(dataset: Dataset) -> Facts:
    """Read what a review asks of a data set.

    Raises UsageError where it has no clips yet.
    """

    def look() -> Facts:
        plan = present_plan(dataset)
        present = present_tables(plan)
        if CLIPS.name not in present:
            raise UsageError(f"the data set has no clips: run `vidcurate split -d {dataset.root}`")
        read = cache(reader(dataset, plan, present_scope(dataset, plan)))
        names = [name for name in (*RULED, *(t.name for t in SHOWN)) if name in present]
        tables = {name: read(name) for name in names}
        fates = clip_fates(dataset, plan, read)
        clips = in_order(tables[CLIPS.name], tables.get(SOURCES.name))
        return Facts(dataset, plan, tables, clips, fates)

    return read_consistently(dataset, look)


def in_order(clips: pa.Table, sources: pa.Table | None) -> pa.Table:
    """Clips in the order of their videos' paths, and in time order within each."""
    if sources is None:
        return clips.sort_by([("video_id", "ascending"), ("start_pts", "ascending")])
    named = clips.append_column("path", video_paths(clips, sources))
    order = [("path", "ascending"), ("video_id", "ascending"), ("start_pts", "ascending")]
    return named.sort_by(order).drop_columns(["path"]).combine_chunks()


def state_of(dataset: Dataset) -> tuple[Any, ...]:
    """What changes when a table does: the manifest, and the files of every table, by name."""
    plan = present_plan(dataset)
    listings = tuple(tuple(p.output(dataset).listing()) for p in plan)
    return (tuple((p.stage.name, p.fingerprint) for p in plan), listings)
