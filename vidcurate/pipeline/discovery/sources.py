"""From what a user points at (folders, globs, lists, stdin) to the files of a data set."""

import glob
import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TextIO

import pyarrow as pa

from vidcurate.errors import UsageError
from vidcurate.pipeline.discovery.lists import LISTS, Row, lines, listed_path, read_list
from vidcurate.pipeline.discovery.walk import Walk, matches
from vidcurate.pipeline.inputs import DROPPED_FILE, FOUND, GONE, newest_files
from vidcurate.records import FILES, FoundFile
from vidcurate.store.dataset import DONE, OK, Dataset, Shelf, commit_name
from vidcurate.store.markers import EXPORT_MARKER, MANIFEST, Written, kind_in_marker, written_by_us
from vidcurate.store.storage import Location, Remote, location, require_bucket

ROWS_PER_PART = 4096
STDIN = "-"
# The end of the id of a file that had to be read whole, and could not be.
UNREAD = "unread"


def say_nothing(_text: str) -> None:
    """What is told where nobody listens."""


@dataclass
class Finder:
    """What a search for videos goes by: endings, depth, the data set's own folder, who is told."""

    extensions: Sequence[str]
    recursive: bool
    own: Location | None = None
    note: Callable[[str], None] = say_nothing
    written: dict[Location, Written | None] = field(default_factory=dict)

    def is_video(self, path: Path) -> bool:
        """Whether a path ends as videos do."""
        return path.suffix.lower() in {"." + e.lower().lstrip(".") for e in self.extensions}

    def ours(self, folder: Location) -> Written | None:
        """What wrote a folder, where it is ours; asked once a folder."""
        if folder not in self.written:
            self.written[folder] = written_by_us(folder)
        return self.written[folder]

    def refuse_ours(self, folder: Location) -> None:
        """Raise UsageError for a source that lies in what we wrote."""
        if ours := self.ours(folder):
            raise UsageError(f"{folder} lies in {ours}, which vidcurate wrote: name videos instead")

    def walk(self, is_wanted: Callable[[Path], bool]) -> Walk:
        """A walk through folders."""
        own = self.own if isinstance(self.own, Path) else None
        return Walk(is_wanted, recursive=self.recursive, own=own)

    def tell_left_out(self, folders: Collection[Location]) -> None:
        """Say which folders of ours are no sources; of this data set nobody needs to be told."""
        others = [f for f in folders if not is_inside(f, self.own)]
        if others:
            self.note(f"left out, since vidcurate wrote it: {counted([str(f) for f in others])}")


def find_files(
    sources: Sequence[str],
    extensions: Sequence[str],
    stdin: TextIO,
    *,
    recursive: bool,
    own: Location | None = None,
    note: Callable[[str], None] = say_nothing,
) -> Iterator[FoundFile]:
    """Every file that the sources name, in a stable order.

    A source is a folder, a file, a glob, a list (one path a line, or CSV, TSV, JSON lines, JSON or
    Parquet with a path column, whose other columns are kept), or "-" for paths on stdin, separated
    by line ends or NUL. Paths in a list are relative to its folder. What cannot be taken becomes a
    file with a fault, so that it is reported beside the others. Nothing in a data set or an export
    is taken: `own` is the root of the data set that videos are found for, `note` is told the rest.
    Raises UsageError for a list that cannot be read, and a source that lies in what we wrote.
    """
    finder = Finder(extensions, recursive, own, note)
    for source in sources:
        name = source_name(source)
        for file in files_of_source(source, finder, stdin):
            yield replace(file, source=name)


def source_name(source: str) -> str:
    """What a source is called in the table of files: stdin, an object, or an absolute path."""
    return source if source == STDIN else str(plain(location(path_given(source))))


def path_given(source: str) -> str:
    """A source as a path; a file:// address is one too."""
    return str(listed_path(Path(), source)) if source.startswith("file://") else source


def files_of_source(source: str, finder: Finder, stdin: TextIO) -> Iterator[FoundFile]:
    """Every file that one source names."""
    if source == STDIN:
        text = stdin.read().removeprefix("\ufeff")
        yield from listed(lines(text, is_plain=True), Path(), "stdin", finder)
        return
    source = path_given(source)
    where = location(source)
    path = Path(source)
    if isinstance(where, Remote):
        yield from in_storage(where, finder)
    elif path.is_dir():
        finder.refuse_ours(plain(path))
        yield from in_folder(path, finder)
    elif path.suffix.lower() in LISTS:
        yield from listed(read_list(path), path.parent, str(path.absolute()), finder)
    elif not path.exists() and glob.has_magic(source):
        yield from in_pattern(source, finder)
    else:
        finder.refuse_ours(plain(path).parent)
        yield found(path)


