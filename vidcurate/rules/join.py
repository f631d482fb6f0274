"""Columns of other tables beside the rows of one, found by their keys."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.errors import UsageError
from vidcurate.rules import Rule, check, judge
from vidcurate.store.table import Table, positions, taken
from vidcurate.wording import suggest

Read = Callable[[str], pa.Table]


def columns_of(
    base: pa.Table,
    name: str,
    wanted: Iterable[tuple[str, str]],
    tables: Mapping[str, Table[Any]],
    read: Read,
) -> pa.Table:
    """The wanted (table, column) pairs as columns "table.column", one row for each row of `base`.

    A row without a counterpart gets null. Raises UsageError for a table whose key the rows of
    `base` do not carry.
    """
    columns: dict[str, pa.Array | pa.ChunkedArray] = {}
    places: dict[str, tuple[pa.Table, pa.Array]] = {}
    for table, column in sorted(set(wanted)):
        if table == name:
            columns[f"{table}.{column}"] = base[column]
            continue
        if table not in places:
            places[table] = place(base, name, tables[table], read)
        other, where = places[table]
        columns[f"{table}.{column}"] = taken(other[column], where)
    return pa.table(columns) if columns else base.select([])


def place(base: pa.Table, name: str, table: Table[Any], read: Read) -> tuple[pa.Table, pa.Array]:
    """Another table, and for each row of `base` the number of its row there (null: none)."""
    if table.key not in base.column_names:
        raise UsageError(f"rows of {name} have no {table.key}, so {table.name} has nothing to say")
    other = read(table.name)
    return other, positions(base[table.key], other[table.key])


def select_rows(
    base: pa.Table, name: str, rule: Rule, tables: Mapping[str, Table[Any]], read: Read
) -> pa.Table:
    """The rows of `base` that satisfy a rule; rows it cannot decide are left out."""
    check([rule], {n: t.schema for n, t in tables.items()}, {})
    columns = columns_of(base, name, rule.columns, tables, read)
    verdicts = judge([rule], columns)
    return base.filter(pc.and_(pc.is_null(verdicts.first_failed), pc.is_null(verdicts.undecided)))


def columns_beside(
    base: pa.Table,
    name: str,
    wanted: Sequence[str],
    tables: Mapping[str, Table[Any]],
    read: Read,
) -> pa.Table:
    """Columns of `base` by their bare names, and of other tables as "table.column".

    Raises UsageError for a column that is not there.
    """
    pairs = [tuple(c.split(".", 1)) if "." in c else (name, c) for c in wanted]
    for table, column in pairs:
        if table not in tables:
            raise UsageError(f"no table '{table}' here{suggest(table, tables)}")
        if column not in tables[table].schema.names:
            known = tables[table].schema.names
            raise UsageError(f"no column '{table}.{column}' here{suggest(column, known)}")
    found = columns_of(base, name, [(t, c) for t, c in pairs], tables, read)
    return pa.table({c: found[f"{t}.{k}"] for c, (t, k) in zip(wanted, pairs, strict=True)})


def video_paths(rows: pa.Table, sources: pa.Table) -> pa.ChunkedArray:
    """For each row the path of its video, null if it is gone; `sources` has a row a video."""
    return pa.chunked_array(
        [taken(sources["path"], positions(rows["video_id"], sources["video_id"]))]
    )
