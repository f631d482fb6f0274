"""The table of found files: which files the sources name now, and which are gone or dropped."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TextIO

import pyarrow as pa

from vidcurate.pipeline.discovery.sources import (
    STDIN,
    counted,
    find_files,
    source_name,
)
from vidcurate.pipeline.scope import DROPPED_FILE, FOUND, GONE, latest_files
from vidcurate.records import FILES, FoundFile
from vidcurate.store.commits import commit_name
from vidcurate.store.dataset import DONE, OK, Dataset, StoredTable

ROWS_PER_PART = 4096
# The end of the id of a file that had to be read whole, and could not be.
UNREAD = "unread"


def add_files(dataset: Dataset, files: Iterable[FoundFile], seen: set[str] | None = None) -> int:
    """Write new and changed files; returns the number of all, whose paths are added to `seen`."""
    newest = {path: base_id(row) for path, row in latest_files(dataset).items()}
    stored = dataset.stored(FILES, FOUND)
    n_given = 0
    stream = iter(files)
    while piece := list(islice(stream, ROWS_PER_PART)):
        n_given += len(piece)
        if seen is not None:
            seen.update(f.path for f in piece)
        dataset.own_id()  # the manifest comes before the first row, and names the layout
        write_files(stored, [f for f in piece if newest.get(f.path) != f.file_id])
    return n_given


def base_id(row: Mapping[str, str | None]) -> str | None:
    """The id of a file as it was found; None where it must be looked at again."""
    base, _, content = str(row["file_id"]).partition("-")
    return None if row["state"] or content == UNREAD else base


def write_files(stored: StoredTable, files: Iterable[FoundFile]) -> None:
    """Write files in one commit, the last of each id."""
    fresh = {f.file_id: f for f in files}
    if fresh:
        done = [{"id": i, "status": OK, "reason": None, "seconds": 0.0} for i in fresh]
        rows = FILES.to_arrow(list(fresh.values()))
        name = commit_name(stored.next_number(), fresh)
        stored.commit(name, rows, pa.Table.from_pylist(done, schema=DONE))


def mark_gone(dataset: Dataset, sources: Sequence[str], seen: Collection[str]) -> list[str]:
    """Mark files that these sources named before but not now; returns their paths.

    Files of a folder that could not be read are not marked. Rows that were no files, such as a
    list's row without a path, are dropped.
    """
    names = {source_name(s) for s in sources if s != STDIN}
    files = live_files(dataset)
    unread = [f.path for f in files if f.fault and f.path in seen]
    missing = [
        f
        for f in files
        if f.path not in seen
        and any(f.source == name or f.path.startswith(f"{name}/") for name in names)
        and not any(f.path.startswith(f"{folder}/") for folder in unread)
    ]
    changed = [
        replace(f, state=DROPPED_FILE if f.fault else GONE) for f in missing if f.state != GONE
    ]
    write_files(dataset.stored(FILES, FOUND), changed)
    return [f.path for f in missing if not f.fault]


def live_files(dataset: Dataset) -> list[FoundFile]:
    """The latest row of each path that was not dropped."""
    stored = dataset.stored(FILES, FOUND)
    last = {f.path: f for f in rows_in_order(stored)}
    return [f for f in last.values() if f.state != DROPPED_FILE]


def rows_in_order(stored: StoredTable) -> Iterator[FoundFile]:
    """All rows in their order, without merging."""
    rows = stored.read(None, FILES.schema)
    for start in range(0, rows.num_rows, ROWS_PER_PART):
        for row in rows.slice(start, ROWS_PER_PART).to_pylist():
            yield FoundFile(**{**row, "extra": dict(row["extra"])})


def drop_files(dataset: Dataset, is_chosen: Callable[[FoundFile], bool]) -> list[FoundFile]:
    """Drop files from a data set; ingesting them again brings them back."""
    chosen = [f for f in live_files(dataset) if is_chosen(f)]
    stored = dataset.stored(FILES, FOUND)
    for start in range(0, len(chosen), ROWS_PER_PART):
        piece = chosen[start : start + ROWS_PER_PART]
        write_files(stored, [replace(f, state=DROPPED_FILE) for f in piece])
    return chosen


def ingest_sources(
    dataset: Dataset,
    sources: Sequence[str],
    extensions: Sequence[str],
    stdin: TextIO,
    *,
    recursive: bool,
    note: Callable[[str], None],
) -> None:
    """Record the files that the sources name now, and mark those that they no longer name."""
    files = find_files(sources, extensions, stdin, recursive=recursive, own=dataset.root, note=note)
    dropped = {p for p, row in latest_files(dataset).items() if row["state"] == DROPPED_FILE}
    seen: set[str] = set()
    add_files(dataset, files, seen)
    if back := sorted(dropped & seen):
        note(f"ingested again, though dropped before: {counted(back)}")
    if gone := mark_gone(dataset, sources, seen):
        note(
            f"gone or no longer listed: {counted(gone)}; the clips stay until "
            f"`vidcurate drop --gone -d {dataset.root}`"
        )
