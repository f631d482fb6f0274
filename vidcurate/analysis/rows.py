"""Rows of any table, chosen by a rule and with columns of other tables, and inputs without rows."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.analysis.view import live_rows, present_scope, present_tables, reader
from vidcurate.errors import UsageError, suggest
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.records import FILES, SOURCES
from vidcurate.rules import parse
from vidcurate.rules.join import select_rows, selected_columns
from vidcurate.store.dataset import Dataset
from vidcurate.store.table import positions


def table_rows(
    dataset: Dataset,
    plan: tuple[ResolvedStage, ...],
    table: str,
    where: str | None,
    columns: str | None,
) -> pa.Table:
    """The live rows of a table that satisfy a rule, with some columns."""
    scope = present_scope(dataset, plan)
    tables = present_tables(plan)
    read = reader(dataset, plan, scope)
    found = live_rows(dataset, plan, scope, read(table), table)
    if where:
        found = select_rows(found, table, parse(where), tables, read)
    if columns:
        wanted = [c.strip() for c in columns.split(",")]
        found = selected_columns(found, table, wanted, tables, read)
    return found


def status_rows(
    dataset: Dataset,
    plan: tuple[ResolvedStage, ...],
    table: str,
    statuses: Sequence[str],
    where: str | None,
    columns: str | None,
) -> pa.Table:
    """The live inputs of a table's stage that came to one of some statuses, with the reasons.

    A rule, and columns of other tables, speak of those inputs: of clips, say, or of videos.
    """
    resolved = next((p for p in plan if p.stage.writes.name == table), None)
    if resolved is None:
        written = [p.stage.writes.name for p in plan]
        raise UsageError(f"no table '{table}' here{suggest(table, written)}")
    scope = present_scope(dataset, plan)
    tables, read = present_tables(plan), reader(dataset, plan, scope)
    inputs, key = resolved.stage.reads.name, resolved.stage.reads.key
    done = resolved.output(dataset).done()
    found = done.filter(pc.is_in(done["status"], value_set=pa.array(statuses)))
    rows = read(inputs)
    rows = rows.filter(pc.is_in(rows[key], value_set=found["id"].combine_chunks()))
    if where:
        rows = select_rows(rows, inputs, parse(where), tables, read)
    found = found.take(pc.drop_null(positions(rows[key], found["id"])))
    named = FILES if resolved.stage.reads is FILES else SOURCES
    if key == named.key:
        paths = read(named.name)
        path = paths["path"].take(positions(found["id"], paths[named.key]))
        found = found.append_column("path", path)
    if not columns:
        return found
    wanted = [c.strip() for c in columns.split(",")]
    own = [c for c in wanted if c in found.column_names]
    others = [c for c in wanted if c not in own]
    beside = selected_columns(rows, inputs, others, tables, read)
    return pa.table({c: found[c] if c in own else beside[c] for c in wanted})
