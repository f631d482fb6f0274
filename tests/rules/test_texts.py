from typing import Any

import pyarrow as pa
import pytest

from vidcurate.errors import RuleError
from vidcurate.rules import check, evaluate_rules, parse
from vidcurate.rules.evaluation import evaluate
from vidcurate.rules.tree import Column, Measure

TEXTS = ["A LOGO on a car", "", None, "一只兔子 a-b, c_d", "Don't stop"]
ITEMS = [["Dog", "cat"], [], None, ["x"], ["dog", "dog"]]


def scored(*scores: float | None) -> list[dict[str, Any]]:
    """Candidates with these scores."""
    return [{"text": "a", "score": score} for score in scores]


CANDIDATES = [scored(0.25, 0.75), scored(None), None, scored(0.5, float("nan")), scored(1, 0, 1)]
TABLE = pa.table(
    {
        "c.text": pa.array(TEXTS, pa.string()),
        "c.items": pa.array(ITEMS, pa.list_(pa.string())),
        "c.candidates": CANDIDATES,
    }
)


def truths(rule: str) -> list[bool | None]:
    """Whether a rule holds, for each row."""
    found = evaluate_rules([parse(rule)], TABLE)
    pairs = zip(found.first_failed.to_pylist(), found.undecided.to_pylist(), strict=True)
    return [None if undecided == 0 else failed is None for failed, undecided in pairs]


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("c.text contains 'logo'", [True, False, None, False, False]),
        ("c.text contains ['LOGO', '兔']", [True, False, None, True, False]),
        ("c.text not contains ['logo', 'stop']", [False, True, None, True, False]),
        ("not c.text contains '.'", [True, True, None, True, True]),
        (r"c.text matches '(?i)\blogo\b|^$'", [True, True, None, False, False]),
        (r"c.text not matches '\bca\b'", [True, True, None, True, True]),
        ("c.items contains 'DOG'", [True, False, None, False, True]),
        ("c.items not contains ['x', 'cat']", [False, True, None, False, True]),
        ("c.text contains 'o' and words(c.text) < 4", [False, False, None, False, True]),
    ],
)
def test_what_texts_and_lists_contain(rule: str, holds: list[bool | None]) -> None:
    """Case counts for patterns alone; a dot is a dot; a list has whole items; null is null."""
    assert truths(rule) == holds
    assert parse(str(parse(rule).tree)).tree == parse(rule).tree


@pytest.mark.parametrize(
    ("function", "column", "numbers"),
    [
        ("words", "text", [5, 0, None, 8, 3]),
        ("length", "text", [15, 0, None, 13, 10]),
        ("length", "items", [2, 0, None, 1, 2]),
        ("margin", "candidates", [0.5, None, None, None, 0.0]),
    ],
)
def test_what_is_measured_of_texts_and_lists(
    function: str, column: str, numbers: list[float | None]
) -> None:
    """Words are those that judge counts; a margin needs two scores, and equal ones have none."""
    columns = {Column("c", column): TABLE[f"c.{column}"]}
    found = evaluate(Measure(function, Column("c", column)), columns)
    assert found.to_pylist() == numbers


def test_a_limit_of_a_measured_number_may_be_a_percentile() -> None:
    """A measured number is compared as a column is."""
    assert truths("words(c.text) > p50") == [True, False, None, True, False]


def test_a_pattern_takes_time_in_line_with_its_text() -> None:
    """What makes other engines try every way to match is read once."""
    long = pa.table({"c.text": pa.array(["a" * 100_000 + "!"], pa.string())})
    rule = parse("c.text matches '^(a+)+$'")
    assert evaluate_rules([rule], long).first_failed.to_pylist() == [0]


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("c.text contains 3", "expected a text after 'contains', such as 'logo', found 3"),
        ("c.text contains ['a', '']", "expected a text after 'contains'"),
        ("c.text contains []", "expected a number, string"),
        ("c.text contains c.text", "expected a number, string"),
        ("c.text matches '(?=a)'", "this is no pattern: invalid perl operator"),
        ("c.text CONTAINS 'a'", "write 'contains' for 'CONTAINS'"),
        ("count(c.items) > 1", "functions are words, length, margin, found 'count'"),
        ("words(c.text > 1", r"c.text > 1: c.text is a string|expected '\)'"),
        ("words(c.items) > 1", "c.items is a list of strings, and words takes a string"),
        ("c.items matches 'a'", "and matches takes a string"),
        ("margin(c.items) > 1", "and margin takes a list of candidates"),
        ("words(c.text)", r"words\(c.text\) is a number, expected a condition"),
    ],
)
def test_a_test_of_what_is_no_text_is_refused(rule: str, fault: str) -> None:
    """The fault says what is taken."""
    schema = pa.schema(
        [pa.field(name[2:], TABLE.schema.field(name).type) for name in TABLE.schema.names]
    )
    with pytest.raises(RuleError, match=fault):
        check([parse(rule)], {"c": schema}, {})
