"""What two data sets do not have in common, and which rule, score or option made it so."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidcurate.analysis.view import (
    present_plan,
    present_scope,
    present_tables,
    reader,
    require_dataset,
)
from vidcurate.clips.reviews import REVIEW
from vidcurate.records import ACCEPTED, CLIPS, KEPT, PARTITIONS, SOURCES
from vidcurate.rules import parse
from vidcurate.rules.join import Read, joined_columns, video_paths
from vidcurate.stages.selection.accept import AcceptConfig
from vidcurate.stages.selection.filter import FilterConfig, rules_by_reason
from vidcurate.store.dataset import DONE, OK
from vidcurate.store.table import Table, positions

Ticks = NDArray[np.int64]


@dataclass(frozen=True)
class Side:
    """One of two data sets: its live clips, those it keeps, and why it left out the others.

    `videos` are its sources; `left_out` has `id` and `reason`; `read` gives a table by name, one of
    `tables`; `manifest` says what made each.
    """

    videos: pa.Table
    clips: pa.Table
    kept: pa.Table
    left_out: pa.Table
    rules: Sequence[str]
    tables: Mapping[str, Table[Any]]
    read: Read
    manifest: Mapping[str, Mapping[str, Any]]


def side_of(folder: Path) -> Side:
    """A data set as it is compared; without rules and quotas it keeps all its clips.

    Raises UsageError where there is no data set, or none with clips.
    """
    dataset = require_dataset(folder)
    plan = present_plan(dataset)
    tables = present_tables(plan)
    read = cache(reader(dataset, plan, present_scope(dataset, plan)))
    made = {p.stage.writes.name: p for p in plan}
    done = {
        table.name: made[table.name].output(dataset).done()
        for table in (KEPT, PARTITIONS, ACCEPTED)
        if table.name in made
    }
    kept = read(KEPT.name if KEPT.name in made else CLIPS.name)
    left_out = [
        t.filter(pc.not_equal(t["status"], OK)).select(["id", "reason"]) for t in done.values()
    ]
    gone = pa.concat_tables([DONE.empty_table().select(["id", "reason"]), *left_out])
    is_gone = pc.is_in(kept["clip_id"], value_set=gone["id"].combine_chunks())
    return Side(
        videos=read(SOURCES.name),
        clips=read(CLIPS.name),
        kept=kept.filter(pc.invert(is_gone)),
        left_out=gone,
        rules=[
            rule
            for p in plan
            if isinstance(p.config, FilterConfig | AcceptConfig)
            for rule in p.config.rules
        ],
        tables=tables,
        read=read,
        manifest=dataset.manifest(),
    )


@dataclass(frozen=True)
class Difference:
    """An option that decides rows and is not the same, or a stage that only one side has (True)."""

    option: str
    first: Any
    second: Any


def differences(first: Side, second: Side) -> list[Difference]:
    """The deciding options that differ, as stage.option, and the stages that only one side has."""
    # Without a filter all clips are kept: the rules of the other side are what differs.
    shared = {KEPT.name} | (first.manifest.keys() & second.manifest.keys())
    ours, theirs = (deciding_options(side.manifest, shared) for side in (first, second))
    return [
        Difference(name, ours.get(name), theirs.get(name))
        for name in dict.fromkeys([*ours, *theirs])
        if ours.get(name) != theirs.get(name)
    ]


def deciding_options(
    manifest: Mapping[str, Mapping[str, Any]], shared: Collection[str]
) -> dict[str, Any]:
    """The options that decide the rows of shared tables, each stage's version; names of others."""
    found: dict[str, Any] = {}
    for table, entry in manifest.items():
        stage = entry["stage"]
        if table in shared:
            found[f"{stage}.version"] = entry["version"]
            found |= {f"{stage}.{name}": entry["options"][name] for name in entry["decides"]}
        else:
            found[stage] = True
    return found


