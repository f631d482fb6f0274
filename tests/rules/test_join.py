import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest

from vidcurate.errors import RuleError, UsageError
from vidcurate.rules import parse
from vidcurate.rules.join import joined_columns, select_rows, selected_columns
from vidcurate.store.table import Table


@dataclass(frozen=True)
class Piece:
    """A row of the table that is joined to."""

    piece_id: str
    whole_id: str
    length: float


@dataclass(frozen=True)
class Score:
    """A number of some pieces."""

    piece_id: str
    whole_id: str
    value: float | None


@dataclass(frozen=True)
class Whole:
    """What a piece is of."""

    whole_id: str
    name: str


@dataclass(frozen=True)
class Other:
    """A table that has nothing to do with pieces."""

    other_id: str


PIECES = Table("pieces", Piece, "piece_id")
SCORES = Table("scores", Score, "piece_id")
WHOLES = Table("wholes", Whole, "whole_id")
OTHERS = Table("others", Other, "other_id")
TABLES: Mapping[str, Table[Any]] = {t.name: t for t in (PIECES, SCORES, WHOLES, OTHERS)}
BASE = PIECES.to_arrow([Piece(f"p{n}", f"w{n % 2}", float(n)) for n in range(4)])
ROWS: Mapping[str, pa.Table] = {
    "scores": SCORES.to_arrow(
        [Score("p3", "w1", 3.5), Score("p0", "w0", None), Score("p1", "w1", 1.5)]
    ),
    "wholes": WHOLES.to_arrow([Whole("w1", "one"), Whole("w0", "zero")]),
    "others": OTHERS.to_arrow([]),
}


def columns(*wanted: tuple[str, str]) -> dict[str, list[Any]]:
    """Columns beside the pieces."""
    found = joined_columns(BASE, "pieces", wanted, TABLES, ROWS.__getitem__)
    return {name: found[name].to_pylist() for name in found.column_names}


def test_rows_are_found_by_key_not_by_place() -> None:
    """A column of another table stands in the order of the base; what is not there is null."""
    assert columns(("scores", "value"), ("wholes", "name"), ("pieces", "length")) == {
        "pieces.length": [0.0, 1.0, 2.0, 3.0],
        "scores.value": [None, 1.5, None, 3.5],
        "wholes.name": ["zero", "one", "zero", "one"],
    }


def test_no_column_keeps_the_rows() -> None:
    """With nothing wanted there are still as many rows."""
    found = joined_columns(BASE, "pieces", [], TABLES, ROWS.__getitem__)
    assert (found.num_columns, found.num_rows) == (0, 4)


def test_a_table_is_read_once() -> None:
    """Two columns of one table cost one read; a table that is not asked for is not read."""
    asked: list[str] = []

    def read(name: str) -> pa.Table:
        asked.append(name)
        return ROWS[name]

    joined_columns(BASE, "pieces", [("scores", "value"), ("scores", "whole_id")], TABLES, read)
    assert asked == ["scores"]


def test_a_table_without_a_common_key_is_an_error() -> None:
    """What the rows cannot be looked up in is named."""
    with pytest.raises(UsageError, match="rows of pieces have no other_id, so others cannot"):
        columns(("others", "other_id"))


def test_base_in_several_chunks() -> None:
    """Tables of several chunks join as whole ones."""
    base = pa.concat_tables([BASE.slice(0, 1), BASE.slice(1)])
    scores = pa.concat_tables([ROWS["scores"].slice(0, 2), ROWS["scores"].slice(2)])
    found = joined_columns(base, "pieces", [("scores", "value")], TABLES, lambda _: scores)
    assert found["scores.value"].to_pylist() == [None, 1.5, None, 3.5]


def selected(rule: str) -> list[str]:
    """The pieces that satisfy a rule."""
    found = select_rows(BASE, "pieces", parse(rule), TABLES, ROWS.__getitem__)
    assert found.schema == BASE.schema
    return list(found["piece_id"].to_pylist())


def test_rows_that_a_rule_cannot_decide_are_left_out() -> None:
    """A missing number is neither above nor below; `is null` finds it."""
    assert selected("scores.value > 2") == ["p3"]
    assert selected("not scores.value > 2") == ["p1"]
    assert selected("scores.value is null") == ["p0", "p2"]
    assert selected("wholes.name == 'one' and pieces.length < 2") == ["p1"]
    assert selected("1 < 2") == ["p0", "p1", "p2", "p3"]


def test_an_unknown_column_of_a_rule_is_suggested() -> None:
    """A slip is met with the near name."""
    with pytest.raises(RuleError, match=r"unknown column 'scores.valeu'.*'scores.value'"):
        selected("scores.valeu > 2")


def test_columns_to_show() -> None:
    """Own columns keep their bare names, those of others bear their table's, in the order asked."""
    wanted = ["scores.value", "piece_id", "pieces.length"]
    found = selected_columns(BASE, "pieces", wanted, TABLES, ROWS.__getitem__)
    assert found.column_names == wanted
    assert found["scores.value"].to_pylist() == [None, 1.5, None, 3.5]


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("scores.valu", "no column 'scores.valu' here: did you mean 'value'?"),
        ("score.value", "no table 'score' here: did you mean 'scores'?"),
        ("xyz", "no column 'pieces.xyz' here; known are piece_id, whole_id, length"),
    ],
)
def test_an_unknown_column_to_show_is_an_error(column: str, said: str) -> None:
    """The nearest column or table is named, else all that there are."""
    with pytest.raises(UsageError, match=re.escape(said)):
        selected_columns(BASE, "pieces", [column], TABLES, ROWS.__getitem__)
