from collections.abc import Sequence

import pyarrow as pa
import pytest

from vidcurate.rules import evaluate_rules, parse
from vidcurate.rules.bounds import Bound, bounds_in, with_limits
from vidcurate.rules.tree import Column, Constant, Node, Rule

NUMBERS = pa.table({"t.x": [1.0, 2.0, 3.0, 4.0, None], "t.y": [4, 3, 2, 1, 0]})
COLUMNS = {
    Column("t", "x"): NUMBERS["t.x"].combine_chunks(),
    Column("t", "y"): NUMBERS["t.y"].combine_chunks(),
}


def conditions(rule: str) -> list[str]:
    """The borders of a rule, as conditions."""
    return [str(bound.condition) for bound in bounds_in(parse(rule).tree)]


def moved(rule: str, limit: float) -> str:
    """A rule with one number for every limit."""

    def to_limit(_border: Bound) -> Node:
        return Constant(limit)

    return str(with_limits(parse(rule).tree, to_limit))


def passing(rule: Rule) -> Sequence[bool]:
    """Which rows satisfy a rule."""
    found = evaluate_rules([rule], NUMBERS)
    return [
        failed is None and undecided is None
        for failed, undecided in zip(
            found.first_failed.to_pylist(), found.undecided.to_pylist(), strict=True
        )
    ]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("t.x >= 2", ["t.x >= 2"]),
        ("2 < t.x", ["t.x > 2"]),
        ("1 <= t.x < 3", ["t.x >= 1", "t.x < 3"]),
        ("t.x > -1", ["t.x > -1"]),
        ("t.x / t.y >= 1.5 * 2", ["t.x / t.y >= 1.5 * 2"]),
        ("t.x >= p10 or t.y < 3", ["t.x >= p10", "t.y < 3"]),
        ("t.x > t.y", []),
        ("t.x == 2 and t.y in [1, 2] and t.x is not null", []),
        ("t.name >= 'a'", []),
    ],
)
def test_borders_of_a_rule(rule: str, expected: list[str]) -> None:
    """A border is an order of what has columns and a number; its score stands left."""
    assert conditions(rule) == expected


def test_not_turns_a_border_round() -> None:
    """A border says which side keeps rows, through any number of `not`."""
    assert conditions("not t.x > 2") == ["t.x <= 2"]
    assert conditions("not (t.x >= 2 or not t.y < 3)") == ["t.x < 2", "t.y < 3"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("t.x > 2 and t.y is null", "t.x >= 9 and t.y is null"),
        ("1 <= t.x < 3", "t.x >= 9 and t.x <= 9"),
        ("not t.x > 2", "not t.x > 9"),
        ("not t.x >= 2", "not t.x > 9"),
        ("t.x == 2 or t.name == 'a'", "t.x == 2 or t.name == 'a'"),
    ],
)
def test_limits_are_moved_and_nothing_else(rule: str, expected: str) -> None:
    """Every limit is replaced, values on it are kept, and the text reads back as the rule."""
    assert moved(rule, 9) == expected
    assert str(parse(expected).tree) == expected


def test_a_border_holds_where_its_condition_does() -> None:
    """A border alone, and the rule that it is, keep the same rows; none where there is no value."""
    rule = parse("t.x >= p50")
    (bound,) = bounds_in(rule.tree)
    assert bound.limit_in(COLUMNS) == 2.5
    assert bound.holds(COLUMNS).to_pylist() == [False, False, True, True, None]
    assert passing(rule) == [False, False, True, True, False]


def test_a_percentile_of_nothing_is_no_limit() -> None:
    """Where no row has a value there is no limit."""
    (bound,) = bounds_in(parse("t.x >= p50").tree)
    assert bound.limit_in({Column("t", "x"): pa.array([None], pa.float64())}) is None
