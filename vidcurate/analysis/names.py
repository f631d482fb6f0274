"""Short names that people type: a stage for its table, a column without its table."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from vidcurate.errors import UsageError, suggest
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.records import DECISIONS, FILES
from vidcurate.stages.registry import STAGES
from vidcurate.store.table import Table

# Who writes the tables that no stage of their own makes.
WRITERS = {FILES.name: "ingest", DECISIONS.name: "review"}
RULE_WORDS = {"and", "or", "not", "in", "is", "null", "true", "false", "of", "video"}
PERCENTILE = re.compile(r"p\d+")
# A string in quotes, a number, or a name, which a dot may join to its table.
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
    maker = next((s.name for s in STAGES if name in (s.name, s.writes.name)), WRITERS.get(name))
    if maker is not None:
        raise UsageError(f"no table '{name}' here yet: `vidcurate {maker}` makes it")
    raise UsageError(f"no table '{name}' here{suggest(name, [*tables, *made])}")


def joined_by_name(tables: Mapping[str, Table[Any]], own: str) -> dict[str, Table[Any]]:
    """The tables whose columns can stand beside those of one; a log has several rows a clip."""
    return {name: t for name, t in tables.items() if name == own or t is not DECISIONS}


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

    Raises UsageError for a column that several tables have, and for one that is misspelt.
    """
    columns = {name for table in tables.values() for name in table.schema.names}

    def replaced(found: re.Match[str]) -> str:
        word = found[0]
        if word in columns:
            return full_name(word, own, tables)
        near = get_close_matches(word, columns, n=1) if is_plain_name(word) else []
        if near:
            raise UsageError(f"no column '{word}' here: did you mean '{near[0]}'?")
        return word

    return WORD.sub(replaced, rule)


def is_plain_name(word: str) -> bool:
    """Whether a word of a rule can only be a column without its table."""
    return word.isidentifier() and word not in RULE_WORDS and not PERCENTILE.fullmatch(word)
