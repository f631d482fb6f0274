"""The clips that there are, with the columns that rules and scores read of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidcurate.analysis.fates import FATES
from vidcurate.records import CAPTIONS, CLIPS, REFINED, SOURCES, TAGS, Clip
from vidcurate.review.answers import number_or_none
from vidcurate.review.facts import Facts
from vidcurate.rules import Rule, RuleOutcomes, evaluate_rules
from vidcurate.rules.bounds import bounds_in
from vidcurate.rules.evaluation import numbers_present, spread
from vidcurate.rules.tree import Column
from vidcurate.stages.selection.filter import MISSING, RULED
from vidcurate.store.table import Table, positions, take_nullable

# So many answers to rules are kept: a slider asks for ever other ones.
MANY_OUTCOMES = 64
CODES: Mapping[str, int] = {fate: code for code, fate in enumerate(FATES)}
# A clip that passes the rules keeps these; it cannot have come so far otherwise.
CAME_ON = [CODES[fate] for fate in ("exported", "captioned", "left out")]

Flags = NDArray[np.bool_]
Codes = NDArray[np.int8]
Numbers = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Limit:
    """A limit that a rule sets to a score: its value, and whether each clip keeps to it."""

    score: str
    condition: str
    value: float | None
    holds: pa.Array


@dataclass(frozen=True)
class RuledFates:
    """The fate of each clip by rules alone, as its place in FATES, and why it is not kept."""

    codes: Codes
    reasons: pa.Array


@dataclass(frozen=True)
class Spans:
    """Clips in order. What is asked for is kept, so that it is found only once.

    Where people changed some, `base` has all clips of the tables, `new` those that are in no table,
    and `order` the places of these clips among the two.
    """

    facts: Facts
    clips: pa.Table
    base: "Spans | None" = None
    new: pa.Table | None = None
    order: Places | None = None
    columns: dict[tuple[str, str], pa.Array] = field(default_factory=dict)
    rows: dict[str, pa.Array] = field(default_factory=dict)
    outcomes: dict[tuple[str, ...], RuleOutcomes] = field(default_factory=dict)
    limits: dict[str, tuple[Limit, ...]] = field(default_factory=dict)
    ruled: dict[tuple[str, ...], RuledFates] = field(default_factory=dict)

    @cached_property
    def ids(self) -> list[str]:
        """The clips' ids, in order."""
        found: list[str] = self.clips[CLIPS.key].to_pylist()
        return found

    @cached_property
    def place(self) -> Mapping[str, int]:
        """Where each clip stands."""
        return {clip_id: n for n, clip_id in enumerate(self.ids)}

    @cached_property
    def video_names(self) -> pa.Array:
        """The path of each clip's video; null where it is gone."""
        return self.column(SOURCES, "path")

    @cached_property
    def seconds(self) -> Numbers:
        """How long each clip is."""
        return np.asarray(self.clips["duration_s"].to_numpy(), np.float64)

    @cached_property
    def captions(self) -> pa.Array:
        """The best text of each clip that a stage wrote; null where there is none."""
        both = [self.column(table, "text").cast(pa.large_string()) for table in (REFINED, CAPTIONS)]
        return pc.coalesce(*both)

    @cached_property
    def labels(self) -> NDArray[np.object_]:
        """The label that a model found most probable for each clip."""
        return np.array(self.column(TAGS, "top_name").to_pylist(), object)

    @cached_property
    def added(self) -> "Spans":
        """The clips that are in no table, by themselves."""
        return Spans(self.facts, self.new)

    def column(self, table: Table[Any], name: str) -> pa.Array:
        """A column of a table for each clip; null where it has no row, or there is no table."""
        key = (table.name, name)
        found = self.columns.get(key)
        if found is None:
            found = self.columns[key] = self.joined(table, name)
        return found

    def joined(self, table: Table[Any], name: str) -> pa.Array:
        """Look up a column by the clips' or their videos' ids."""
        if table is CLIPS:
            return self.clips[name].combine_chunks()
        if self.base is not None:
            both = [self.base.column(table, name), self.added.column(table, name)]
            return pa.concat_arrays(both).take(pa.array(self.order))
        rows = self.facts.tables.get(table.name)
        if rows is None:
            return pa.nulls(self.clips.num_rows, table.schema.field(name).type)
        if table.name not in self.rows:
            self.rows[table.name] = positions(self.clips[table.key], rows[table.key])
        return take_nullable(rows[name], self.rows[table.name])

    def numbers(self, score: tuple[str, str]) -> Numbers:
        """A score of each clip, NaN where it has none."""
        values = numbers_present(self.column(RULED[score[0]], score[1]))
        doubles = pc.cast(values, pa.float64(), safe=False)
        return np.asarray(doubles.to_numpy(zero_copy_only=False), np.float64)

    def number_at(self, score: tuple[str, str], place: int) -> float | None:
        """A score of the clip at a place; None where it has none."""
        if self.base is not None and self.order is not None and score not in self.columns:
            own = int(self.order[place])
            n_base = len(self.base.ids)
            if own < n_base:
                return self.base.number_at(score, own)
            return self.added.number_at(score, own - n_base)
        value = numbers_present(self.column(RULED[score[0]], score[1]))[place].as_py()
        return number_or_none(value)

    def columns_of(self, rules: Sequence[Rule]) -> pa.Table:
        """The columns that rules read, named `table.column`."""
        wanted = sorted({column for rule in rules for column in rule.columns})
        named = {f"{table}.{name}": self.column(RULED[table], name) for table, name in wanted}
        # A table without columns has no rows.
        return pa.table(named) if named else self.clips.select([CLIPS.key])

    def judged_by(self, rules: Sequence[Rule]) -> RuleOutcomes:
        """What becomes of each clip by rules."""
        texts = tuple(rule.text for rule in rules)
        found = self.outcomes.get(texts)
        if found is None:
            if len(self.outcomes) > MANY_OUTCOMES:
                self.outcomes.clear()  # a thread that has one keeps it
            found = self.outcomes[texts] = evaluate_rules(rules, self.columns_of(rules))
        return found

    def limits_in(self, rule: Rule) -> tuple[Limit, ...]:
        """The limits that a rule sets, and which clips keep to each."""
        if rule.text not in self.limits:
            values = {
                Column(table, name): numbers_present(self.column(RULED[table], name))
                for table, name in rule.columns
            }
            self.limits[rule.text] = tuple(
                Limit(
                    str(bound.score),
                    str(bound.condition),
                    number_or_none(bound.limit_in(values)),
                    spread(bound.holds(values), len(self.ids)),
                )
                for bound in bounds_in(rule.tree)
            )
        return self.limits[rule.text]

    @cached_property
    def recorded(self) -> RuledFates:
        """The fate of each clip as the tables have it; that of a new one is waiting."""
        fates = self.facts.fates
        row = positions(self.clips[CLIPS.key], fates[CLIPS.key])
        names = take_nullable(fates["fate"], row)
        codes = pc.index_in(names, value_set=pa.array(FATES, names.type)).fill_null(
            CODES["waiting"]
        )
        return RuledFates(
            codes.to_numpy(zero_copy_only=False).astype(np.int8),
            take_nullable(fates["reason"], row),
        )

    def fates_by(self, rules: Sequence[Rule]) -> RuledFates:
        """The fate of each clip by rules; as the tables have it where there never was one."""
        texts = tuple(rule.text for rule in rules)
        if not rules and not self.facts.recorded_rules:
            return self.recorded
        if texts not in self.ruled:
            self.ruled[texts] = ruled_fates(rules, self.judged_by(rules), self.recorded.codes)
        return self.ruled[texts]


