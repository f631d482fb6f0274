"""The `report` command: one HTML file that shows a data set."""

from pathlib import Path
from typing import Annotated

import typer

from vidcurate.analysis.columns import tables_described
from vidcurate.analysis.view import present_plan, present_tables, require_dataset
from vidcurate.cli.commands.columns import show_columns
from vidcurate.cli.printing import printable, say, tell, tell_json
from vidcurate.cli.shared import AsJson
from vidcurate.errors import UsageError, quantity
from vidcurate.report.build import DEFAULT_NAME, WrittenReport, write_report
from vidcurate.report.data import ReportOptions
from vidcurate.report.pictures import Media
from vidcurate.store.storage import location


def report(
    dataset: Annotated[
        Path | None,
        typer.Option("--dataset", "-d", help="The data set's folder.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The file to write.", show_default="DATASET/report.html"),
    ] = None,
    media: Annotated[
        Media,
        typer.Option(help="Pictures inside the file, in a folder beside it, or none."),
    ] = "inside",
    max_clips: Annotated[
        int, typer.Option(min=1, help="Show a sample of the clips where there are more.")
    ] = ReportOptions.max_clips,
    title: Annotated[str, typer.Option(help="The page's title.", show_default=False)] = "",
    columns: Annotated[
        bool, typer.Option("--columns", help="Say what each column in a report is; write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a page that shows a data set: its funnel, scores, borders, films and captions.

    A file that is no report is never replaced. Without -d, --columns tells of all tables.
    """
    if columns:
        show_shown_columns(dataset, as_json=as_json)
        return
    if dataset is None:
        raise UsageError("--dataset -d is missing: name the data set's folder")
    opened = require_dataset(dataset)
    file = opened.root / DEFAULT_NAME if out is None else location(out)
    written = write_report(opened, file, ReportOptions(media, max_clips, title=title))
    show_report(written, as_json=as_json)


def show_shown_columns(dataset: Path | None, *, as_json: bool) -> None:
    """Print what each column that a report shows is: of a data set's tables, else of all."""
    made = None if dataset is None else present_tables(present_plan(require_dataset(dataset)))
    tables = [table for table in tables_described() if made is None or table.name in made]
    if as_json:
        tell_json({"tables": [table.as_dict() for table in tables]})
        return
    for table in tables:
        show_columns(table)


def show_report(written: WrittenReport, *, as_json: bool) -> None:
    """Print what was written."""
    if as_json:
        tell_json({**vars(written), "file": str(written.file)})
        return
    tell(printable(f"{written.file}: {written.size_bytes / 1e6:.1f} MB"))
    if written.clips_shown < written.clips:
        tell(f"it shows {written.clips_shown} of {quantity(written.clips, 'clip')}: --max-clips")
    if written.pictures_missing:
        say(f"{quantity(written.pictures_missing, 'clip')} have no picture: scan their videos")
