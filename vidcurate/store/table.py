"""A table is a record class, its Arrow schema, and Parquet files that are whole or not there."""

import dataclasses
import os
import tempfile
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vidcurate.errors import UsageError
from vidcurate.store.storage import Location, Remote, gone_while_read, put

R = TypeVar("R")

# From so many keys on it pays to look for stretches of them instead of each.
MANY_KEYS = 4096
LATER = {b"later": b"yes"}
STRETCH = 32
# Readers take a row group at once; columns of bytes and text in lists must not be 2 GB there.
GROUP_ROWS, GROUP_BYTES = 1 << 20, 1 << 28
PIECE_BYTES = 1 << 30
LARGE = {pa.string(): pa.large_string(), pa.binary(): pa.large_binary()}
FRACTION = pa.struct([pa.field("num", pa.int64(), False), pa.field("den", pa.int64(), False)])
SCALARS: dict[Any, pa.DataType] = {
    str: pa.string(),
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    bytes: pa.binary(),
    Fraction: FRACTION,
}


@dataclass(frozen=True)
class Table(Generic[R]):
    """A named kind of row.

    `key` is the column that names a row. `names_content` says that equal keys mean equal rows,
    however they were found, so that readers of this table need not know how it was made. Rows of
    equal key are joined by `merge` where it is given.
    """

    name: str
    record: type[R]
    key: str
    names_content: bool = False
    merge: Callable[[R, R], R] | None = field(default=None, compare=False)

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema that the record's annotations stand for."""
        return pa.schema(record_fields(self.record))

    def to_arrow(self, rows: Sequence[R]) -> pa.Table:
        """Rows as an Arrow table of this schema."""
        return pa.Table.from_pylist([plain(row) for row in rows], schema=self.schema)

    def from_arrow(self, table: pa.Table) -> list[R]:
        """Records of an Arrow table that has this schema; rows of equal key are merged."""
        rows = [typing.cast("R", build(self.record, row)) for row in table.to_pylist()]
        if self.merge is None:
            return rows
        merged: dict[Any, R] = {}
        for row in rows:
            key = getattr(row, self.key)
            merged[key] = self.merge(merged[key], row) if key in merged else row
        return list(merged.values())

    def one_row_a_key(self, rows: pa.Table) -> pa.Table:
        """Rows as their reader sees them, in any order: those of one key merged."""
        if self.merge is None:
            return rows
        counts = pc.value_counts(rows[self.key].combine_chunks())
        several = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
        is_one = pc.invert(pc.is_in(rows[self.key], value_set=several))
        merged = self.to_arrow(self.from_arrow(rows.filter(pc.invert(is_one))))
        return pa.concat_tables([rows.filter(is_one), merged])


def record_fields(record: type) -> list[pa.Field]:
    """Arrow fields of a record class; `X | None` is nullable, all else is not.

    One that has None as its default came with a later version, and may be missing in earlier rows.
    """
    hints = typing.get_type_hints(record)
    fields = ((f, arrow_field(f.name, hints[f.name])) for f in dataclasses.fields(record))
    return [field.with_metadata(LATER) if f.default is None else field for f, field in fields]


def arrow_field(name: str, hint: Any) -> pa.Field:
    """The Arrow field that one annotation stands for."""
    inner, nullable = unwrap_optional(hint)
    return pa.field(name, arrow_type(inner), nullable)


def arrow_type(hint: Any) -> pa.DataType:
    """The Arrow type that one annotation stands for.

    Raises TypeError for an annotation that has no column type.
    """
    if hint in SCALARS:
        return SCALARS[hint]
    if dataclasses.is_dataclass(hint):
        return pa.struct(record_fields(typing.cast("type", hint)))
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple and arguments[1:] == (...,):
        return pa.list_(pa.field("element", arrow_type(arguments[0]), False))
    if origin is Mapping:
        return pa.map_(arrow_type(arguments[0]), arrow_type(arguments[1]))
    raise TypeError(f"no column type for {hint!r}")


def unwrap_optional(hint: Any) -> tuple[Any, bool]:
    """An annotation without its `| None`, and whether it had one."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        inner = [a for a in typing.get_args(hint) if a is not type(None)]
        if len(inner) == 1:
            return inner[0], True
    return hint, False


def plain(value: Any) -> Any:
    """A record, or a value of one, as Arrow takes it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Fraction):
        return {"num": value.numerator, "den": value.denominator}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return [(plain(key), plain(item)) for key, item in value.items()]
    return value


def build(hint: Any, value: Any) -> Any:
    """The value of an annotation's type that an Arrow value stands for; undoes `plain`."""
    inner, _ = unwrap_optional(hint)
    if value is None:
        return None
    if inner is Fraction:
        return Fraction(value["num"], value["den"])
    if dataclasses.is_dataclass(inner):
        hints = typing.get_type_hints(inner)
        return typing.cast("type", inner)(**{k: build(hints[k], v) for k, v in value.items()})
    origin, arguments = typing.get_origin(inner), typing.get_args(inner)
    if origin is tuple:
        return tuple(build(arguments[0], item) for item in value)
    if origin is Mapping:
        return {key: build(arguments[1], item) for key, item in value}
    return value


