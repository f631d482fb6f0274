"""The `columns` command: what each column of a table is."""

from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from vidcurate.analysis.columns import TableInfo, tables_described
from vidcurate.cli.completion import complete_table
from vidcurate.cli.printing import tell, tell_json
from vidcurate.cli.shared import AsJson
from vidcurate.records import TableColumn

CLOCKS = {
    "video": "on the video's clock",
    "clip": "from the clip's start",
    "file": "from the file's start",
}


def columns(
    table: Annotated[
        str | None,
        typer.Argument(
            help="A table, or the stage that makes it; all tables in short without it.",
            show_default=False,
            autocompletion=complete_table,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what the columns of the tables are, with units, formulas and sources.

    Without TABLE it names the columns of every table. A unit of 1 is that of a share or ratio.
    """
    found = tables_described(table)
    if as_json:
        tell_json({"tables": [one.as_dict() for one in found]})
    elif table is None:
        show_tables(found)
    else:
        show_columns(found[0])


def show_tables(tables: list[TableInfo]) -> None:
    """Print every table with the names of its columns."""
    console = Console(highlight=False)
    for found in tables:
        console.print(Text(f"{found.name} (by {found.stage}): {found.about}", style="bold"))
        names = [column.name for column in found.columns if "[]" not in column.name]
        console.print(Padding(Text(", ".join(names)), (0, 0, 0, 2)))
    tell("\n`vidcurate columns TABLE` says what each column is.")


def show_columns(found: TableInfo) -> None:
    """Print what each column of a table is."""
    console = Console(highlight=False)
    console.print(Text(f"{found.name} (by {found.stage}): {found.about}", style="bold"))
    grid = Grid(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    grid.add_column("column", no_wrap=True)
    grid.add_column("unit")
    grid.add_column("what it is", overflow="fold", ratio=1)
    for column in found.columns:
        grid.add_row(column.name, column.info.unit or column.type, Text(meaning(column)))
    console.print(grid)


def meaning(column: TableColumn) -> str:
    """A column's description, clock, formula and source, in a sentence or two."""
    info = column.info
    clock = f", {CLOCKS[info.time_base]}" if info.time_base else ""
    parts = [f"{info.description}{clock}"]
    if info.formula:
        parts.append(f"Formula: {info.formula}")
    if info.source:
        parts.append(f"Source: {info.source}")
    return ". ".join(parts)
