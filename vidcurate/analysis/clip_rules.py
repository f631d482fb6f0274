"""What the rules of a data set say of one clip, and which limit each of its scores meets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.analysis.one_clip import OneClip
from vidcurate.analysis.tune import rules_for
from vidcurate.analysis.view import reader
from vidcurate.records import CLIPS
from vidcurate.rules.bounds import Bound, bounds_in
from vidcurate.rules.evaluation import evaluate, numbers_present, spread
from vidcurate.rules.join import Read, joined_columns
from vidcurate.rules.tree import Column
from vidcurate.stages.selection.accept import tables_known
from vidcurate.stages.selection.filter import has_percentile


@dataclass(frozen=True)
class LimitOutcome:
    """A limit that a rule sets to a score, and whether a clip's `value` is within it.

    What is null is not known, since a number is missing.
    """

    rule: str
    score: str
    condition: str
    limit: float | None
    value: float | None
    holds: bool | None


@dataclass(frozen=True)
class RuleOutcome:
    """Whether a clip satisfies a rule; null where a number that it needs is missing."""

    rule: str
    holds: bool | None
    limits: tuple[LimitOutcome, ...]


def rule_outcomes(clip: OneClip) -> tuple[RuleOutcome, ...]:
    """What each rule of the data set says of a clip, by the scores as they are now.

    A rule with a percentile is tried on the scores of all clips, any other on this clip's alone.
    """
    rules = rules_for(clip.plan, ())
    read: Read = partial(read_own, clip)
    if any(has_percentile(rule.tree) for rule in rules):
        read = reader(clip.dataset, clip.plan, clip.scope)
    clips = read(CLIPS.name)
    at = pc.index(clips[CLIPS.key], clip.keys[CLIPS.key]).as_py()
    pairs = {pair for rule in rules for pair in rule.columns if pair[0] in clip.made}
    columns = joined_columns(clips, CLIPS.name, pairs, tables_known(rules), read)
    values = {
        Column(*name.split(".", 1)): numbers_present(columns[name].combine_chunks())
        for name in columns.column_names
    }
    number = partial(value_at, at=at, n_rows=clips.num_rows)
    return tuple(
        RuleOutcome(
            rule=rule.text,
            holds=number(evaluate(rule.tree, values)) if rule.columns <= pairs else None,
            limits=tuple(limit_outcomes(rule.text, bounds_in(rule.tree), values, number))
            if rule.columns <= pairs
            else (),
        )
        for rule in rules
    )


def limit_outcomes(
    rule: str, bounds: Iterator[Bound], values: Mapping[Column, Any], number: Any
) -> Iterator[LimitOutcome]:
    """What each limit of a rule says of a clip, whose value `number` takes from a column."""
    for bound in bounds:
        yield LimitOutcome(
            rule=rule,
            score=str(bound.score),
            condition=str(bound.condition),
            limit=bound.limit_in(values),
            value=number(evaluate(bound.score, values)),
            holds=number(bound.holds(values)),
        )


def read_own(clip: OneClip, name: str) -> pa.Table:
    """The rows of a table that belong to a clip."""
    return clip.rows(clip.made[name].stage.writes)


def value_at(values: Any, *, at: int, n_rows: int) -> Any:
    """One row's value of a result."""
    return spread(values, n_rows)[at].as_py()
