"""What the report reads of a data set, once, for all sections."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidcurate.analysis.fates import clip_fates
from vidcurate.analysis.status import funnel
from vidcurate.analysis.view import command_of, present_plan, present_scope, reader
from vidcurate.pipeline.counts import StageCount
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.records import CLIPS, SCANS, SOURCES, Clip
from vidcurate.report.measures import Measures, measure
from vidcurate.report.pictures import Media, Pictures
from vidcurate.report.sampling import sample_by_fate
from vidcurate.report.text import plain_name
from vidcurate.rules import Rule, parse
from vidcurate.rules.join import Read
from vidcurate.stages.registry import STAGES
from vidcurate.stages.selection.filter import FilterConfig
from vidcurate.store.cache import local_copy
from vidcurate.store.dataset import Dataset, StoredTable
from vidcurate.store.table import Table

# Points of a chart that a browser draws and moves at once.
MAX_POINTS = 3000


@dataclass(frozen=True)
class ReportOptions:
    """What a page shows: above `max_clips` clips and `max_pictures` pictures it samples."""

    media: Media = "inside"
    max_clips: int = 100_000
    max_pictures: int = 2000
    title: str = ""


@dataclass(frozen=True)
class ReportData:
    """A data set as the page shows it.

    `clips` are all live clips with three more columns: `video`, the name of their video's file,
    `fate` and `reason`; empty where no clips were made. `paths` and `videos` are each video's path
    and shortest name that no other has, in the order in which they were found. `counts` are those
    of `status`. `missing` maps a table that is not there to the command that makes it.
    """

    dataset: Dataset
    plan: tuple[ResolvedStage, ...]
    read: Read
    clips: pa.Table
    paths: Mapping[str, str]
    videos: Mapping[str, str]
    rules: tuple[Rule, ...]
    counts: tuple[StageCount, ...]
    missing: Mapping[str, str]
    options: ReportOptions
    pictures: Pictures

    def has(self, table: Table[Any]) -> bool:
        """Whether the data set has a table."""
        return table.name not in self.missing

    def stage_of(self, table: Table[Any]) -> ResolvedStage:
        """The stage that made a table that is there, with its options."""
        return next(p for p in self.plan if p.stage.writes.name == table.name)

    def output(self, table: Table[Any]) -> StoredTable:
        """A table that is there, as it is stored: its `done()`, its `files`."""
        return self.stage_of(table).output(self.dataset)

    def clip(self, position: int) -> Clip:
        """One of `clips` as a record."""
        return clips_at(self.clips, [position])[0]

    @cached_property
    def measures(self) -> Measures:
        """Every score of every clip, and what the rules do."""
        return measure(self.plan, self.clips, self.rules, self.read)

    @cached_property
    def shown(self) -> NDArray[np.int64]:
        """Positions in `clips` of those that tables and film sheets show, sampled by fate."""
        return sample_by_fate(self.clips["fate"], self.options.max_clips)

    @property
    def is_sampled(self) -> bool:
        """Whether some clips are not shown."""
        return bool(len(self.shown) < self.clips.num_rows)


def read_report_data(dataset: Dataset, options: ReportOptions) -> ReportData:
    """Read what every section needs; whoever calls it reads consistently."""
    plan = present_plan(dataset)
    read = cache(reader(dataset, plan, present_scope(dataset, plan)))
    made = {resolved.stage.writes.name for resolved in plan}
    missing = {
        stage.writes.name: command_of(stage.writes, dataset)
        for stage in STAGES
        if stage.writes.name not in made
    }
    sources = read(SOURCES.name)
    ids, paths = (sources[name].to_pylist() for name in (SOURCES.key, "path"))
    videos = dict(zip(ids, short_names(paths), strict=True))
    configs = (p.config for p in plan)
    texts = next((c.rules for c in configs if isinstance(c, FilterConfig)), ())
    return ReportData(
        dataset=dataset,
        plan=plan,
        read=read,
        clips=clips_with_fates(dataset, plan, read, videos),
        paths=dict(zip(ids, paths, strict=True)),
        videos=videos,
        rules=tuple(map(parse, texts)),
        counts=tuple(funnel(dataset)),
        missing=missing,
        options=options,
        pictures=Pictures(options.media, samples_files(dataset, plan, read)),
    )


def clips_with_fates(
    dataset: Dataset, plan: tuple[ResolvedStage, ...], read: Read, videos: Mapping[str, str]
) -> pa.Table:
    """All clips with the names of their videos and what became of them."""
    texts = {name: pa.array([], pa.string()) for name in ("video", "fate", "reason")}
    if not any(p.stage.writes is CLIPS for p in plan):
        clips = CLIPS.schema.empty_table()
        more = texts
    else:
        clips = read(CLIPS.name)
        fates = clip_fates(dataset, plan, read)
        names = pa.array(videos.values(), pa.string())
        of_video = pa.array(videos.keys(), pa.string())
        where = pa.compute.index_in(clips["video_id"], value_set=of_video)
        more = {
            "video": names.take(where.combine_chunks()),
            **{n: fates[n] for n in ("fate", "reason")},
        }
    for name, values in more.items():
        clips = clips.append_column(name, values)
    return clips


def samples_files(
    dataset: Dataset, plan: tuple[ResolvedStage, ...], read: Read
) -> dict[str, Callable[[], Path]]:
    """For each scanned video what gives the file with its proxies, on this machine."""
    scan = next((p for p in plan if p.stage.writes is SCANS), None)
    if scan is None:
        return {}
    folder = scan.output(dataset).files
    rows = read(SCANS.name)
    pairs = zip(rows[SCANS.key].to_pylist(), rows["samples_file"].to_pylist(), strict=True)
    return {video: partial(local_copy, folder / name) for video, name in pairs}


def clips_at(clips: pa.Table, positions: Any) -> list[Clip]:
    """Some of the clips as records, in the order of the positions."""
    rows = clips.select(CLIPS.schema.names).take(pa.array(positions, pa.int64()))
    return CLIPS.from_arrow(rows)


def short_names(paths: list[str]) -> list[str]:
    """For each path the shortest of its ends that no other path has, in one visible line."""
    names = [path.rsplit("/", 1)[-1] for path in paths]
    often = Counter(names)
    named = [name if often[name] == 1 else path for name, path in zip(names, paths, strict=True)]
    return [plain_name(name) for name in named]
