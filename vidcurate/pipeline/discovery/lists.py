"""Reads lists of videos: text, CSV, TSV, JSON lines, JSON and Parquet."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from vidcurate.store.row_lists import ListRow, columns_named, is_empty, read_lines, read_rows
from vidcurate.store.storage import Location, resolve_name

PATH_COLUMNS = ("path", "file", "file_name", "video", "video_path", "media_path")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a list: its number in an editor, its path and its other columns.

    Where there is no path, `fault` is the reason.
    """

    number: int
    path: str | None
    extra: Mapping[str, str] = field(default_factory=dict)
    fault: str | None = None


def read_list(file: Location) -> Iterator[Row]:
    """Read the rows of a list; empty rows are left out.

    Raises UsageError where it cannot be read or has no column of paths.
    """
    yield from map(row_of, read_rows(file, PATH_COLUMNS, "path"))


def read_path_lines(text: str) -> Iterator[Row]:
    """Read paths separated by NUL or line ends; a line that is a JSON object is a row."""
    yield from map(row_of, read_lines(text, PATH_COLUMNS, is_plain=True))


def row_of(listed: ListRow) -> Row:
    """A row of a table, without its empty cells."""
    number, row = listed.number, listed.cells
    if listed.fault is not None:
        return Row(number, None, fault=listed.fault)
    named = columns_named(list(row), PATH_COLUMNS)
    column = next((c for c in named if not is_empty(row[c])), None)
    extra = {k: str(v) for k, v in row.items() if k and k != column and not is_empty(v)}
    if column is None:
        why = "" if named else f" ({', '.join(PATH_COLUMNS)}); it has {', '.join(row) or 'nothing'}"
        return Row(number, None, extra, f"row {number} has no path{why}")
    return Row(number, str(row[column]), extra)


def listed_path(base: Location, text: str) -> Location:
    """The location of a list's path: relative to a folder, a file:// address, or with ~ for home.

    Blanks and quotes around it are removed, unless a file has such a name.
    """
    if text.startswith("file://"):
        return Path(unquote(urlsplit(text).path))
    bare = text.strip()
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'":
        bare = bare[1:-1]
    candidates = dict.fromkeys([text, bare, os.path.expanduser(bare)])  # noqa: PTH111 - no home: as it is
    if len(candidates) == 1:
        return resolve_name(base, text)
    return next(
        (where for candidate in candidates if exists(where := resolve_name(base, candidate))),
        resolve_name(base, text),
    )


def exists(where: Location) -> bool:
    """Whether a path exists; False for one that no file system accepts."""
    try:
        return where.exists()
    except (OSError, ValueError):
        return False
