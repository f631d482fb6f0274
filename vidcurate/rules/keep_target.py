"""Limits of rules that keep a wanted share of the rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidcurate.errors import UsageError
from vidcurate.rules.bounds import Bound, bounds_in, with_limits
from vidcurate.rules.evaluation import evaluate_rules
from vidcurate.rules.tree import Column, Constant, Node, Percentile, Rule

# The percentiles that are tried, a hundred per percent.
RANKS = 10_000

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class KeepTarget:
    """Rules that keep a wanted share of clips, or slightly more; fewer only where none do.

    Every limit is at the same `percentile` of its score's values. `rules` have limits in numbers
    of six digits, `as_percentiles` in percentiles; `kept_share` is what `rules` keep.
    """

    wanted_share: float
    percentile: float
    rules: tuple[str, ...]
    as_percentiles: tuple[str, ...]
    kept_share: float


def keep_target(
    rules: Sequence[Rule], columns: pa.Table, values: Mapping[Column, Any], keep: float
) -> KeepTarget:
    """Find the common percentile of all limits that keeps the wanted share of clips.

    A higher percentile never keeps more, so bisection finds it. Raises UsageError where no rule
    has a limit.
    """
    if not any(True for rule in rules for _ in bounds_in(rule.tree)):
        raise UsageError(
            "no rule has a limit: --keep needs one, such as --rule 'quality.sharpness >= 0'"
        )
    low, high = 0, RANKS
    while low < high:
        middle = (low + high + 1) // 2
        if share(at_percentile(rules, middle), columns) >= keep:
            low = middle
        else:
            high = middle - 1
    ranked = at_percentile(rules, low)
    fixed = [rule_of(with_limits(rule.tree, lambda b: rounded_limit(b, values))) for rule in ranked]
    return KeepTarget(
        wanted_share=keep,
        percentile=low * 100 / RANKS,
        rules=tuple(rule.text for rule in fixed),
        as_percentiles=tuple(rule.text for rule in ranked),
        kept_share=share(fixed, columns),
    )


def share(rules: Sequence[Rule], columns: pa.Table) -> float:
    """The share of clips that satisfy all rules; 0 of none."""
    return float(passed(rules, columns).all(axis=0).mean()) if columns.num_rows else 0.0


def at_percentile(rules: Sequence[Rule], rank: int) -> list[Rule]:
    """Rules with every limit at the same rank, in ten-thousandths of the values."""
    part = Decimal(rank) * 100 / RANKS

    def percentile(bound: Bound) -> Node:
        return Percentile(part if bound.operator in (">", ">=") else 100 - part)

    return [rule_of(with_limits(rule.tree, percentile)) for rule in rules]


def rounded_limit(bound: Bound, values: Mapping[Column, Any]) -> Node:
    """A bound's limit in six digits, rounded so that it excludes no more."""
    value = bound.limit_in(values)
    if value is None:
        return bound.limit
    rounding = ROUND_FLOOR if bound.operator in (">", ">=") else ROUND_CEILING
    return Constant(float(Context(prec=6, rounding=rounding).create_decimal_from_float(value)))


def rule_of(tree: Node) -> Rule:
    """The rule of a tree."""
    return Rule(str(tree), tree)


def passed(rules: Sequence[Rule], columns: pa.Table) -> Flags:
    """Which clips (columns) satisfy each rule (rows); those without a value do not."""
    passing = np.ones((len(rules), columns.num_rows), bool)
    for index, rule in enumerate(rules):
        outcomes = evaluate_rules([rule], columns)
        for fault in (outcomes.first_failed, outcomes.undecided):
            passing[index] &= fault.is_null().to_numpy(zero_copy_only=False)
    return passing
