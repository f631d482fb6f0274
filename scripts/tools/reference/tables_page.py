"""docs/reference/tables.md: every table, and what each of its columns is."""

from collections.abc import Iterator
from typing import Any

from scripts.tools.reference.markdown import code, page, table
from vidcurate.records import FILES
from vidcurate.records.column import TableColumn, columns_of_table
from vidcurate.stages.registry import STAGES
from vidcurate.store.table import Table

INTRO = """Each stage writes one table. `vidcurate rows TABLE -d out` prints its rows, rules read
its columns as `table.column`, and `vidcurate columns TABLE` says the same in the terminal. Columns
that end in `_pts` are exact times, in ticks of the video's `time_base`; those that end in `_s` are
the same times in seconds. A column inside a list is named `list[].column`."""
HEADS = ("column", "type", "unit", "what it is")


def tables_page() -> str:
    """The page."""
    tables = [(FILES, "found files"), *((stage.writes, stage.name) for stage in STAGES)]
    return page(
        "Tables and columns",
        [INTRO],
        (block for made, by in tables for block in table_blocks(made, by)),
    )


def table_blocks(made: Table[Any], by: str) -> Iterator[str]:
    """One table."""
    yield f"## {made.name}"
    writer = "Written when sources are named." if made is FILES else f"Written by `{by}`."
    summary = (made.record.__doc__ or "").strip().split("\n\n")[0]
    yield f"{' '.join(summary.split())} {writer} Key: `{made.key}`."
    yield table(HEADS, map(column_row, columns_of_table(made)))


def column_row(column: TableColumn) -> tuple[str, ...]:
    """One column."""
    info = column.info
    clock = {
        "video": "on the video's clock",
        "clip": "from the clip's start",
        "file": "in the file",
    }
    notes = [
        f"{info.description.rstrip('.')}.",
        f"Formula: {info.formula.rstrip('.')}." if info.formula else "",
        f"Time {clock[info.time_base]}." if info.time_base else "",
        f"Source: {info.source.rstrip('.')}." if info.source else "",
    ]
    kind = column.type + (" or null" if column.can_be_null else "")
    return code(column.name), kind, info.unit, " ".join(note for note in notes if note)