def in_pattern(pattern: str, finder: Finder) -> Iterator[FoundFile]:
    """Files that a pattern matches; the folders that it matches are looked into."""
    walk = finder.walk(lambda _: True)
    walk.recursive = True
    n_found = 0
    left_out: list[Location] = []
    for path in matches(pattern, walk):
        if ours := finder.ours(plain(path if path.is_dir() else path.parent)):
            left_out.append(ours.folder)
        elif path.is_dir():
            n_found += 1
            yield from in_folder(path, finder)
        elif path.suffix.lower() in LISTS:
            n_found += 1
            yield from listed(read_list(path), path.parent, str(path.absolute()), finder)
        else:
            n_found += 1
            yield found(path)
    yield from (found(path, fault=fault) for path, fault in walk.faults)
    finder.tell_left_out([*walk.left_out, *dict.fromkeys(left_out)])
    if n_found == 0 and not walk.faults:
        yield found(Path(pattern), fault="the pattern matches no file")


def in_folder(folder: Path, finder: Finder) -> Iterator[FoundFile]:
    """Files of a folder that have a video's extension, without hidden ones and our own."""
    walk = finder.walk(finder.is_video)
    n_found = 0
    for path in walk.below(folder):
        n_found += 1
        yield found(path)
    yield from (found(path, fault=fault) for path, fault in walk.faults)
    finder.tell_left_out(walk.left_out)
    if n_found == 0 and not walk.faults:
        yield found(folder, fault="the folder holds no video")


def in_storage(where: Remote, finder: Finder) -> Iterator[FoundFile]:
    """An object, those of a folder that have a video's extension, or those that a list names.

    Raises StorageError where the bucket is not there, UsageError for what we wrote.
    """
    require_bucket(where)
    if Path(where.name).suffix.lower() in LISTS:
        yield from listed(read_list(where), where.parent, str(where), finder)
        return
    is_folder = where.is_dir()
    finder.refuse_ours(where if is_folder else where.parent)
    if not is_folder:
        yield found(where)
        return
    names = list(where.below(recursive=finder.recursive))
    ours = ours_among(names, where, finder)
    videos = [
        name
        for name in names
        if finder.is_video(Path(name))
        and "/." not in f"/{name}"
        and not any(f"{where / name}".startswith(f"{folder}/") for folder in ours)
    ]
    yield from (found(where / name) for name in videos)
    finder.tell_left_out(ours)
    if not videos:
        yield found(where, fault="the folder holds no video")


def ours_among(names: Sequence[str], where: Remote, finder: Finder) -> list[Location]:
    """The folders among objects that are data sets or exports, or made in this data set."""
    folders: dict[Location, None] = {}
    for name in names:
        folder, _, last = name.rpartition("/")
        at = where / folder if folder else where
        is_marker = last in {EXPORT_MARKER, MANIFEST} and at != finder.own
        if at not in folders and (
            kind_in_marker(where / name) if is_marker else is_video_of_ours(at, last, finder)
        ):
            folders[at] = None
    return list(folders)


def is_video_of_ours(folder: Location, name: str, finder: Finder) -> bool:
    """Whether a video lies in what we wrote."""
    return finder.is_video(Path(name)) and finder.ours(folder) is not None


def listed(rows: Iterable[Row], base: Location, name: str, finder: Finder) -> Iterator[FoundFile]:
    """Files that a list names, with the list's other columns."""
    for row in rows:
        if row.path is None:
            yield found(Path(f"{name}, row {row.number}"), row.extra, row.fault)
            continue
        where = listed_path(base, row.path)
        ours = finder.ours(plain(where).parent)
        fault = f"the file lies in {ours}, which vidcurate wrote" if ours else None
        yield found(where, row.extra, fault)


def found(
    path: Location, extra: Mapping[str, str] | None = None, fault: str | None = None
) -> FoundFile:
    """A file as it is now; its id changes with its place, size, time, inode and list columns."""
    where = str(plain(path))
    try:
        where.encode()
    except UnicodeEncodeError:
        where = os.fsencode(where).decode("utf-8", "backslashreplace")
        fault = "the file name is not UTF-8: rename the file"
    try:
        now = path.stat()
        state = [now.st_size, now.st_mtime_ns, getattr(now, "st_ino", 0)]
    except (OSError, ValueError):  # a path with a NUL in it is none
        state = []
    facts = json.dumps([where, state, sorted((extra or {}).items()), fault])
    file_id = hashlib.sha256(facts.encode()).hexdigest()[:16]
    size, mtime_ns, inode = state or (None, None, None)
    return FoundFile(
        file_id,
        where,
        dict(extra or {}),
        fault,
        size_bytes=size,
        mtime_ns=mtime_ns,
        # Inodes are unsigned, and a column holds signed numbers.
        inode=None if inode is None else inode % (1 << 63),
    )


