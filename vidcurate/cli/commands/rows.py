"""The `rows` command: rows of any table as JSON lines."""

from typing import Annotated

import pyarrow as pa
import typer

from vidcurate.analysis.rows import status_rows, table_rows
from vidcurate.analysis.view import open_dataset, present_plan, read_consistently
from vidcurate.cli.printing import tell_json
from vidcurate.cli.shared import Folder
from vidcurate.store.dataset import DROPPED, FAILED


def rows(
    table: Annotated[str, typer.Argument(help="A table, such as clips or quality.")],
    dataset: Folder,
    where: Annotated[
        str | None, typer.Option(help="A rule, such as 'quality.sharpness >= 20'.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="Columns to show, with commas; also of other tables.")
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="The inputs that failed, with reasons.")
    ] = False,
    dropped: Annotated[
        bool, typer.Option("--dropped", help="The inputs that were dropped, with reasons.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Show the first N rows only.")] = None,
) -> None:
    """Any table as JSON lines on stdout."""
    opened = open_dataset(dataset)

    def look() -> pa.Table:
        plan = present_plan(opened)
        statuses = [s for s, wanted in ((FAILED, failed), (DROPPED, dropped)) if wanted]
        if statuses:
            return status_rows(opened, plan, table, statuses, where, columns)
        return table_rows(opened, plan, table, where, columns)

    for row in read_consistently(opened, look).slice(0, limit).to_pylist():
        tell_json(row)
