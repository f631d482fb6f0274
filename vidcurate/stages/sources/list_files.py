"""Lists that a stage's options name: their paths, their content in fingerprints, what is unread."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from vidcurate.store.digests import content_hash, sha256_of
from vidcurate.store.row_lists import LISTS, ListRow, columns_named
from vidcurate.store.storage import Remote, location

MANY = 5  # columns that a message names


def list_path(file: str) -> str:
    """A list's path, made absolute, or its address; raises ValueError for no kind of list."""
    if not file:
        return file
    if PurePath(file).suffix.lower() not in LISTS:
        raise ValueError(f"{file!r} is no list that can be read: these end in {', '.join(LISTS)}")
    return str(location(Path(file).expanduser() if "://" not in file else file))


def list_contents(files: Mapping[str, str]) -> dict[str, str]:
    """A hash of each list's content, by option; that of a list which is gone is empty."""
    return {name: hash_of(file) for name, file in files.items() if file}


def hash_of(file: str) -> str:
    """A hash of a list's content; raises UsageError where it is there and cannot be read."""
    where = location(file)
    if isinstance(where, Remote):
        return sha256_of(where) if where.exists() else ""
    return content_hash(where)


def unread_columns(name: str, rows: Sequence[ListRow], known: Sequence[str]) -> str:
    """Which columns of a list have no meaning here, in words; "" where there is none."""
    given = dict.fromkeys(column for row in rows for column in row.cells if column)
    read = set(columns_named(list(given), known))
    others = [column for column in given if column not in read]
    if not others:
        return ""
    more = f" and {len(others) - MANY} more" if len(others) > MANY else ""
    return f"{name}: not read are {', '.join(others[:MANY])}{more}; known are {', '.join(known)}"
