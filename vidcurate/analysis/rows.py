"""Rows of any table, chosen by a rule and with columns of other tables, and inputs without rows."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.analysis.names import full_name, full_rule, joined_by_name, table_named
from vidcurate.analysis.view import live_rows, present_scope, present_tables, reader
from vidcurate.errors import UsageError, suggest
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.records import FILES, SOURCES
from vidcurate.rules import parse
from vidcurate.rules.join import select_rows, selected_columns
from vidcurate.stage import takes_lists
from vidcurate.store.dataset import Dataset
from vidcurate.store.table import positions


def table_rows(
    dataset: Dataset,
    plan: tuple[ResolvedStage, ...],
    table: str,
    where: str | None,
    columns: str | None,
) -> pa.Table:
    """The live rows of a table that satisfy a rule, with some columns.

    `table` may be the stage that makes it. A column needs its table only where several others have
    one of that name. Raises UsageError and RuleError for what is not there.
    """
    scope = present_scope(dataset, plan)
    tables = present_tables(plan)
    table = table_named(plan, tables, table)
    tables = joined_by_name(tables, table)
    read = reader(dataset, plan, scope)
    found = live_rows(dataset, plan, scope, read(table), table)
    if where:
        found = select_rows(found, table, parse(full_rule(where, table, tables)), tables, read)
    if columns:
        wanted = [c.strip() for c in columns.split(",")]
        named = [full_name(c, table, tables) for c in wanted]
        found = selected_columns(found, table, named, tables, read).rename_columns(wanted)
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

    A row has the input's key by the name that it has in every table, then `status`, `reason` and
    `seconds`, and the `path` of a file or video. A rule, and columns of other tables, are about
    those inputs.
    """
    tables = present_tables(plan)
    table = table_named(plan, tables, table)
    resolved = next((p for p in plan if p.stage.writes.name == table), None)
    if resolved is None:
        written = [p.stage.writes.name for p in plan]
        raise UsageError(f"no stage makes the table '{table}'{suggest(table, written)}")
    read = reader(dataset, plan, present_scope(dataset, plan))
    stage = resolved.stage
    of_items = takes_lists(stage)
    inputs, key = stage.reads.name, (stage.writes if of_items else stage.reads).key
    tables = joined_by_name(tables, inputs)
    done = resolved.output(dataset).done()
    found = done.filter(pc.is_in(done["status"], value_set=pa.array(statuses)))
    found = found.rename_columns([key if name == "id" else name for name in found.column_names])
    if of_items:
        return of_list_items(found, stage.name, where, columns)
    rows = read(inputs)
    rows = rows.filter(pc.is_in(rows[key], value_set=found[key].combine_chunks()))
    if where:
        rows = select_rows(rows, inputs, parse(full_rule(where, inputs, tables)), tables, read)
    found = found.take(pc.drop_null(positions(rows[key], found[key])))
    named = FILES if stage.reads is FILES else SOURCES
    if key == named.key:
        paths = read(named.name)
        path = paths["path"].take(positions(found[key], paths[named.key]))
        found = found.append_column("path", path)
    if not columns:
        return found
    wanted = [c.strip() for c in columns.split(",")]
    others = [full_name(c, inputs, tables) for c in wanted if c not in found.column_names]
    joined = iter(selected_columns(rows, inputs, others, tables, read).columns)
    return pa.table({c: found[c] if c in found.column_names else next(joined) for c in wanted})


def of_list_items(found: pa.Table, stage: str, where: str | None, columns: str | None) -> pa.Table:
    """What became of items of lists, with some columns; raises UsageError for columns of tables."""
    wanted = [c.strip() for c in columns.split(",")] if columns else found.column_names
    others = [c for c in wanted if c not in found.column_names]
    if where or others:
        raise UsageError(
            f"what {stage} takes stands in lists, so there are only {', '.join(found.column_names)}"
            f"{': leave out --where' if where else ''}"
        )
    return found.select(wanted)