def write_whole(path: Location, write: Callable[[Path], None]) -> None:
    """A file that appears complete or not at all: written beside its place, then renamed."""
    if isinstance(path, Remote):
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder, path.name))
            put(Path(folder, path.name), path)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.{uuid4().hex[:8]}.partial")
    try:
        write(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_parquet(path: Location, table: pa.Table) -> None:
    """A Parquet file, whole or not there, compressed with zstd."""
    # Ids are all different: a dictionary of them costs time and space.
    options = {
        "compression": "zstd",
        "use_dictionary": False,
        "row_group_size": rows_within(table, GROUP_ROWS, GROUP_BYTES),
    }
    write_whole(path, lambda partial: pq.write_table(table, partial, **options))


def rows_within(table: pa.Table, n_rows: int, n_bytes: int) -> int:
    """How many rows of a table, at most `n_rows` and at least one, take `n_bytes` or fewer."""
    if table.nbytes <= n_bytes:
        return n_rows
    return min(n_rows, max(1, int(table.num_rows * n_bytes // table.nbytes)))


def taken(column: pa.ChunkedArray, where: pa.Array) -> pa.Array:
    """The values at some places, null where a place is null; text has offsets of 64 bits then.

    Arrow's plain text ends at 2 GB, which the captions of some million clips are.
    """
    large = LARGE.get(column.type)
    roomy = column if large is None else column.cast(large)
    return roomy.combine_chunks().take(where)


def read_parquet(path: Location, schema: pa.Schema) -> pa.Table:
    """The columns of a Parquet file that a schema names.

    One that came with a later version than the rows (`LATER`) is null. Raises UsageError where
    another is missing, as in rows that an earlier version made.
    """
    # Not `pyarrow.dataset`: it is slower on small files, and imports pandas where that is there.
    with gone_while_read(path), pq.ParquetFile(readable(path)) as file:
        there = [name for name in schema.names if name in file.schema_arrow.names]
        missing = [name for name in schema.names if name not in there]
        if early := [name for name in missing if schema.field(name).metadata != LATER]:
            raise UsageError(
                f"{path} has no column {min(early)!r}: another version of vidcurate made it; "
                "run the command that makes its table again"
            )
        rows = file.read(there)
        for name in missing:
            field = schema.field(name)
            rows = rows.append_column(field, pa.nulls(file.metadata.num_rows, field.type))
        return rows.select(schema.names).cast(schema)


def readable(path: Location) -> Any:
    """A file as Arrow's readers take it."""
    return path.open() if isinstance(path, Remote) else path


def positions(keys: pa.ChunkedArray, known: pa.ChunkedArray) -> pa.Array:
    """For each key the number of a row among the known ones that has it; null where none has."""
    if keys.equals(known):  # the common case, and far quicker
        return pa.array(np.arange(len(keys), dtype=np.int32))
    keys, known = keys.combine_chunks(), known.combine_chunks()
    if len(keys) < MANY_KEYS or len(known) < len(keys) // 2:
        return pc.index_in(keys, value_set=known)
    found = positions_of_stretches(keys, known)
    rest = np.flatnonzero(found < 0)
    if len(rest) > len(keys) // 4:
        return pc.index_in(keys, value_set=known)
    found[rest] = positions_of_few(keys.take(pa.array(rest)), known)
    return pa.array(found, mask=found < 0)


def positions_of_stretches(keys: pa.Array, known: pa.Array) -> NDArray[np.int32]:
    """The places of those keys that follow on each other as among the known ones; -1 of others.

    Stages commit batches as they end, so tables hold the same stretches in another order. One key
    of a stretch is looked up for all.
    """
    first = np.arange(0, len(keys), STRETCH, dtype=np.int32)
    place = positions_of_few(keys.take(pa.array(first)), known)
    shift = np.repeat(np.where(place < 0, -len(keys), place - first), STRETCH)[: len(keys)]
    guess = np.arange(len(keys), dtype=np.int32) + shift
    is_none = (guess < 0) | (guess >= len(known))
    same = pc.equal(keys, known.take(pa.array(guess, mask=is_none))).fill_null(False)
    return np.where(same.to_numpy(zero_copy_only=False), guess, -1).astype(np.int32)


def positions_of_few(keys: pa.Array, known: pa.Array) -> NDArray[np.int32]:
    """A place for each of some keys among many; -1 where there is none."""
    wanted = keys.dictionary_encode()
    number = pc.index_in(known, value_set=wanted.dictionary)
    # One more for keys that are null.
    place = np.full(len(wanted.dictionary) + 1, -1, np.int32)
    at = np.flatnonzero(number.is_valid().to_numpy(zero_copy_only=False))
    place[number.drop_null().to_numpy()] = at
    return np.asarray(place[wanted.indices.fill_null(-1).to_numpy()])


def in_pieces(
    tables: Iterable[pa.Table], n_rows: int, n_bytes: int = PIECE_BYTES
) -> Iterator[pa.Table]:
    """The same rows of at least one table in tables of `n_rows`, the last with what is left.

    Those of large rows have fewer, so that each has about `n_bytes`. Where there is no row at
    all, one table without rows.
    """
    held: list[pa.Table] = []
    n_yielded = 0
    for table in tables:
        held.append(table)
        while sum(t.num_rows for t in held) >= n_rows or sum(t.nbytes for t in held) > n_bytes:
            rows = pa.concat_tables(held)
            n = rows_within(rows, n_rows, n_bytes)
            yield rows.slice(0, n)
            held, n_yielded = [rows.slice(n)], n_yielded + 1
    rows = pa.concat_tables(held)
    if rows.num_rows or not n_yielded:
        yield rows
