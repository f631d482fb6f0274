import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcurate.records import SOURCES, Source
from vidcurate.stages import STAGES
from vidcurate.table import Table, write_parquet, write_whole


@dataclass(frozen=True, slots=True)
class Inner:
    """A record inside a record."""

    pts: int
    label: str | None


@dataclass(frozen=True, slots=True)
class Everything:
    """A record with each kind of column there is."""

    row_id: str
    flag: bool
    count: int
    ratio: float
    data: bytes
    base: Fraction
    words: tuple[str, ...]
    extra: Mapping[str, str]
    inner: tuple[Inner, ...]
    one: Inner
    maybe: float | None
    maybe_base: Fraction | None


TABLE = Table("everything", Everything, key="row_id")
INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FRACTIONS = st.builds(Fraction, INT64, st.integers(1, 2**62))
INNER = st.builds(Inner, INT64, TEXT | st.none())
ROWS = st.builds(
    Everything,
    TEXT,
    st.booleans(),
    INT64,
    st.floats(allow_nan=False),
    st.binary(max_size=20),
    FRACTIONS,
    st.lists(TEXT, max_size=3).map(tuple),
    st.dictionaries(TEXT, TEXT, max_size=3),
    st.lists(INNER, max_size=3).map(tuple),
    INNER,
    st.floats(allow_nan=False) | st.none(),
    FRACTIONS | st.none(),
)


@given(st.lists(ROWS, max_size=5))
def test_rows_come_back_as_they_were(rows: list[Everything]) -> None:
    """What goes into Arrow comes out equal, and of the same types: text, exact times, nests."""
    assert TABLE.from_arrow(TABLE.to_arrow(rows)) == rows


@given(rows=st.lists(ROWS, max_size=3))
def test_rows_come_back_from_a_file(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Everything]
) -> None:
    """Parquet keeps the schema and the rows."""
    path = tmp_path_factory.mktemp("parquet") / "rows.parquet"
    write_parquet(path, TABLE.to_arrow(rows))
    read = pq.read_table(path)
    assert read.schema.equals(TABLE.schema)
    assert TABLE.from_arrow(read) == rows


def test_only_optional_columns_take_nothing() -> None:
    """`X | None` is nullable and all else is not, so a missing value is found when written."""
    nullable = {field.name for field in TABLE.schema if field.nullable}
    assert nullable == {"maybe", "maybe_base"}


@pytest.mark.parametrize("table", [stage.writes for stage in STAGES], ids=lambda t: t.name)
def test_key_is_a_column(table: Table[object]) -> None:
    """Every table of the data model has a schema, and its key is a text column of it."""
    assert table.schema.field(table.key).type == pa.string()
    assert table.from_arrow(table.schema.empty_table()) == []


def test_unknown_annotations_are_refused() -> None:
    """A record with a column that Arrow has no type for is refused when the schema is made."""

    @dataclass
    class Wrong:
        row_id: str
        what: complex

    with pytest.raises(TypeError, match="complex"):
        _ = Table("wrong", Wrong, key="row_id").schema


def test_equal_keys_are_merged_in_order() -> None:
    """Two files of one content are one source: all paths, the later file's facts."""

    def source(path: str, extra: Mapping[str, str]) -> Source:
        return Source("v", path, path, (path,), 9, extra)

    rows = [
        source("a", {"x": "1", "y": "1"}),
        source("b", {"y": "2"}),
        source("a", {}),
    ]
    merged = SOURCES.from_arrow(SOURCES.to_arrow(rows))
    assert merged == [Source("v", "a", "a", ("a", "b"), 9, {"x": "1", "y": "2"})]


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    """A write that fails leaves the old file as it was and nothing beside it."""
    path = tmp_path / "folder" / "file"

    def whole(partial: Path) -> None:
        partial.write_text("old")

    write_whole(path, whole)

    def broken(partial: Path) -> None:
        partial.write_text("half of the n")
        assert path.read_text() == "old"
        raise OSError(28, os.strerror(28))

    with pytest.raises(OSError, match="No space"):
        write_whole(path, broken)
    assert [p.name for p in path.parent.iterdir()] == ["file"]
    assert path.read_text() == "old"
