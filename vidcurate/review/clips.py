"""The clips as they are now: what the tables say, with people's decisions folded in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidcurate.clips.reviews import (
    ClipReview,
    Revision,
    reviews_of,
    revisions_of,
    span_id,
    standing,
)
from vidcurate.records import CAPTIONS, CLIPS, REFINED, SOURCES, TAGS, Decision
from vidcurate.review.facts import Facts, in_order
from vidcurate.rules import Rule, RuleOutcomes, evaluate_rules
from vidcurate.rules.bounds import bounds_in
from vidcurate.rules.evaluation import numbers_present, spread
from vidcurate.rules.join import joined_columns, video_paths
from vidcurate.rules.tree import Column
from vidcurate.stages.selection.filter import MISSING, RULED
from vidcurate.store.table import Table, positions, take_nullable

# What a clip is that no rule or person keeps from the data set.
PASSING = ("exported", "captioned", "kept", "left out", "waiting")

# So many answers to rules are kept.
MANY_OUTCOMES = 64

Flags = NDArray[np.bool_]
Words = NDArray[np.object_]


@dataclass(frozen=True)
class Limit:
    """A limit that a rule sets to a score: its value, and whether each clip keeps to it."""

    score: str
    condition: str
    value: float | None
    holds: pa.Array


@dataclass(frozen=True)
class Spans:
    """The clips that there are now, with the columns that rules and scores read of them."""

    facts: Facts
    clips: pa.Table
    columns: dict[tuple[str, str], pa.ChunkedArray] = field(default_factory=dict)
    outcomes: dict[tuple[str, ...], RuleOutcomes] = field(default_factory=dict)
    limits: dict[str, tuple[Limit, ...]] = field(default_factory=dict)

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
    def video_names(self) -> pa.ChunkedArray:
        """The path of each clip's video; null where it is gone."""
        if SOURCES.name not in self.facts.tables:
            return pa.chunked_array([pa.nulls(len(self.ids), pa.string())])
        return video_paths(self.clips, self.facts.read(SOURCES.name))

    @cached_property
    def seconds(self) -> NDArray[np.float64]:
        """How long each clip is."""
        return np.asarray(self.clips["duration_s"].to_numpy(), np.float64)

    def column(self, table: str, name: str) -> pa.ChunkedArray:
        """A column of a table for each clip, null where it has none.

        A table that the data set lacks gives nulls; raises UsageError for an unknown column.
        """
        if (table, name) not in self.columns:
            self.columns[table, name] = self.joined(table, name)
        return self.columns[table, name]

    def joined(self, table: str, name: str) -> pa.ChunkedArray:
        """Read a column by the clips' or their videos' ids."""
        known = RULED[table]
        if table != CLIPS.name and table not in self.facts.tables:
            return pa.chunked_array([pa.nulls(len(self.ids), known.schema.field(name).type)])
        found = joined_columns(self.clips, CLIPS.name, [(table, name)], RULED, self.facts.read)
        return found[f"{table}.{name}"]

    def beside(self, table: Table[Any], name: str) -> pa.ChunkedArray:
        """A column of a table that rules do not read, null where a clip has no row."""
        if table.name not in self.facts.tables:
            return pa.chunked_array([pa.nulls(len(self.ids), table.schema.field(name).type)])
        rows = self.facts.read(table.name)
        where = positions(self.clips[CLIPS.key], rows[table.key])
        return pa.chunked_array([take_nullable(rows[name], where)])

    @cached_property
    def captions(self) -> pa.Array:
        """The best text of each clip that a stage wrote; null where there is none."""
        both = [self.beside(table, "text") for table in (REFINED, CAPTIONS)]
        return pc.coalesce(*(c.combine_chunks().cast(pa.large_string()) for c in both))

    @cached_property
    def labels(self) -> Words:
        """The label that a model found most probable for each clip."""
        return np.array(self.column(TAGS.name, "top_name").to_pylist(), object)

    def numbers(self, score: tuple[str, str]) -> NDArray[np.float64]:
        """A score of each clip, NaN where it has none."""
        values = pc.cast(self.column(*score), pa.float64(), safe=False)
        return np.asarray(values.combine_chunks().to_numpy(zero_copy_only=False), np.float64)

    def columns_of(self, rules: Sequence[Rule]) -> pa.Table:
        """The columns that rules read, named `table.column`."""
        wanted = sorted({column for rule in rules for column in rule.columns})
        named = {f"{table}.{name}": self.column(table, name) for table, name in wanted}
        return pa.table(named) if named else self.clips.select([])

    def judged_by(self, rules: Sequence[Rule]) -> RuleOutcomes:
        """What becomes of each clip by rules."""
        texts = tuple(rule.text for rule in rules)
        if len(self.outcomes) > MANY_OUTCOMES:  # a slider asks for ever other rules
            self.outcomes.clear()
        if texts not in self.outcomes:
            self.outcomes[texts] = evaluate_rules(rules, self.columns_of(rules))
        return self.outcomes[texts]

    def limits_in(self, rule: Rule) -> tuple[Limit, ...]:
        """The limits that a rule sets, and which clips keep to each."""
        if rule.text not in self.limits:
            columns = self.columns_of([rule])
            values = {
                Column(*name.split(".", 1)): numbers_present(columns[name].combine_chunks())
                for name in columns.column_names
            }
            self.limits[rule.text] = tuple(
                Limit(
                    str(bound.score),
                    str(bound.condition),
                    bound.limit_in(values),
                    spread(bound.holds(values), len(self.ids)),
                )
                for bound in bounds_in(rule.tree)
            )
        return self.limits[rule.text]


