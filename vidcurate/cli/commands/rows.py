"""The `rows` command: rows of any table as JSON lines."""

from typing import Annotated

import pyarrow as pa
import typer

from vidcurate.analysis.rows import status_rows, table_rows
from vidcurate.analysis.view import present_plan, read_consistently, require_dataset
from vidcurate.cli.completion import complete_columns, complete_table
from vidcurate.cli.printing import tell_json
from vidcurate.cli.shared import Folder
from vidcurate.store.dataset import DROPPED, FAILED


def rows(
    table: Annotated[
        str,
        typer.Argument(
            help="A table, such as clips or quality, or the stage that makes it.",
            autocompletion=complete_table,
        ),
    ],
    dataset: Folder,
    where: Annotated[
        str | None,
        typer.Option(
            help="A rule, such as 'sharpness >= 20'; table.column for columns of other tables.",
            show_default=False,
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            help="Columns to show, with commas; table.column for those of other tables.",
            show_default=False,
            autocompletion=complete_columns,
        ),
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Show the inputs that failed, with reasons.")
    ] = False,
    dropped: Annotated[
        bool, typer.Option("--dropped", help="Show the inputs that were dropped, with reasons.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Show the first N rows only.", show_default=False)
    ] = None,
) -> None:
    """Print the rows of a table as JSON lines.

    A column of another table needs no table's name where only one table has it. Rows of inputs that
    failed or were dropped have the input's key, status, reason and seconds.
    """
    opened = require_dataset(dataset)

    def look() -> pa.Table:
        plan = present_plan(opened)
        statuses = [s for s, wanted in ((FAILED, failed), (DROPPED, dropped)) if wanted]
        if statuses:
            return status_rows(opened, plan, table, statuses, where, columns)
        return table_rows(opened, plan, table, where, columns)

    for row in read_consistently(opened, look).slice(0, limit).to_pylist():
        tell_json(row)