def lost_clips(here: Side, there: Side) -> pa.Table:
    """The clips that one data set keeps and the other does not, and why not.

    A clip's counterpart is that of the other's live clips which shares most of its span. `cause`:

    - re-cut: the counterpart is kept there, so it has another span
    - rule: a rule that only the other has left the counterpart out
    - score: a rule of both did, so a number, or a percentile of all, is another
    - review: a person rejected the counterpart
    - quota: it is over a quota there
    - not judged: the counterpart has not been filtered
    - no clip there, no such video: there is no counterpart

    `reason` is what the other's filter or quotas said. `here` and `there` are the numbers that the
    rules in all reasons read, of the clip and of its counterpart.
    """
    clips = here.kept.filter(pc.invert(pc.is_in(here.kept["clip_id"], ids(there.kept))))
    other = there.clips.take(most_overlapping(clips, there.clips))
    all_reasons = there.left_out["reason"].combine_chunks()
    reason = all_reasons.take(positions(other["clip_id"], there.left_out["id"]))
    known = rules_by_reason(there.rules)
    found = reason.drop_null().unique().to_pylist()
    rules = {text: there.rules[known[text]] for text in found if text in known}
    of_rules = pa.array([*rules], pa.string())
    in_both = pa.array([text for text, rule in rules.items() if rule in here.rules], pa.string())
    conditions = (
        pc.is_in(other["clip_id"], value_set=ids(there.kept)),
        pc.is_in(reason, value_set=in_both),
        pc.is_in(reason, value_set=of_rules),
        pc.fill_null(pc.match_substring_regex(reason, f"^{REVIEW}(: |$)"), fill_value=False),
        pc.is_valid(reason),
        pc.is_valid(other["clip_id"]),
        pc.is_in(clips["video_id"], value_set=there.videos["video_id"].combine_chunks()),
    )
    causes = (
        "re-cut",
        "score",
        "rule",
        "review",
        "quota",
        "not judged",
        "no clip there",
        "no such video",
    )
    about = {
        **{name: clips[name] for name in ("clip_id", "video_id", "start_s", "end_s")},
        "video": video_paths(clips, here.videos),
        "cause": pc.case_when(pc.make_struct(*conditions), *causes),
        "reason": reason,
        "counterpart": other["clip_id"],
        "here": numbers(clips, rules.values(), here),
        "there": numbers(other, rules.values(), there),
    }
    return pa.table(about)


def ids(clips: pa.Table) -> pa.Array:
    """The clips' ids."""
    return clips["clip_id"].combine_chunks()


def numbers(clips: pa.Table, rules: Iterable[str], side: Side) -> pa.Array:
    """What the rules read of clips, a struct a clip; null where the side has none of it."""
    read = {column for rule in rules for column in parse(rule).columns}
    wanted = [(table, name) for table, name in read if table in side.tables]
    if not wanted:
        return pa.nulls(clips.num_rows)
    found = joined_columns(clips, CLIPS.name, wanted, side.tables, side.read).combine_chunks()
    return found.to_struct_array().combine_chunks()


def most_overlapping(clips: pa.Table, others: pa.Table) -> pa.Array:
    """For each clip the place among others of the one that shares most of its span.

    Of two that share as much, the shorter one. Null where none overlaps.
    """
    (starts, ends), (other_starts, other_ends) = on_one_line(clips, others)
    order = np.argsort(other_starts, kind="stable")
    # Past this place some clip ends after the start; before the last all begin before the end.
    first = np.searchsorted(np.maximum.accumulate(other_ends[order]), starts, "right")
    last = np.searchsorted(other_starts[order], ends, "left")
    counts = np.maximum(last - first, 0)
    row = np.repeat(np.arange(len(starts)), counts)
    ordinal = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    other = order[first[row] + ordinal]
    shared = np.minimum(ends[row], other_ends[other]) - np.maximum(starts[row], other_starts[other])
    ranked = np.lexsort(((other_ends - other_starts)[other], -shared, row))
    ranked = ranked[shared[ranked] > 0]
    rows, best = np.unique(row[ranked], return_index=True)
    found = np.full(len(starts), -1)
    found[rows] = other[ranked][best]
    return pa.array(found, mask=found < 0)


def on_one_line(*tables: pa.Table) -> Iterator[tuple[Ticks, Ticks]]:
    """Starts and ends of clips in ticks, with the videos laid one after another."""
    clips = pa.concat_tables(
        [table.select(["video_id", "start_pts", "end_pts"]) for table in tables]
    )
    video = pc.rank(clips["video_id"], tiebreaker="dense").to_numpy().astype(np.int64) - 1
    starts, ends = clips["start_pts"].to_numpy(), clips["end_pts"].to_numpy()
    n_videos = video.max(initial=-1) + 1
    low, high = np.full(n_videos, np.iinfo(np.int64).max), np.zeros(n_videos, np.int64)
    np.minimum.at(low, video, starts)
    np.maximum.at(high, video, ends)
    shift = (np.cumsum(high - low) - high)[video]
    first = 0
    for table in tables:
        rows = slice(first, first + table.num_rows)
        yield starts[rows] + shift[rows], ends[rows] + shift[rows]
        first = rows.stop


def by_cause(clips: pa.Table) -> list[dict[str, Any]]:
    """How many clips went for each cause and reason, most first."""
    counts = clips.group_by(["cause", "reason"]).aggregate([([], "count_all")])
    return sorted(counts.to_pylist(), key=lambda row: -row["count_all"])
