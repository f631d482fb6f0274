"""What the columns of the tables are, for people and for programs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vidcurate.analysis.names import WRITERS
from vidcurate.errors import UsageError, suggest
from vidcurate.records import TABLES, TableColumn, columns_of_table
from vidcurate.stages.registry import STAGES, stages_with
from vidcurate.store.table import Table


@dataclass(frozen=True)
class TableInfo:
    """A table with the stage that writes it; `about` is what one row is."""

    name: str
    stage: str
    key: str
    about: str
    columns: tuple[TableColumn, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        facts = {"name": self.name, "stage": self.stage, "key": self.key, "about": self.about}
        return {**facts, "columns": [column_dict(column) for column in self.columns]}


def column_dict(column: TableColumn) -> dict[str, Any]:
    """A column's facts as plain values; what it has not is null."""
    facts = {name: value or None for name, value in asdict(column.info).items()}
    return {
        "name": column.name,
        "type": column.type,
        "can_be_null": column.can_be_null,
        **facts,
    }


def tables_described(name: str | None = None) -> list[TableInfo]:
    """Every table, or the one of a name; the stage that writes a table stands for it too.

    Raises UsageError where there is no such table.
    """
    stages = STAGES if name is None else stages_with([name])
    writers = {**WRITERS, **{stage.writes.name: stage.name for stage in stages}}
    return [
        TableInfo(
            table.name,
            writers[table.name],
            table.key,
            (table.record.__doc__ or "").partition("\n")[0],
            columns_of_table(table),
        )
        for table in chosen_tables(name)
    ]


def chosen_tables(name: str | None) -> Sequence[Table[Any]]:
    """All tables, or the one of a name."""
    if name is None:
        return list(TABLES.values())
    stages = stages_with([name])
    named = {stage.name: stage.writes for stage in stages}
    named |= {**TABLES, **{stage.writes.name: stage.writes for stage in stages}}
    if name in named:
        return [named[name]]
    raise UsageError(f"no table '{name}'{suggest(name, named)}")