@dataclass(frozen=True)
class ClipsNow:
    """All clips with their fates and reviews, by rules and decisions of one moment."""

    spans: Spans
    rules: tuple[Rule, ...]
    decisions: tuple[Decision, ...]
    reviews: Mapping[str, ClipReview]
    revisions: Mapping[str, Revision]

    @property
    def facts(self) -> Facts:
        """What the tables say."""
        return self.spans.facts

    @cached_property
    def verdicts(self) -> Words:
        """Of each clip accept, reject or None."""
        found = np.full(len(self.spans.ids), None, object)
        for clip_id, review in self.reviews.items():
            if clip_id in self.spans.place:
                found[self.spans.place[clip_id]] = review.verdict
        return found

    @cached_property
    def fate_and_reason(self) -> tuple[Words, Words]:
        """What became, or will by the next filter, of each clip, and why it is not kept."""
        fates = self.facts.fates
        row = positions(self.spans.clips[CLIPS.key], fates[CLIPS.key])
        fate = fates["fate"].combine_chunks().take(row).fill_null("waiting")
        reason = fates["reason"].combine_chunks().take(row)
        if self.rules:
            fate, reason = fates_by_rules(self.rules, self.spans.judged_by(self.rules), fate)
        found = np.array(fate.to_pylist(), object)
        reasons = np.array(reason.to_pylist(), object)
        accepted, rejected = self.verdicts == "accept", self.verdicts == "reject"
        is_stopped = ~np.isin(found, PASSING) | (found == "waiting")
        found[accepted & is_stopped] = "kept"
        reasons[accepted] = None
        found[rejected] = "rejected"
        for place in np.flatnonzero(rejected):
            reasons[place] = self.reviews[self.spans.ids[place]].why_rejected
        return found, reasons

    @property
    def fates(self) -> Words:
        """The fate of each clip."""
        return self.fate_and_reason[0]

    @cached_property
    def passes(self) -> Flags:
        """Which clips the rules and people let pass."""
        return self.passing(self.rules)

    def passing(self, rules: Sequence[Rule]) -> Flags:
        """Which clips would pass other rules; people's verdicts stand before any rule."""
        outcomes = self.spans.judged_by(rules)
        good = pc.and_(pc.is_null(outcomes.first_failed), pc.is_null(outcomes.undecided))
        passed = np.asarray(good.to_numpy(zero_copy_only=False), bool)
        found: Flags = (passed | (self.verdicts == "accept")) & (self.verdicts != "reject")
        return found

    @cached_property
    def counts(self) -> dict[str, Any]:
        """How many clips there are, by fate and review, and how long they are."""
        names, number = np.unique(self.fates.astype(str), return_inverse=True)
        clips = np.bincount(number, minlength=len(names))
        seconds = np.bincount(number, weights=self.spans.seconds, minlength=len(names))
        length = {name: round(float(s), 3) for name, s in zip(names.tolist(), seconds, strict=True)}
        return {
            "clips": len(self.spans.ids),
            "fates": dict(zip(names.tolist(), clips.tolist(), strict=True)),
            "reviewed": sum(clip_id in self.spans.place for clip_id in self.reviews),
            "accepted": int((self.verdicts == "accept").sum()),
            "rejected": int((self.verdicts == "reject").sum()),
            "seconds": {"all": round(float(self.spans.seconds.sum()), 3), **length},
        }

    def review(self, clip_id: str) -> ClipReview:
        """What people decided about a clip."""
        return self.reviews.get(clip_id, ClipReview())

    def caption(self, clip_id: str) -> str | None:
        """A clip's text: a person's, else the best that a stage wrote."""
        written = self.review(clip_id).caption
        return written if written is not None else self.caption_before(clip_id)

    def caption_before(self, clip_id: str) -> str | None:
        """The best text that a stage wrote about a clip."""
        text: str | None = self.spans.captions[self.spans.place[clip_id]].as_py()
        return text


