"""The rule language by definition: random rules and rows, in Arrow and in plain Python."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from vidcurate.rules import evaluate_rules, parse
from vidcurate.rules.tree import (
    Arithmetic,
    Column,
    Comparison,
    Constant,
    Junction,
    Membership,
    Missing,
    Negative,
    Node,
    Not,
    Percentile,
    Rule,
    TextTest,
)

Row = Mapping[str, Any]
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
FLOATS = st.sampled_from([0.0, -0.0, 0.25, -1.5, 2.0, 3.0, math.inf, -math.inf])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "t.x": st.none() | st.just(math.nan) | FLOATS,
            "t.n": st.none() | st.integers(-3, 3),
            "t.s": st.none() | st.sampled_from(["", "h264", "it's", 'say "no"', "é"]),
            "t.b": st.none() | st.booleans(),
        }
    ),
    max_size=8,
)
TYPES = {"t.x": pa.float64(), "t.n": pa.int64(), "t.s": pa.string(), "t.b": pa.bool_()}
NUMBER = st.builds(Constant, st.integers(-3, 3) | st.sampled_from([0.25, -1.5, 1e-7, 1e16]))
STRING = st.builds(Constant, st.sampled_from(["", "h264", "it's", 'say "no"', "é"]))
BOOLEAN = st.builds(Constant, st.booleans())
NUMERIC_COLUMN = st.sampled_from([Column("t", "x"), Column("t", "n")])
NUMBERS: st.SearchStrategy[Node] = st.recursive(
    NUMBER | NUMERIC_COLUMN,
    lambda inner: (
        st.builds(Arithmetic, st.sampled_from("+-*/"), inner, inner)
        # A sign before a plain number is read as part of that number.
        | st.builds(Negative, inner.filter(lambda node: not isinstance(node, Constant)))
    ),
    max_leaves=4,
)
STRINGS: st.SearchStrategy[Node] = STRING | st.just(Column("t", "s"))
BOOLEANS: st.SearchStrategy[Node] = BOOLEAN | st.just(Column("t", "b"))
ORDERS, EQUALS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), st.sampled_from(["==", "!="])
# Quarters are exact in binary, so that both ways to interpolate give the same bits.
PERCENTILE = st.sampled_from([Percentile(Decimal(rank)) for rank in (0, 25, 50, 75, 100)])


def chains(
    sides: st.SearchStrategy[Node], orders: st.SearchStrategy[str]
) -> st.SearchStrategy[Node]:
    """Comparisons of two or three sides."""
    pair = st.builds(Comparison, st.tuples(sides, sides), st.tuples(orders))
    triple = st.builds(Comparison, st.tuples(sides, sides, sides), st.tuples(orders, orders))
    return pair | triple


def members(
    side: st.SearchStrategy[Node], choice: st.SearchStrategy[Constant]
) -> st.SearchStrategy[Node]:
    """Memberships in lists of one to three."""
    choices = st.lists(choice, min_size=1, max_size=3).map(tuple)
    return st.builds(Membership, side, choices, st.booleans())


HOLDING = st.builds(
    TextTest,
    st.just("contains"),
    STRINGS,
    st.lists(STRING.filter(lambda text: bool(text.value)), min_size=1, max_size=3).map(tuple),
    st.booleans(),
)
RANKED = st.builds(
    Comparison, st.tuples(PERCENTILE, NUMERIC_COLUMN, PERCENTILE), st.tuples(ORDERS, ORDERS)
)
CONDITIONS: st.SearchStrategy[Node] = st.recursive(
    BOOLEANS
    | RANKED
    | chains(NUMBERS, ORDERS)
    | chains(STRINGS, ORDERS)
    | members(NUMBERS, NUMBER)
    | members(STRINGS, STRING)
    | HOLDING
    | st.builds(Missing, NUMBERS | STRINGS | BOOLEANS, st.booleans()),
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(
            Junction,
            st.sampled_from(["and", "or"]),
            st.lists(inner, min_size=2, max_size=3).map(tuple),
        )
        | st.builds(Missing, inner, st.booleans())
        | chains(inner, EQUALS)
        | members(inner, BOOLEAN)
    ),
    max_leaves=6,
)


def known(value: Any) -> Any:
    """A value, or None for NaN."""
    return None if isinstance(value, float) and math.isnan(value) else value


def kleene(word: str, truths: Sequence[bool | None]) -> bool | None:
    """`and` or `or` of truths of which some are not known."""
    decisive = word == "or"
    if decisive in truths:
        return decisive
    return None if None in truths else not decisive


def percentile(rank: Decimal, values: Sequence[float]) -> float | None:
    """A percentile by its definition: linear between the two nearest ranks."""
    if not values:
        return None
    place = (len(values) - 1) * float(rank) / 100
    low, share = sorted(values)[int(place)], place % 1
    if not share:
        return low
    high = sorted(values)[int(place) + 1]
    return known(low * (1 - share) + high * share)  # type: ignore[no-any-return]


def reference(node: Node, row: Row, rows: Sequence[Row]) -> Any:
    """The value of a node in one row, in plain Python; None where it is missing."""
    match node:
        case Constant():
            return node.value
        case Column():
            return known(row[str(node)])
        case Negative():
            operand = reference(node.operand, row, rows)
            return None if operand is None else -operand
        case Arithmetic():
            left, right = reference(node.left, row, rows), reference(node.right, row, rows)
            if left is None or right is None or (node.operator == "/" and right == 0):
                return None
            return known(OPERATORS[node.operator](float(left), float(right)))
    return truth(node, row, rows)


def truth(node: Node, row: Row, rows: Sequence[Row]) -> bool | None:
    """The truth of a condition in one row, in plain Python; None where it is open."""
    if isinstance(node, Comparison):
        pairs = zip(pairwise(node.operands), node.operators, strict=True)
        return kleene("and", [link(*sides, sign, row, rows) for sides, sign in pairs])
    if isinstance(node, Junction):
        return kleene(node.word, [reference(operand, row, rows) for operand in node.operands])
    assert isinstance(node, Membership | Missing | Not | TextTest)
    operand = reference(node.operand, row, rows)
    if isinstance(node, Missing):
        return (operand is None) is not node.negated
    if operand is None:
        return None
    if isinstance(node, Not):
        return not operand
    return chosen(node, operand) is not node.negated


def chosen(node: Membership | TextTest, operand: Any) -> bool:
    """Whether a value is one of the choices, or a text has one of them in it."""
    if isinstance(node, TextTest):
        texts = [str(choice.value).lower() for choice in node.choices]
        return any(text in str(operand).lower() for text in texts)
    return operand in [choice.value for choice in node.choices]


def link(one: Node, two: Node, sign: str, row: Row, rows: Sequence[Row]) -> bool | None:
    """One comparison, in plain Python."""

    def value(side: Node, other: Node) -> Any:
        if not isinstance(side, Percentile):
            return reference(side, row, rows)
        every = [reference(other, each, rows) for each in rows]
        return percentile(side.rank, [each for each in every if each is not None])

    left, right = value(one, two), value(two, one)
    return None if left is None or right is None else bool(OPERATORS[sign](left, right))


@given(CONDITIONS)
def test_a_tree_reads_back_from_its_text(tree: Node) -> None:
    """The text of any tree is a rule that means that tree."""
    again = parse(str(tree)).tree
    assert (again, str(again)) == (tree, str(tree))


@settings(deadline=None)
@given(st.lists(CONDITIONS, max_size=3), ROWS)
def test_arrow_agrees_with_plain_python(trees: list[Node], rows: list[dict[str, Any]]) -> None:
    """Judging whole columns gives for each row what the language's definition says of it."""
    columns = pa.table(
        {name: pa.array([row[name] for row in rows], type_) for name, type_ in TYPES.items()}
    )
    found = evaluate_rules([Rule(str(tree), tree) for tree in trees], columns)
    for index, row in enumerate(rows):
        truths = [reference(tree, row, rows) for tree in trees]
        failed = truths.index(False) if False in truths else None
        before = truths[:failed]
        undecided = before.index(None) if None in before else None
        assert found.first_failed[index].as_py() == failed
        assert found.undecided[index].as_py() == undecided