def plain(path: Location) -> Location:
    """An absolute path without `..`."""
    if isinstance(path, Remote):
        return path
    return path.absolute() if ".." not in path.parts else path.parent.resolve() / path.name


def is_inside(path: Location, folder: Location | None) -> bool:
    """Whether a path is a folder or lies in it."""
    return folder is not None and f"{plain(path)}/".startswith(f"{plain(folder)}/")


def add_files(dataset: Dataset, files: Iterable[FoundFile], seen: set[str] | None = None) -> int:
    """Write files that the data set does not know as they are now; returns how many were given.

    Their paths are added to `seen`.
    """
    newest = {path: base_id(row) for path, row in newest_files(dataset).items()}
    shelf = dataset.shelf(FILES, FOUND)
    n_given = 0
    stream = iter(files)
    while piece := list(islice(stream, ROWS_PER_PART)):
        n_given += len(piece)
        if seen is not None:
            seen.update(f.path for f in piece)
        write_files(shelf, [f for f in piece if newest.get(f.path) != f.file_id])
    return n_given


def base_id(row: Mapping[str, str | None]) -> str | None:
    """The id of a file as it was found; none where it must be found anew."""
    base, _, content = str(row["file_id"]).partition("-")
    return None if row["state"] or content == UNREAD else base


def write_files(shelf: Shelf, files: Iterable[FoundFile]) -> None:
    """Rows of files, the last of each id, committed together."""
    fresh = {f.file_id: f for f in files}
    if fresh:
        done = [{"id": i, "status": OK, "reason": None, "seconds": 0.0} for i in fresh]
        rows = FILES.to_arrow(list(fresh.values()))
        name = commit_name(shelf.next_number(), fresh)
        shelf.commit(name, rows, pa.Table.from_pylist(done, schema=DONE))


def mark_gone(dataset: Dataset, sources: Sequence[str], seen: Collection[str]) -> list[str]:
    """Note which files these sources named before and do not name now; returns their paths.

    What lies in a folder that could not be read is not known to be gone. Rows that were no files,
    such as a list's row without a path, are dropped.
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
    write_files(dataset.shelf(FILES, FOUND), changed)
    return [f.path for f in missing if not f.fault]


def live_files(dataset: Dataset) -> list[FoundFile]:
    """What was last said of each path that was not dropped."""
    shelf = dataset.shelf(FILES, FOUND)
    last = {f.path: f for f in rows_in_order(shelf)}
    return [f for f in last.values() if f.state != DROPPED_FILE]


def rows_in_order(shelf: Shelf) -> Iterator[FoundFile]:
    """All rows in their order, none merged."""
    rows = shelf.read(None, FILES.schema)
    for start in range(0, rows.num_rows, ROWS_PER_PART):
        for row in rows.slice(start, ROWS_PER_PART).to_pylist():
            yield FoundFile(**{**row, "extra": dict(row["extra"])})


def drop_files(dataset: Dataset, is_chosen: Callable[[FoundFile], bool]) -> list[FoundFile]:
    """Take files out of a data set; they come back when they are taken in again."""
    chosen = [f for f in live_files(dataset) if is_chosen(f)]
    shelf = dataset.shelf(FILES, FOUND)
    for start in range(0, len(chosen), ROWS_PER_PART):
        piece = chosen[start : start + ROWS_PER_PART]
        write_files(shelf, [replace(f, state=DROPPED_FILE) for f in piece])
    return chosen


def take_in(
    dataset: Dataset,
    sources: Sequence[str],
    extensions: Sequence[str],
    stdin: TextIO,
    *,
    recursive: bool,
    note: Callable[[str], None],
) -> None:
    """Write down what the sources name now, and which files they named before and do not now."""
    files = find_files(sources, extensions, stdin, recursive=recursive, own=dataset.root, note=note)
    dropped = {p for p, row in newest_files(dataset).items() if row["state"] == DROPPED_FILE}
    seen: set[str] = set()
    add_files(dataset, files, seen)
    if back := sorted(dropped & seen):
        note(f"taken in again, though dropped before: {counted(back)}")
    if gone := mark_gone(dataset, sources, seen):
        note(
            f"gone or no longer listed: {counted(gone)}; the clips stay until "
            f"`vidcurate drop --gone -d {dataset.root}`"
        )


def counted(paths: Sequence[str]) -> str:
    """The first of some paths, and how many more there are."""
    return paths[0] + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
