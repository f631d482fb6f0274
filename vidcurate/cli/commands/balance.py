"""The `balance` command: what each split and each class has, and what is missing."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from vidcurate.analysis.balance import balance_of
from vidcurate.analysis.view import read_consistently, require_dataset
from vidcurate.cli.printing import printable, tell_json
from vidcurate.cli.shared import AsJson, Folder
from vidcurate.clips.quotas import ClassCount
from vidcurate.clips.splits import SplitShare
from vidcurate.errors import quantity

CLASSES_SHOWN = 20


def balance(dataset: Folder, as_json: AsJson = False) -> None:
    """Show what each split has, what each class of a quota has, and what is missing.

    A group is the videos that are in one split together. All classes are in --json.
    """
    opened = require_dataset(dataset)
    found = read_consistently(opened, lambda: balance_of(opened))
    if as_json:
        tell_json({"dataset": str(opened.root), **asdict(found)})
        return
    console = Console(highlight=False)
    console.print(split_grid(found.splits))
    if found.across:
        console.print(f"{quantity(found.across, 'clip')} of set-ups that are in several splits")
    for quota, rows in groupby(found.classes, lambda row: (row.by, row.at_most, row.at_least)):
        classes = list(rows)
        console.print(Text(f"\n{printable(quota[0])}"), soft_wrap=True)
        console.print(class_grid(classes[:CLASSES_SHOWN]))
        if len(classes) > CLASSES_SHOWN:
            console.print(f"and {len(classes) - CLASSES_SHOWN} more classes, see --json")


def split_grid(splits: Sequence[SplitShare]) -> Grid:
    """The splits as a table: what was wanted, and what each has."""
    grid = numbers_after("split", "wanted", "groups", "videos", "clips", "hours", "of hours")
    for s in splits:
        counts = (f"{s.wanted:.1%}", f"{s.groups} ({s.share_of_groups:.1%})", str(s.videos))
        grid.add_row(
            s.split,
            *counts,
            f"{s.clips} ({s.share_of_clips:.1%})",
            f"{s.hours:.2f}",
            f"{s.share_of_hours:.1%}",
        )
    return grid


def class_grid(classes: Sequence[ClassCount]) -> Grid:
    """The classes of one quota as a table; those that lack most come first."""
    grid = numbers_after("class", "came", "at most", "stays", "over", "at least", "missing")
    for row in classes:
        grid.add_row(Text(printable(row.name)), *class_cells(row))
    return grid


def class_cells(row: ClassCount) -> Iterator[str]:
    """The numbers of a class; a dot where there is none."""
    for value in (row.came, row.at_most, row.stays, row.over, row.at_least, row.missing):
        yield str(value) if value else "·"


def numbers_after(name: str, *numbers: str) -> Grid:
    """A table of names and numbers."""
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    grid.add_column(name, overflow="fold")
    for number in numbers:
        grid.add_column(number, justify="right", no_wrap=True)
    return grid
