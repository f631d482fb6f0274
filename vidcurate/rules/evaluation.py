"""Evaluates rules over all rows at once, in Arrow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidcurate.rules.schema import check_types
from vidcurate.rules.texts import has_text, measured
from vidcurate.rules.tree import (
    VIDEO,
    Arithmetic,
    Column,
    Comparison,
    Constant,
    Junction,
    Measure,
    Membership,
    Missing,
    Negative,
    Node,
    Not,
    Percentile,
    Rule,
    TextTest,
)
from vidcurate.store.table import FRACTION

Values = Any  # pa.Array | pa.ChunkedArray | pa.Scalar: Arrow's functions take each of them
COMPARE = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
COMBINE = {"+": pc.add, "-": pc.subtract, "*": pc.multiply, "/": pc.divide}
JOIN = {"and": pc.and_kleene, "or": pc.or_kleene}


@dataclass(frozen=True, slots=True)
class RuleOutcomes:
    """The outcome of each row: indexes of rules, null where there is none.

    `first_failed` is the first rule that is false for the row. `undecided` is the first rule,
    before any false one, that is neither true nor false because a value is missing. A row passes
    if both are null.
    """

    first_failed: pa.Int32Array
    undecided: pa.Int32Array


def evaluate_rules(rules: Sequence[Rule], columns: pa.Table) -> RuleOutcomes:
    """Evaluate rules, in their order, on rows whose columns are named `table.column`.

    NaN, the result of a division by zero and null are all missing values, which `and`, `or` and
    `not` treat by Kleene's logic. Arithmetic and fractions are in double precision. A percentile is
    interpolated linearly between the two nearest ranks, over all rows that have a value, or those
    of the row's video.
    Raises RuleError for a column that does not exist or has a type that the rule cannot use.
    """
    named = [field for field in columns.schema if "." in field.name]
    check_types(rules, {Column(*field.name.split(".", 1)): field.type for field in named}, {})
    names = {Column(*name) for rule in rules for name in rule.columns}
    values = {column: numbers_present(columns.column(str(column))) for column in names}
    failed = undecided = pa.nulls(columns.num_rows, pa.int32())
    nothing = pa.scalar(None, pa.int32())
    for index, rule in enumerate(rules):
        outcome = spread(evaluate(rule.tree, values), columns.num_rows)
        this = pa.scalar(index, pa.int32())
        is_open = pc.and_(pc.is_null(outcome), pc.is_null(failed))
        undecided = pc.coalesce(undecided, pc.if_else(is_open, this, nothing))
        failed = pc.coalesce(failed, pc.if_else(outcome, nothing, this))
    return RuleOutcomes(failed, undecided)


def spread(values: Values, n_rows: int) -> pa.Array:
    """A plain array with one value per row, from any result of an Arrow function."""
    if isinstance(values, pa.Scalar):
        return pa.repeat(values, n_rows)
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def numbers_present(values: Values) -> Values:
    """A column for rules: fractions as numbers, NaN as null."""
    if values.type == FRACTION:
        parts = [pc.cast(pc.struct_field(values, part), pa.float64()) for part in ("num", "den")]
        return present(pc.divide(*parts))
    return present(values) if pa.types.is_floating(values.type) else values


def present(values: Values) -> Values:
    """Floating-point values with null for NaN."""
    return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)


def evaluate(node: Node, columns: Mapping[Column, Values]) -> Values:
    """The value of a node for every row; a scalar if it reads no column."""
    match node:
        case Constant(value=value):
            return pa.scalar(value)
        case Column():
            return columns[node]
        case Negative(operand=operand):
            return pc.negate(double(evaluate(operand, columns)))
        case Arithmetic():
            return combined(node, columns)
        case Measure(function=function, operand=operand):
            return measured(function, evaluate(operand, columns))
        case Percentile():
            raise AssertionError("a percentile has a value only within its comparison")
        case _:
            return condition(node, columns)


def condition(
    node: Comparison | Membership | TextTest | Missing | Not | Junction,
    columns: Mapping[Column, Values],
) -> Values:
    """Whether a condition is true, for every row."""
    match node:
        case Comparison():
            return compared(node, columns)
        case Membership(operand=operand):
            return contained(evaluate(operand, columns), node)
        case TextTest(operand=operand):
            return has_text(evaluate(operand, columns), node)
        case Missing(operand=operand, negated=negated):
            return (pc.is_valid if negated else pc.is_null)(evaluate(operand, columns))
        case Not(operand=operand):
            return pc.invert(evaluate(operand, columns))
        case Junction(word=word, operands=operands):
            return reduce(JOIN[word], [evaluate(operand, columns) for operand in operands])


def double(values: Values) -> Values:
    """Numbers in double precision; without `safe=False` Arrow refuses integers above 2**53."""
    return pc.cast(values, pa.float64(), safe=False)


def combined(node: Arithmetic, columns: Mapping[Column, Values]) -> Values:
    """The result of one arithmetic operator, in double precision."""
    left, right = (double(evaluate(side, columns)) for side in (node.left, node.right))
    if node.operator == "/":
        right = pc.if_else(pc.equal(right, 0.0), pa.scalar(None, pa.float64()), right)
    return present(COMBINE[node.operator](left, right))


def compared(node: Comparison, columns: Mapping[Column, Values]) -> Values:
    """Where every link of a chain holds."""
    sides = [
        side if isinstance(side, Percentile) else evaluate(side, columns) for side in node.operands
    ]
    links = []
    for (first, second), operator in zip(pairwise(sides), node.operators, strict=True):
        left = percentile_values(first, second, columns) if isinstance(first, Percentile) else first
        right = (
            percentile_values(second, first, columns) if isinstance(second, Percentile) else second
        )
        if pa.types.is_floating(left.type) or pa.types.is_floating(right.type):
            left, right = double(left), double(right)
        links.append(COMPARE[operator](left, right))
    return reduce(pc.and_kleene, links)


def percentile_values(
    percentile: Percentile, values: Values, columns: Mapping[Column, Values]
) -> Values:
    """The percentile of values; one per row if it is that of the row's video."""
    if not percentile.of_video:
        return threshold(percentile, values)
    videos = spread(columns[VIDEO], len(values)).dictionary_encode().indices.to_numpy()
    numbers = spread(double(values), len(values)).to_numpy(zero_copy_only=False)
    by_video = group_quantiles(numbers, videos, float(percentile.rank / 100))
    return present(pa.array(by_video[videos], pa.float64()))


