"""Joins columns of other tables to the rows of one, by their keys."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.errors import UsageError, suggest
from vidcurate.rules import Rule, check, evaluate_rules
from vidcurate.store.table import Table, positions, take_nullable

Read = Callable[[str], pa.Table]


def joined_columns(
    base: pa.Table,
    name: str,
    wanted: Iterable[tuple[str, str]],
    tables: Mapping[str, Table[Any]],
    read: Read,
) -> pa.Table:
    """Join (table, column) pairs as columns "table.column" to the rows of `base`.

    A row without a counterpart gets null. Raises UsageError for a table whose key is no column of
    `base`.
    """
    columns: dict[str, pa.Array | pa.ChunkedArray] = {}
    looked_up: dict[str, tuple[pa.Table, pa.Array]] = {}
    for table, column in sorted(set(wanted)):
        if table == name:
            columns[f"{table}.{column}"] = base[column]
            continue
        if table not in looked_up:
            looked_up[table] = look_up(base, name, tables[table], read)
        other, where = looked_up[table]
        columns[f"{table}.{column}"] = take_nullable(other[column], where)
    return pa.table(columns) if columns else base.select([])


def look_up(base: pa.Table, name: str, table: Table[Any], read: Read) -> tuple[pa.Table, pa.Array]:
    """Another table, and for each row of `base` the position of its row there (null: none)."""
    if table.key not in base.column_names:
        raise UsageError(f"rows of {name} have no {table.key}, so {table.name} cannot be joined")
    other = read(table.name)
    return other, positions(base[table.key], other[table.key])


def select_rows(
    base: pa.Table, name: str, rule: Rule, tables: Mapping[str, Table[Any]], read: Read
) -> pa.Table:
    """The rows of `base` that satisfy a rule; undecided rows are left out."""
    check([rule], {n: t.schema for n, t in tables.items()}, {})
    columns = joined_columns(base, name, rule.columns, tables, read)
    outcomes = evaluate_rules([rule], columns)
    return base.filter(pc.and_(pc.is_null(outcomes.first_failed), pc.is_null(outcomes.undecided)))


def selected_columns(
    base: pa.Table,
    name: str,
    wanted: Sequence[str],
    tables: Mapping[str, Table[Any]],
    read: Read,
) -> pa.Table:
    """Select columns of `base` by their plain names, and of other tables as "table.column".

    Raises UsageError for an unknown column.
    """
    pairs = [tuple(c.split(".", 1)) if "." in c else (name, c) for c in wanted]
    for table, column in pairs:
        if table not in tables:
            raise UsageError(f"no table '{table}' here{suggest(table, tables)}")
        if column not in tables[table].schema.names:
            known = tables[table].schema.names
            raise UsageError(f"no column '{table}.{column}' here{suggest(column, known)}")
    found = joined_columns(base, name, [(t, c) for t, c in pairs], tables, read)
    return pa.table({c: found[f"{t}.{k}"] for c, (t, k) in zip(wanted, pairs, strict=True)})


def video_paths(rows: pa.Table, sources: pa.Table) -> pa.ChunkedArray:
    """The path of each row's video, null if it is gone; `sources` has one row per video."""
    return pa.chunked_array(
        [take_nullable(sources["path"], positions(rows["video_id"], sources["video_id"]))]
    )
