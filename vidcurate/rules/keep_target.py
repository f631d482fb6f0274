"""Where the limits of rules would have to lie to keep a wanted share of the rows."""

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

# Ranks that a wanted keep rate is looked for in, a hundred to the per cent.
RANKS = 10_000

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class KeepTarget:
    """The rules that come nearest to a wanted share of clips and keep no fewer, if any do.

    Every limit lies where it alone would leave out the same share of its score's values:
    `percentile`. `rules` say so in numbers of six digits, `as_percentiles` in ranks;
    `kept_share` is what the numbers keep.
    """

    wanted_share: float
    percentile: float
    rules: tuple[str, ...]
    as_percentiles: tuple[str, ...]
    kept_share: float


def keep_target(
    rules: Sequence[Rule], columns: pa.Table, values: Mapping[Column, Any], keep: float
) -> KeepTarget:
    """The common percentile of all limits that keeps the wanted share of clips.

    A greater percentile never keeps more, so halving finds it. Raises UsageError where there is no
    limit to move.
    """
    if not any(True for rule in rules for _ in bounds_in(rule.tree)):
        raise UsageError(
            "no rule has a limit to move: --keep needs one, such as --rule 'quality.sharpness >= 0'"
        )
    low, high = 0, RANKS
    while low < high:
        middle = (low + high + 1) // 2
        if share(at_percentile(rules, middle), columns) >= keep:
            low = middle
        else:
            high = middle - 1
    ranked = at_percentile(rules, low)
    fixed = [written(with_limits(rule.tree, lambda b: as_number(b, values))) for rule in ranked]
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
    """Rules with every limit where it alone leaves out so many ten-thousandths of the values."""
    part = Decimal(rank) * 100 / RANKS

    def percentile(bound: Bound) -> Node:
        return Percentile(part if bound.operator in (">", ">=") else 100 - part)

    return [written(with_limits(rule.tree, percentile)) for rule in rules]


def as_number(bound: Bound, values: Mapping[Column, Any]) -> Node:
    """A border's limit in six digits, rounded to the side that leaves out no more."""
    value = bound.limit_in(values)
    if value is None:
        return bound.limit
    rounding = ROUND_FLOOR if bound.operator in (">", ">=") else ROUND_CEILING
    return Constant(float(Context(prec=6, rounding=rounding).create_decimal_from_float(value)))


def written(tree: Node) -> Rule:
    """A rule by what it means."""
    return Rule(str(tree), tree)


def passed(rules: Sequence[Rule], columns: pa.Table) -> Flags:
    """Which clips (columns) satisfy each rule (rows); a missing number does not."""
    passing = np.ones((len(rules), columns.num_rows), bool)
    for place, rule in enumerate(rules):
        verdicts = evaluate_rules([rule], columns)
        for fault in (verdicts.first_failed, verdicts.undecided):
            passing[place] &= fault.is_null().to_numpy(zero_copy_only=False)
    return passing