def ruled_fates(rules: Sequence[Rule], outcomes: RuleOutcomes, before: Codes) -> RuledFates:
    """Fates by rules; a clip that passes them keeps how far it came `before`."""
    broken = pa.array([rule.text for rule in rules], pa.string()).take(outcomes.first_failed)
    lacking = pa.array([MISSING + rule.text for rule in rules], pa.string())
    missing = lacking.take(outcomes.undecided)
    codes = np.where(np.isin(before, CAME_ON), before, np.int8(CODES["kept"]))
    codes[missing.is_valid().to_numpy(zero_copy_only=False)] = CODES["unmeasured"]
    codes[broken.is_valid().to_numpy(zero_copy_only=False)] = CODES["rejected"]
    return RuledFates(codes, pc.coalesce(broken, missing))


def changed_spans(base: Spans, gone: set[str], new: Sequence[Clip]) -> Spans:
    """The clips without some, and with new ones at their places in their videos."""
    n_base = len(base.ids)
    is_gone = np.zeros(n_base, bool)
    is_gone[[base.place[clip_id] for clip_id in gone if clip_id in base.place]] = True
    if not new and not is_gone.any():
        return base
    rows = CLIPS.to_arrow(new)
    together = pa.concat_tables([base.clips, rows]).combine_chunks()
    rank = base.facts.video_order
    videos = np.concatenate([base_ranks(base), [rank[clip.video_id] for clip in new]])
    order = np.lexsort((together["end_pts"], together["start_pts"], videos))
    order = order[(order >= n_base) | ~np.append(is_gone, np.zeros(len(new), bool))[order]]
    return Spans(base.facts, together.take(pa.array(order)), base, rows, order)


def base_ranks(base: Spans) -> Places:
    """The rank of each clip's video, by its path."""
    videos = base.clips["video_id"].combine_chunks().dictionary_encode()
    rank = base.facts.video_order
    ranks = np.array([rank.get(video, len(rank)) for video in videos.dictionary.to_pylist()], int)
    return np.asarray(ranks[videos.indices.to_numpy()] if len(ranks) else ranks, np.int64)
