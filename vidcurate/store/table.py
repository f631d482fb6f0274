"""A table: a record class, its Arrow schema, and its Parquet files."""

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vidcurate.errors import UsageError
from vidcurate.store.atomic import atomic_write
from vidcurate.store.storage import Location, Remote, gone_while_read

R = TypeVar("R")

# From so many keys on, looking for stretches of keys is faster than looking for each.
MANY_KEYS = 4096
ADDED_LATER = {b"later": b"yes"}
STRETCH = 32
# Readers read whole row groups, where a column of bytes or of text in lists must stay under 2 GB.
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

    `key` is the column that names a row. With `names_content` equal keys mean equal rows, however
    they were made, so the fingerprint of a reader does not depend on this table's. `merge` joins
    rows of equal key, where it is given. `folder` names the table beside whose rows these lie,
    where there is one.
    """

    name: str
    record: type[R]
    key: str
    names_content: bool = False
    merge: Callable[[R, R], R] | None = field(default=None, compare=False)
    folder: str = ""

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the record's annotations."""
        return pa.schema(record_fields(self.record))

    def to_arrow(self, rows: Sequence[R]) -> pa.Table:
        """Convert rows to an Arrow table of this schema."""
        plain = [
            msgspec.to_builtins(row, builtin_types=(bytes,), enc_hook=plain_value) for row in rows
        ]
        return pa.Table.from_pylist(plain, schema=self.schema)

    def from_arrow(self, table: pa.Table) -> list[R]:
        """Convert an Arrow table of this schema to records; rows of equal key are merged."""
        plain = table.to_pylist(maps_as_pydicts="strict")
        rows = [msgspec.convert(row, self.record, dec_hook=value_from_arrow) for row in plain]
        if self.merge is None:
            return rows
        merged: dict[Any, R] = {}
        for row in rows:
            key = getattr(row, self.key)
            merged[key] = self.merge(merged[key], row) if key in merged else row
        return list(merged.values())

    def one_row_a_key(self, rows: pa.Table) -> pa.Table:
        """Merge rows of equal key; the order of rows may change."""
        if self.merge is None:
            return rows
        counts = pc.value_counts(rows[self.key].combine_chunks())
        several = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
        is_one = pc.invert(pc.is_in(rows[self.key], value_set=several))
        merged = self.to_arrow(self.from_arrow(rows.filter(pc.invert(is_one))))
        return pa.concat_tables([rows.filter(is_one), merged])


def record_fields(record: type) -> list[pa.Field]:
    """Arrow fields of a record class; only `X | None` is nullable.

    A field whose default is None was added by a later version, and may be missing in earlier rows.
    """
    hints = typing.get_type_hints(record)
    fields = ((f, arrow_field(f.name, hints[f.name])) for f in dataclasses.fields(record))
    return [field.with_metadata(ADDED_LATER) if f.default is None else field for f, field in fields]


def arrow_field(name: str, hint: Any) -> pa.Field:
    """The Arrow field of an annotation."""
    inner, nullable = unwrap_optional(hint)
    return pa.field(name, arrow_type(inner), nullable)


