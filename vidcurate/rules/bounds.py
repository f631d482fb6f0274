"""Bounds: the comparisons with a limit that can be moved to keep more rows or fewer."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from vidcurate.rules.evaluation import compared, evaluate, threshold
from vidcurate.rules.schema import kind_of
from vidcurate.rules.tree import (
    Column,
    Comparison,
    Junction,
    Node,
    Not,
    Percentile,
    columns_in,
)

MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
INVERTED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


@dataclass(frozen=True, slots=True)
class Bound:
    """A condition that a score lies on one side of a limit; the limit reads no column."""

    score: Node
    operator: str
    limit: Node

    @property
    def condition(self) -> Comparison:
        """The bound as a comparison."""
        return Comparison((self.score, self.limit), (self.operator,))

    def limit_in(self, columns: Mapping[Column, Any]) -> float | None:
        """The limit as a number; None for a percentile where no row has a value."""
        if isinstance(self.limit, Percentile):
            limit = threshold(self.limit, evaluate(self.score, columns)).as_py()
        else:
            limit = evaluate(self.limit, columns).as_py()
        return None if limit is None else float(limit)

    def holds(self, columns: Mapping[Column, Any]) -> Any:
        """Where the bound holds; null where the score has no value."""
        return compared(self.condition, columns)


def bounds_in(node: Node, *, wanted: bool = True) -> Iterator[Bound]:
    """The bounds of a condition that must be true, or with `wanted` off, false."""
    match node:
        case Comparison():
            found = (bound_of(link, wanted=wanted) for link in chain_links(node))
            yield from (bound for bound in found if bound is not None)
        case Not(operand=operand):
            yield from bounds_in(operand, wanted=not wanted)
        case Junction(operands=operands):
            for operand in operands:
                yield from bounds_in(operand, wanted=wanted)


def chain_links(chain: Comparison) -> list[Comparison]:
    """The links of a chain; `a < b < c` is `a < b` and `b < c`."""
    sides = pairwise(chain.operands)
    return [
        Comparison(two, (operator,)) for two, operator in zip(sides, chain.operators, strict=True)
    ]


def bound_of(link: Comparison, *, wanted: bool) -> Bound | None:
    """The bound that a comparison of two sides is, score first; None where it is none."""
    (left, right), operator = link.operands, link.operators[0]
    if operator not in MIRRORED:
        return None
    if is_fixed(left):
        left, right, operator = right, left, MIRRORED[operator]
    if is_fixed(left) or not is_fixed(right):
        return None
    return Bound(left, operator if wanted else INVERTED[operator], right)


def is_fixed(side: Node) -> bool:
    """Whether a side is a number that is the same for every row, or a percentile."""
    return next(columns_in(side), None) is None and kind_of(side, {}) == "number"


def with_limits(node: Node, limit_of: Callable[[Bound], Node], *, wanted: bool = True) -> Node:
    """A condition with another limit for each of its bounds.

    Values equal to a limit are kept, whatever the bound was: where many are equal, as at 0, the
    next limit would exclude all of them.
    """
    match node:
        case Comparison():
            moved = [moved_link(link, limit_of, wanted=wanted) for link in chain_links(node)]
            return moved[0] if len(moved) == 1 else Junction("and", tuple(moved))
        case Not(operand=operand):
            return Not(with_limits(operand, limit_of, wanted=not wanted))
        case Junction(word=word, operands=operands):
            return Junction(word, tuple(with_limits(o, limit_of, wanted=wanted) for o in operands))
        case _:
            return node


def moved_link(link: Comparison, limit_of: Callable[[Bound], Node], *, wanted: bool) -> Comparison:
    """A link with another limit, if it is a bound."""
    bound = bound_of(link, wanted=wanted)
    if bound is None:
        return link
    closed = ">=" if bound.operator in (">", ">=") else "<="
    operator = closed if wanted else INVERTED[closed]
    return Comparison((bound.score, limit_of(bound)), (operator,))
