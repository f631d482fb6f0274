"""Reads lists of videos: text, CSV, TSV, JSON lines, JSON and Parquet."""

import csv
import io
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from vidcurate.errors import UsageError
from vidcurate.store.storage import Location, resolve_name
from vidcurate.store.table import arrow_source

LISTS = (".txt", ".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
PATH_COLUMNS = ("path", "file", "file_name", "video", "video_path", "media_path")
DELIMITERS = ",;\t|"
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


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
    try:
        kind = file.suffix.lower()
        if kind == ".parquet":
            table = pq.read_table(arrow_source(file))
            check_columns(table.column_names, str(file))
            yield from (row_of(n, row) for n, row in enumerate(table.to_pylist(), 1) if filled(row))
            return
        text = decode_list(file.read_bytes())
    except (OSError, UnicodeDecodeError, pa.ArrowInvalid) as error:
        raise UsageError(f"cannot read the list {file}: {error}") from error
    if kind in {".csv", ".tsv"}:
        yield from separated(text, str(file))
    elif kind == ".json":
        yield from json_array(text, str(file))
    else:
        yield from read_path_lines(text, is_plain=kind == ".txt")


def decode_list(data: bytes) -> str:
    """Decode a list: UTF-8, or UTF-16 with a byte order mark, as spreadsheets write it."""
    return data.decode("utf-16" if data.startswith(UTF_16_MARKS) else "utf-8-sig")


def separated(text: str, name: str) -> Iterator[Row]:
    """Read the rows of a table with a heading; cells are separated by comma, semicolon, tab or bar.

    Raises UsageError where the heading has no path column.
    """
    csv.field_size_limit(sys.maxsize)  # captions may be long
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(DELIMITERS, key=lambda mark: (has_paths(first, mark), first.count(mark)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    headings: list[str] = []
    start = 1
    try:
        for cells in reader:
            is_blank = not any(cell.strip() for cell in cells)
            if headings and not is_blank:
                yield row_of(start, dict(zip(headings, cells, strict=False)))
            elif not is_blank:
                headings = [cell.strip() for cell in cells]
                check_columns(headings, name)
            start = reader.line_num + 1
    except csv.Error as error:
        raise UsageError(f"cannot read the list {name}, line {start}: {error}") from error


def has_paths(heading: str, delimiter: str) -> bool:
    """Whether a heading has a path column when it is split at a delimiter."""
    cells = next(csv.reader([heading], delimiter=delimiter), [])
    return path_column(cells) is not None


def json_array(text: str, name: str) -> Iterator[Row]:
    """Read the rows of a JSON array of objects or paths; raises UsageError for anything else."""
    try:
        items = json.loads(text)
    except ValueError as error:
        raise UsageError(f"cannot read the list {name}: it is not JSON ({error})") from error
    if not isinstance(items, list):
        raise UsageError(f"cannot read the list {name}: it is not a JSON array")
    for number, item in enumerate(items, 1):
        row = {"path": item} if isinstance(item, str) else item
        if not isinstance(row, dict):
            yield Row(number, None, fault=f"row {number} is not a JSON object")
        elif filled(row):
            yield row_of(number, row)


def read_path_lines(text: str, *, is_plain: bool) -> Iterator[Row]:
    """Read paths separated by NUL or line ends; a line that is a JSON object is a row.

    With `is_plain` off every line must be a JSON object.
    """
    # Not splitlines: JSON and names may hold its other line ends.
    for number, line in enumerate(text.split("\0" if "\0" in text else "\n"), 1):
        bare = line.strip("\r")
        if not bare.strip():
            continue
        if bare.startswith("{") or not is_plain:
            yield from json_row(number, bare)
        else:
            yield Row(number, bare)


def json_row(number: int, line: str) -> Iterator[Row]:
    """Read a JSON object as a row, unless it is empty; any other line is a row with a fault."""
    try:
        row = json.loads(line)
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        yield Row(number, None, fault=f"row {number} holds half a character")
    except ValueError as error:
        yield Row(number, None, fault=f"row {number} is not JSON ({error})")
    else:
        if not isinstance(row, dict):
            yield Row(number, None, fault=f"row {number} is not a JSON object")
        elif filled(row):
            yield row_of(number, row)


def row_of(number: int, row: Mapping[str, Any]) -> Row:
    """A row of a table, without its empty cells."""
    column = next((c for c in path_columns(list(row)) if not is_empty(row[c])), None)
    extra = {k: str(v) for k, v in row.items() if k and k != column and not is_empty(v)}
    if column is None:
        has_path_column = path_column(list(row)) is not None
        why = (
            ""
            if has_path_column
            else f" ({', '.join(PATH_COLUMNS)}); it has {', '.join(row) or 'nothing'}"
        )
        return Row(number, None, extra, f"row {number} has no path{why}")
    return Row(number, str(row[column]), extra)


def filled(row: Mapping[str, Any]) -> bool:
    """Whether any cell of a row has a value."""
    return not all(is_empty(value) for value in row.values())


def is_empty(value: Any) -> bool:
    """Whether a cell is empty: no value, NaN, or blanks only."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, str) and not value.strip())


def path_columns(names: Sequence[str]) -> list[str]:
    """The columns that may hold paths, the likeliest first, whatever their case and blanks."""
    plain = {name: name.strip().lower() for name in names if name}
    return [name for wanted in PATH_COLUMNS for name, bare in plain.items() if bare == wanted]


def path_column(names: Sequence[str]) -> str | None:
    """The column that holds paths; None where there is none."""
    return next(iter(path_columns(names)), None)


def check_columns(names: Sequence[str], where: str) -> None:
    """Raise UsageError where no column holds paths."""
    if path_column(names) is None:
        raise UsageError(
            f"the list {where} has no path column ({', '.join(PATH_COLUMNS)}): it has "
            f"{', '.join(names) or 'none'}"
        )


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