def fates_by_rules(
    rules: Sequence[Rule], outcomes: RuleOutcomes, before: pa.Array
) -> tuple[pa.Array, pa.Array]:
    """Fates and reasons by rules; a clip that passes them keeps how far it came `before`."""
    broken = pa.array([rule.text for rule in rules], pa.string()).take(outcomes.first_failed)
    lacking = pa.array([MISSING + rule.text for rule in rules], pa.string())
    missing = lacking.take(outcomes.undecided)
    came_on = pc.is_in(before, value_set=pa.array(["exported", "captioned", "left out"]))
    fate = pc.if_else(came_on, before, "kept")
    fate = pc.if_else(pc.is_valid(missing), "unmeasured", fate)
    fate = pc.if_else(pc.is_valid(broken), "rejected", fate)
    return fate, pc.coalesce(broken, missing)


def clips_now(
    facts: Facts,
    rules: Sequence[Rule],
    decisions: Sequence[Decision],
    before: ClipsNow | None = None,
) -> ClipsNow:
    """Fold decisions into what tables say; the columns of clips `before` are used again."""
    revisions = revisions_of(decisions)
    if before is not None and before.facts is facts and before.revisions == revisions:
        spans = before.spans
    else:
        spans = Spans(facts, revised_clips(facts, revisions, decisions))
    return ClipsNow(spans, tuple(rules), tuple(decisions), reviews_of(decisions), revisions)


def revised_clips(
    facts: Facts, revisions: Mapping[str, Revision], decisions: Sequence[Decision]
) -> pa.Table:
    """The clips that there will be when `split` has taken in what people changed."""
    if not revisions:
        return facts.clips
    rows = facts.clips
    there = set(rows[CLIPS.key].to_pylist())
    gone = {clip_id for revision in revisions.values() for clip_id in revision.replaced}
    wanted = {
        span_id(video_id, span): (video_id, span.start_pts, span.end_pts)
        for video_id, revision in revisions.items()
        for span in revision.spans
    }
    by_people = {
        span_id(decision.video_id, span) for decision in decisions for span in decision.spans
    }
    for decision in undone_spans(decisions):
        # `split` took these in before they were undone: what they replaced is in no table.
        lost = [i for i in decision.replaces if i not in there | gone | by_people]
        if lost:
            made = {span_id(decision.video_id, span) for span in decision.spans}
            gone |= made - set(wanted)
            wanted |= {clip_id: (decision.video_id, *span_in(clip_id)) for clip_id in lost}
    kept = rows.filter(pc.invert(pc.is_in(rows[CLIPS.key], value_set=pa.array(gone, pa.string()))))
    made_now = (
        facts.clip_of(*span)
        for clip_id, span in wanted.items()
        if clip_id not in there and span[0] in facts.video_order
    )
    new = [clip for clip in made_now if clip is not None]
    if not new:
        return kept.combine_chunks()
    together = pa.concat_tables([kept, CLIPS.to_arrow(new)])
    return in_order(together, facts.tables.get(SOURCES.name))


def undone_spans(decisions: Sequence[Decision]) -> list[Decision]:
    """The decisions about spans that do not stand."""
    stand = {decision.decision_id for decision in standing(decisions)}
    return [d for d in decisions if d.action == "spans" and d.decision_id not in stand]


def span_in(clip_id: str) -> tuple[int, int]:
    """The span that a clip's id names, in ticks."""
    _, start, end = clip_id.rsplit("-", 2)
    return int(start), int(end)