def arrow_type(hint: Any) -> pa.DataType:
    """The Arrow type of an annotation.

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


def plain_value(value: Any) -> Any:
    """Convert a value that msgspec does not know to what Arrow accepts."""
    if isinstance(value, Fraction):
        return {"num": value.numerator, "den": value.denominator}
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no value of a row")


def value_from_arrow(kind: type, value: Any) -> Any:
    """Convert an Arrow value to a type that msgspec does not know; the inverse of `plain_value`."""
    if kind is Fraction:
        return Fraction(value["num"], value["den"])
    raise TypeError(f"{kind.__name__} is no value of a row")


def write_parquet(path: Location, table: pa.Table) -> None:
    """Write a Parquet file with zstd, complete or not at all."""
    # Ids are all different, so a dictionary would cost time and space.
    options = {
        "compression": "zstd",
        "use_dictionary": False,
        "row_group_size": rows_within(table, GROUP_ROWS, GROUP_BYTES),
    }
    with atomic_write(path) as partial:
        pq.write_table(table, partial, **options)


def rows_within(table: pa.Table, n_rows: int, n_bytes: int) -> int:
    """How many rows of a table take at most `n_bytes`, between one and `n_rows`."""
    if table.nbytes <= n_bytes:
        return n_rows
    return min(n_rows, max(1, int(table.num_rows * n_bytes // table.nbytes)))


def take_nullable(column: pa.ChunkedArray, where: pa.Array) -> pa.Array:
    """The values at some positions, null where a position is null; text gets 64-bit offsets.

    Arrow's plain text columns end at 2 GB, which the captions of some million clips exceed.
    """
    large = LARGE.get(column.type)
    large_column = column if large is None else column.cast(large)
    return large_column.combine_chunks().take(where)


def read_parquet(path: Location, schema: pa.Schema) -> pa.Table:
    """The columns of a Parquet file that a schema names.

    A column that a later version added (`ADDED_LATER`) is null in earlier rows. Raises UsageError
    where any other is missing.
    """
    # Not `pyarrow.dataset`: it is slower on small files, and imports pandas where it is installed.
    with gone_while_read(path), pq.ParquetFile(arrow_source(path)) as file:
        stored = frozenset(file.schema_arrow.names)
        present = [name for name in schema.names if name in stored]
        missing = [name for name in schema.names if name not in present]
        if required := [name for name in missing if schema.field(name).metadata != ADDED_LATER]:
            raise UsageError(
                f"{path} has no column {min(required)!r}: another version of vidcurate wrote it: "
                "run the command that makes its table again"
            )
        # Threads cost a small file more than they save.
        rows = file.read(present, use_threads=file.metadata.num_rows >= MANY_KEYS)
        for name in missing:
            field = schema.field(name)
            rows = rows.append_column(field, pa.nulls(file.metadata.num_rows, field.type))
        rows = rows.select(schema.names)
        if rows.schema.types == schema.types:  # as a rule, and a cast takes longer than reading
            return pa.Table.from_arrays(rows.columns, schema=schema)
        return rows.cast(schema)


def arrow_source(path: Location) -> Any:
    """A file for Arrow's readers."""
    return path.open() if isinstance(path, Remote) else path


def positions(keys: pa.ChunkedArray, known: pa.ChunkedArray) -> pa.Array:
    """For each key its position among the known keys; null where it is not known."""
    if keys.equals(known):  # the common case, and much faster
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
    """The positions of keys in stretches that the known keys hold in the same order; else -1.

    Stages commit batches as they end, so tables hold the same stretches in another order. One key
    of each stretch is looked up for all.
    """
    first = np.arange(0, len(keys), STRETCH, dtype=np.int32)
    position = positions_of_few(keys.take(pa.array(first)), known)
    shift = np.repeat(np.where(position < 0, -len(keys), position - first), STRETCH)[: len(keys)]
    guess = np.arange(len(keys), dtype=np.int32) + shift
    is_none = (guess < 0) | (guess >= len(known))
    same = pc.equal(keys, known.take(pa.array(guess, mask=is_none))).fill_null(False)
    return np.where(same.to_numpy(zero_copy_only=False), guess, -1).astype(np.int32)


def positions_of_few(keys: pa.Array, known: pa.Array) -> NDArray[np.int32]:
    """The positions of a few keys among many known ones; -1 where a key is not known."""
    wanted = keys.dictionary_encode()
    number = pc.index_in(known, value_set=wanted.dictionary)
    # One more for keys that are null.
    position = np.full(len(wanted.dictionary) + 1, -1, np.int32)
    at = np.flatnonzero(number.is_valid().to_numpy(zero_copy_only=False))
    position[number.drop_null().to_numpy()] = at
    return np.asarray(position[wanted.indices.fill_null(-1).to_numpy()])


def rechunk(
    tables: Iterable[pa.Table], n_rows: int, n_bytes: int = PIECE_BYTES
) -> Iterator[pa.Table]:
    """Yield the rows of at least one table in tables of `n_rows`, the last with the rest.

    Tables of large rows have fewer, so that each has about `n_bytes`. Without any row, one empty
    table is yielded.
    """
    pieces: list[pa.Table] = []
    n_yielded = 0
    for table in tables:
        pieces.append(table)
        while sum(t.num_rows for t in pieces) >= n_rows or sum(t.nbytes for t in pieces) > n_bytes:
            rows = pa.concat_tables(pieces)
            n = rows_within(rows, n_rows, n_bytes)
            yield rows.slice(0, n)
            pieces, n_yielded = [rows.slice(n)], n_yielded + 1
    rows = pa.concat_tables(pieces)
    if rows.num_rows or not n_yielded:
        yield rows
