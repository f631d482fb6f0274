"""Lists that a stage's options name: their paths and rows, and what became of each item."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

import pyarrow as pa

from vidcurate.errors import some
from vidcurate.stage import Outcome
from vidcurate.store.dataset import DONE, DROPPED, FAILED, OK
from vidcurate.store.digests import content_hash, sha256_of
from vidcurate.store.row_lists import LISTS, ListRow, columns_named, read_rows
from vidcurate.store.storage import Remote, location

# A row, and where it stands: a list's name and the row's number.
PlacedRow = tuple[str, ListRow]
GONE = "gone"  # in place of the hash of a list that is not there


def list_path(file: str) -> str:
    """A list's path, made absolute, or its address; raises ValueError for no kind of list."""
    if not file:
        return file
    if PurePath(file).suffix.lower() not in LISTS:
        raise ValueError(f"{file!r} is no list that can be read: these end in {', '.join(LISTS)}")
    return str(location(Path(file).expanduser() if "://" not in file else file))


def list_contents(files: Mapping[str, str]) -> dict[str, str]:
    """A hash of each list's content, by option; a list which is gone differs from none."""
    return {name: hash_of(file) or GONE for name, file in files.items() if file}


def hash_of(file: str) -> str:
    """A hash of a list's content, "" where it is gone; raises UsageError where it is unreadable."""
    where = location(file)
    if isinstance(where, Remote):
        return sha256_of(where) if where.exists() else ""
    return content_hash(where)


def placed_rows(file: str, needed: str, known: Sequence[str]) -> tuple[list[PlacedRow], str]:
    """The rows of a list, none without one, and which of its columns are not read, in words.

    Raises UsageError where it cannot be read, or has no column of the name that is needed.
    """
    if not file:
        return [], ""
    name = PurePath(file).name
    rows = list(read_rows(location(file), [needed], needed))
    return [(f"{name}, row {row.number}", row) for row in rows], unread_columns(name, rows, known)


def unread_columns(name: str, rows: Sequence[ListRow], known: Sequence[str]) -> str:
    """Which columns of a list have no meaning here, in words; "" where there is none."""
    given = dict.fromkeys(column for row in rows for column in row.cells if column)
    read = set(columns_named(list(given), known))
    others = [column for column in given if column not in read]
    if not others:
        return ""
    return f"{name}: not read are {some(others)}; known are {', '.join(known)}"


def list_outcome(
    rows: pa.Table,
    ids: Sequence[str],
    dropped: Mapping[str, str],
    failed: Mapping[str, str],
    message: str,
) -> Outcome:
    """The outcome of items of lists: those that have a row, and why others have none, by id."""
    done = {
        "id": [*ids, *dropped, *failed],
        "status": [OK] * len(ids) + [DROPPED] * len(dropped) + [FAILED] * len(failed),
        "reason": [None] * len(ids) + [*dropped.values(), *failed.values()],
        "seconds": [None] * (len(ids) + len(dropped) + len(failed)),
    }
    return Outcome(rows, pa.table(done, schema=DONE), message)
