"""Short names that people type: a stage for its table, a column without its table."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from vidcurate.errors import UsageError, suggest
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.store.table import Table

# Text of a rule that holds no name of a column: a string in quotes, a number, or a name that is
# already joined by a dot to its table.
WORD = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\.?\d[\w.]*|[A-Za-z_]\w*(?:\.\w+)*""")


def table_named(plan: Iterable[ResolvedStage], tables: Mapping[str, Table[Any]], name: str) -> str:
    """The table of a name, or of the stage of that name.

    Raises UsageError where there is neither.
    """
    made = {resolved.stage.name: resolved.stage.writes.name for resolved in plan}
    if name in tables:
        return name
    if name in made:
        return made[name]
    raise UsageError(f"no table '{name}' here{suggest(name, [*tables, *made])}")


def full_name(column: str, own: str, tables: Mapping[str, Table[Any]]) -> str:
    """A column with its table: the table's own, else that of the only other table that has it.

    A name that no table has is returned as it is. Raises UsageError where several have it.
    """
    if "." in column or (own in tables and column in tables[own].schema.names):
        return column if "." in column else f"{own}.{column}"
    having = [table.name for table in tables.values() if column in table.schema.names]
    if len(having) > 1:
        choices = ", ".join(f"{table}.{column}" for table in having)
        raise UsageError(f"column '{column}' is in several tables: name one of {choices}")
    return f"{having[0]}.{column}" if having else column


def full_rule(rule: str, own: str, tables: Mapping[str, Table[Any]]) -> str:
    """A rule whose columns all have their tables.

    Raises UsageError for a column that several tables have.
    """
    return WORD.sub(
        lambda found: (
            full_name(found[0], own, tables)
            if found[0].isidentifier() and is_column(found[0], tables)
            else found[0]
        ),
        rule,
    )


def is_column(name: str, tables: Mapping[str, Table[Any]]) -> bool:
    """Whether some table has a column of this name."""
    return any(name in table.schema.names for table in tables.values())
