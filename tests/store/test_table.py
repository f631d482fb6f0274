import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcurate.errors import UsageError
from vidcurate.records import SOURCES, Source
from vidcurate.stages.registry import STAGES
from vidcurate.store.atomic import atomic_write, write_text
from vidcurate.store.table import (
    MANY_KEYS,
    Table,
    positions,
    read_parquet,
    rechunk,
    write_parquet,
)


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
        return Source("v", path, path, (path,), 9, extra, (1,), "v")

    rows = [
        source("a", {"x": "1", "y": "1"}),
        source("b", {"y": "2"}),
        source("a", {}),
    ]
    merged = SOURCES.from_arrow(SOURCES.to_arrow(rows))
    assert merged == [Source("v", "a", "a", ("a", "b"), 9, {"x": "1", "y": "2"}, (1, 1), "v")]


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    """A write that fails leaves the old file as it was and nothing beside it."""
    path = tmp_path / "folder" / "file"
    write_text(path, "old")

    def fail_half_way() -> None:
        with atomic_write(path) as partial:
            partial.write_text("half of the n")
            assert path.read_text() == "old"
            raise OSError(28, os.strerror(28))

    with pytest.raises(OSError, match="No space"):
        fail_half_way()
    assert [p.name for p in path.parent.iterdir()] == ["file"]
    assert path.read_text() == "old"


@given(st.lists(st.integers(0, 7), min_size=1), st.integers(1, 5))
def test_pieces_hold_the_same_rows(sizes: list[int], n_rows: int) -> None:
    """Tables of any sizes become full ones, in order, and a rest; of no rows one table is left."""
    numbers = iter(range(sum(sizes)))
    tables = [pa.table({"n": pa.array([next(numbers) for _ in range(s)], "int64")}) for s in sizes]
    pieces = list(rechunk(tables, n_rows))
    assert pa.concat_tables(pieces)["n"].to_pylist() == list(range(sum(sizes)))
    assert {piece.num_rows for piece in pieces[:-1]} <= {n_rows}
    assert pieces[-1].num_rows > 0 or len(pieces) == 1


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abcd"), unique=True))
def test_places_are_found(keys: list[str], known: list[str]) -> None:
    """Each key gets the number of the known one that equals it, or null."""
    columns = [pa.chunked_array([pa.array(values, "string")]) for values in (keys, known)]
    expected = [known.index(key) if key in known else None for key in keys]
    assert positions(*columns).to_pylist() == expected


@pytest.mark.parametrize("order", ["batches", "gaps", "shuffled", "many a key"])
def test_places_among_many_keys_are_found(order: str) -> None:
    """In whatever order keys lie, each is found where it is, and no other key is."""
    n_keys, shuffled = 2 * MANY_KEYS, np.random.default_rng(1)
    known = np.arange(n_keys)
    batches = shuffled.permutation(known.reshape(-1, 64)).ravel()
    orders: dict[str, Any] = {
        "batches": [*batches[: n_keys // 2], n_keys, *batches[n_keys // 2 :]],
        "gaps": [*known[known % 7 > 0], -1],
        "shuffled": shuffled.permutation(n_keys),
        "many a key": np.repeat(known[::2], 2),
    }
    numbers = list(orders[order])
    keys = [None, *(f"k{number}" for number in numbers)]
    columns = (pa.chunked_array([pa.array(part)]) for part in (keys, [f"k{n}" for n in known]))
    expected = [None, *(int(n) if 0 <= n < n_keys else None for n in numbers)]
    assert positions(*columns).to_pylist() == expected


def test_only_the_columns_asked_for_are_read(tmp_path: Path) -> None:
    """Columns come in the schema's order, whatever else there is; a missing one is an error."""
    write_parquet(tmp_path / "rows.parquet", pa.table({"a": [1], "b": ["x"], "c": [2.0]}))
    wanted = pa.schema([("c", pa.float64()), ("a", pa.int64())])
    assert read_parquet(tmp_path / "rows.parquet", wanted).to_pylist() == [{"c": 2.0, "a": 1}]
    with pytest.raises(UsageError, match="has no column 'd': another version"):
        read_parquet(tmp_path / "rows.parquet", pa.schema([("d", pa.int64())]))


def test_rows_of_one_key_are_merged_beside_others() -> None:
    """Merged as a table or as records, the rows are the same."""
    rows = [Source(i, f"f{n}", f"/{n}", (f"/{n}",), 1, {}, (1,), i) for n, i in enumerate("abacb")]
    merged = SOURCES.one_row_a_key(SOURCES.to_arrow(rows))
    found = sorted(SOURCES.from_arrow(merged), key=lambda source: source.video_id)
    expected = SOURCES.from_arrow(SOURCES.to_arrow(rows))
    assert found == sorted(expected, key=lambda source: source.video_id)
    assert merged.num_rows == 3