def group_quantiles(
    numbers: NDArray[np.float64], groups: NDArray[np.int32], share: float
) -> NDArray[np.float64]:
    """A quantile of each group's numbers, interpolated linearly; NaN values are left out.

    Groups are numbered from 0. A group without numbers has NaN.
    """
    n_groups = int(groups.max(initial=-1)) + 1
    is_there = ~np.isnan(numbers)
    numbers, groups = numbers[is_there], groups[is_there]
    ordered = numbers[np.lexsort((numbers, groups))]
    counts = np.bincount(groups, minlength=n_groups)
    ranks = share * np.maximum(counts - 1, 0)
    filled = counts > 0
    positions = (np.cumsum(counts) - counts + np.floor(ranks).astype(np.int64))[filled]
    parts = (ranks % 1)[filled]
    low, high = ordered[positions], ordered[positions + (parts > 0)]
    found = np.full(n_groups, np.nan)
    found[filled] = np.where(parts > 0, low * (1 - parts) + high * parts, low)
    return found


def threshold(percentile: Percentile, values: Values) -> pa.Scalar:
    """A percentile of the values that are not missing; null if there are none."""
    return present(pc.quantile(values, q=float(percentile.rank / 100), interpolation="linear"))[0]


def contained(values: Values, node: Membership) -> Values:
    """Whether a value is one of the choices, or none; null where it is missing."""
    choices = pa.array([choice.value for choice in node.choices])
    if pa.types.is_floating(values.type) or pa.types.is_floating(choices.type):
        # Adding zero makes one of the two zeros, which a hash would tell apart.
        values, choices = pc.add(double(values), 0.0), pc.add(double(choices), 0.0)
    found = pc.is_in(values, value_set=choices.cast(values.type))
    found = pc.if_else(pc.is_valid(values), found, pa.scalar(None, pa.bool_()))
    return pc.invert(found) if node.negated else found
