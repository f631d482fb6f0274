"""Reads rows of lists that users give: text, CSV, TSV, JSON lines, JSON and Parquet."""

import csv
import io
import json
import math
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vidcurate.errors import UsageError
from vidcurate.store.storage import Location
from vidcurate.store.table import arrow_source

LISTS = (".txt", ".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
DELIMITERS = ",;\t|"
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class ListRow:
    """A row of a list: its number in an editor, and its cells by heading.

    Where it cannot be read, `fault` is the reason.
    """

    number: int
    cells: Mapping[str, Any] = field(default_factory=dict)
    fault: str | None = None

    def readable(self) -> Mapping[str, Any]:
        """The cells; raises ValueError where the row cannot be read."""
        if self.fault is not None:
            raise ValueError(self.fault.replace(f"row {self.number}", "it", 1))
        return self.cells


def read_rows(file: Location, wanted: Sequence[str], what: str) -> Iterator[ListRow]:
    """Read the rows of a list; empty rows are left out.

    A table needs one of the `wanted` columns, whatever its case and blanks; what is no table, as
    a line of text, is a cell of the first of them. `what` names the wanted column in messages.
    Raises UsageError where the list cannot be read or has no such column.
    """
    try:
        kind = file.suffix.lower()
        if kind == ".parquet":
            table = pq.read_table(arrow_source(file))
            check_columns(table.column_names, wanted, what, str(file))
            yield from (
                ListRow(n, row) for n, row in enumerate(table.to_pylist(), 1) if filled(row)
            )
            return
        text = decode_list(file.read_bytes())
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        raise UsageError(f"cannot read the list {file}: {error}") from error
    if kind in {".csv", ".tsv"}:
        yield from separated(text, wanted, what, str(file))
    elif kind == ".json":
        yield from json_array(text, wanted, str(file))
    else:
        yield from read_lines(text, wanted, is_plain=kind == ".txt")


def decode_list(data: bytes) -> str:
    """Decode a list: UTF-8, or UTF-16 with a byte order mark, as spreadsheets write it."""
    return data.decode("utf-16" if data.startswith(UTF_16_MARKS) else "utf-8-sig")


def separated(text: str, wanted: Sequence[str], what: str, name: str) -> Iterator[ListRow]:
    """Read the rows of a table with a heading; cells are separated by comma, semicolon, tab or bar.

    Raises UsageError where the heading has no wanted column.
    """
    csv.field_size_limit(sys.maxsize)  # captions may be long
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(DELIMITERS, key=lambda mark: (heads(first, mark, wanted), first.count(mark)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    headings: list[str] = []
    start = 1
    try:
        for cells in reader:
            is_blank = not any(cell.strip() for cell in cells)
            if headings and not is_blank:
                yield ListRow(start, dict(zip(headings, cells, strict=False)))
            elif not is_blank:
                headings = [cell.strip() for cell in cells]
                check_columns(headings, wanted, what, name)
            start = reader.line_num + 1
    except csv.Error as error:
        raise UsageError(f"cannot read the list {name}, line {start}: {error}") from error


def heads(heading: str, delimiter: str, wanted: Collection[str]) -> bool:
    """Whether a heading has a wanted column when it is split at a delimiter."""
    cells = next(csv.reader([heading], delimiter=delimiter), [])
    return bool(columns_named(cells, wanted))


def json_array(text: str, wanted: Sequence[str], name: str) -> Iterator[ListRow]:
    """Read the rows of a JSON array of objects or texts; raises UsageError for anything else."""
    try:
        items = json.loads(text)
    except ValueError as error:
        raise UsageError(f"cannot read the list {name}: it is not JSON ({error})") from error
    if not isinstance(items, list):
        raise UsageError(f"cannot read the list {name}: it is not a JSON array")
    for number, item in enumerate(items, 1):
        row = {wanted[0]: item} if isinstance(item, str) else item
        if not isinstance(row, dict):
            yield ListRow(number, fault=f"row {number} is not a JSON object")
        elif filled(row):
            yield ListRow(number, row)


def read_lines(text: str, wanted: Sequence[str], *, is_plain: bool) -> Iterator[ListRow]:
    """Read texts separated by NUL or line ends; a line that is a JSON object is a row.

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
            yield ListRow(number, {wanted[0]: bare})


def json_row(number: int, line: str) -> Iterator[ListRow]:
    """Read a JSON object as a row, unless it is empty; any other line is a row with a fault."""
    try:
        row = json.loads(line)
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        yield ListRow(number, fault=f"row {number} holds half a character")
    except (ValueError, RecursionError) as error:
        yield ListRow(number, fault=f"row {number} is not JSON ({error})")
    else:
        if not isinstance(row, dict):
            yield ListRow(number, fault=f"row {number} is not a JSON object")
        elif filled(row):
            yield ListRow(number, row)


def filled(row: Mapping[str, Any]) -> bool:
    """Whether any cell of a row has a value."""
    return not all(is_empty(value) for value in row.values())


def is_empty(value: Any) -> bool:
    """Whether a cell is empty: no value, NaN, or blanks only."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, str) and not value.strip())


def columns_named(names: Sequence[str], wanted: Collection[str]) -> list[str]:
    """The columns of some names, in the order wanted, whatever their case and blanks."""
    plain = {name: name.strip().lower() for name in names if name}
    return [name for one in wanted for name, bare in plain.items() if bare == one]


def check_columns(names: Sequence[str], wanted: Sequence[str], what: str, where: str) -> None:
    """Raise UsageError where no column is a wanted one."""
    if not columns_named(names, wanted):
        options = f" ({', '.join(wanted)})" if [what] != list(wanted) else ""
        raise UsageError(
            f"the list {where} has no {what} column{options}: it has {', '.join(names) or 'none'}"
        )
