"""From what a user points at (folders, globs, lists, stdin) to the files of a data set."""

import csv
import glob
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from vidcurate.dataset import DONE, OK, Dataset, commit_name
from vidcurate.errors import UsageError
from vidcurate.pending import FOUND
from vidcurate.records import FILES, FoundFile
from vidcurate.storage import Place, Remote, beside, place, require_bucket
from vidcurate.table import readable

LISTS = (".txt", ".csv", ".jsonl", ".ndjson", ".parquet")
PATH_COLUMNS = ("path", "file", "file_name", "video", "video_path", "media_path")
ROWS_PER_PART = 4096


def find_files(
    sources: Sequence[str], extensions: Sequence[str], stdin: TextIO, *, recursive: bool
) -> Iterator[FoundFile]:
    """Every file that the sources name, in a stable order.

    A source is a folder, a file, a glob, a list (one path a line, or CSV, JSON lines or Parquet
    with a path column, whose other columns are kept), or "-" for paths on stdin, separated by
    line ends or NUL. Paths in a list are relative to its folder. What cannot be taken becomes a
    file with a fault, so that it is reported beside the others.
    """
    for source in sources:
        if source == "-":
            yield from listed(path_lines(stdin.read()), Path())
        elif isinstance(remote := place(source), Remote):
            yield from in_storage(remote, extensions, recursive=recursive)
        elif Path(source).is_dir():
            yield from in_folder(Path(source), extensions, recursive=recursive)
        elif Path(source).suffix.lower() in LISTS:
            yield from listed(read_list(Path(source)), Path(source).parent)
        elif not Path(source).exists() and glob.has_magic(source):
            matches = sorted(glob.glob(source, recursive=True))  # noqa: PTH207 - also absolute ones
            if not matches:
                yield found(Path(source), fault="the pattern matches no file")
            yield from find_files(matches, extensions, stdin, recursive=recursive)
        else:
            yield found(Path(source))


def in_folder(folder: Path, extensions: Sequence[str], *, recursive: bool) -> Iterator[FoundFile]:
    """Files of a folder that have a film's extension; hidden ones are left out."""
    wanted = {"." + e.lower().lstrip(".") for e in extensions}
    faults: list[FoundFile] = []

    def note_fault(error: OSError) -> None:
        faults.append(
            found(Path(error.filename), fault=f"cannot read the folder: {error.strerror}")
        )

    n_found = 0
    for at, folders, files in os.walk(folder, onerror=note_fault):
        folders[:] = sorted(f for f in folders if recursive and not f.startswith("."))
        for name in sorted(files):
            if Path(name).suffix.lower() in wanted and not name.startswith("."):
                n_found += 1
                yield found(Path(at, name))
    yield from faults
    if n_found == 0 and not faults:
        yield found(folder, fault="the folder holds no film")


def in_storage(where: Remote, extensions: Sequence[str], *, recursive: bool) -> Iterator[FoundFile]:
    """An object, those of a folder that have a film's extension, or those that a list names.

    Raises StorageError where the bucket is not there.
    """
    require_bucket(where)
    if where.suffix.lower() in LISTS:
        yield from listed(read_list(where), where.parent)
    elif not where.is_dir():
        yield found(where)
    else:
        wanted = {"." + e.lower().lstrip(".") for e in extensions}
        names = [
            name
            for name in where.below(recursive=recursive)
            if Path(name).suffix.lower() in wanted and "/." not in f"/{name}"
        ]
        yield from (found(where / name) for name in names)
        if not names:
            yield found(where, fault="the folder holds no film")


def listed(rows: Iterable[Mapping[str, Any]], base: Place) -> Iterator[FoundFile]:
    """Files that a list names, with the list's other columns."""
    for row in rows:
        column = next((c for c in PATH_COLUMNS if row.get(c)), None)
        if column is None:
            raise UsageError(f"a list row has no path column ({', '.join(PATH_COLUMNS)}): {row}")
        extra = {k: str(v) for k, v in row.items() if k and k != column and v not in (None, "")}
        yield found(beside(base, str(row[column])), extra)


def path_lines(text: str) -> Iterator[dict[str, Any]]:
    """Paths separated by NUL or line ends; a line that is a JSON object is a row."""
    for line in text.split("\0" if "\0" in text else "\n"):
        bare = line.strip("\r")
        if bare.startswith("{"):
            yield json_row(bare)
        elif bare.strip():
            yield {"path": bare}


def read_list(file: Place) -> Iterator[dict[str, Any]]:
    """The rows of a list file.

    Raises UsageError where it cannot be read.
    """
    try:
        if file.suffix == ".parquet":
            yield from pq.read_table(readable(file)).to_pylist()
        elif file.suffix == ".csv":
            lines = io.StringIO(file.read_bytes().decode("utf-8-sig"), newline="")
            yield from csv.DictReader(lines)
        else:
            text = file.read_text("utf-8-sig")
            yield from path_lines(text) if file.suffix == ".txt" else json_lines(text)
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowInvalid) as error:
        raise UsageError(f"cannot read the list {file}: {error}") from error


def json_lines(text: str) -> Iterator[dict[str, Any]]:
    """The objects of JSON lines."""
    return (json_row(line) for line in text.splitlines() if line.strip())


def json_row(line: str) -> dict[str, Any]:
    """One JSON object.

    Raises UsageError where the line is something else.
    """
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UsageError(f"a list line is not JSON ({error}): {line[:80]}") from error
    if not isinstance(row, dict):
        raise UsageError(f"a list line is not a JSON object: {line[:80]}")
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"a list line holds half a character: {line[:80]}") from error
    return row


def found(
    path: Place, extra: Mapping[str, str] | None = None, fault: str | None = None
) -> FoundFile:
    """A file as it is now; its id changes with its place, size, time and list columns."""
    where = str(plain(path))
    try:
        where.encode()
    except UnicodeEncodeError:
        where = os.fsencode(where).decode("utf-8", "backslashreplace")
        fault = "the file name is not UTF-8: rename the file"
    try:
        now = path.stat()
        state = [now.st_size, now.st_mtime_ns]
    except (OSError, ValueError):  # a path with a NUL in it is none
        state = []
    facts = json.dumps([where, state, sorted((extra or {}).items()), fault])
    file_id = hashlib.sha256(facts.encode()).hexdigest()[:16]
    return FoundFile(file_id, where, dict(extra or {}), fault)


def plain(path: Place) -> Place:
    """An absolute path without `..`."""
    if isinstance(path, Remote):
        return path
    return path.absolute() if ".." not in path.parts else path.parent.resolve() / path.name


def add_files(dataset: Dataset, files: Iterable[FoundFile]) -> int:
    """Write files that the data set does not know as they are now; returns how many were given."""
    shelf = dataset.shelf(FILES, FOUND)
    index = shelf.index("file_id", ["path"])
    newest = dict(zip(index["path"].to_pylist(), index["file_id"].to_pylist(), strict=True))
    n_given = 0
    stream = iter(files)
    while piece := list(islice(stream, ROWS_PER_PART)):
        n_given += len(piece)
        fresh = {f.file_id: f for f in piece if newest.get(f.path) != f.file_id}
        if fresh:
            done = [{"id": i, "status": OK, "reason": None, "seconds": 0.0} for i in fresh]
            rows = FILES.to_arrow(list(fresh.values()))
            name = commit_name(shelf.next_number(), fresh)
            shelf.commit(name, rows, pa.Table.from_pylist(done, schema=DONE))
    return n_given
