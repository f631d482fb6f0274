"""Finds the files that a user's sources name: folders, globs, lists, buckets, stdin."""

import glob
import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

from vidcurate.errors import UsageError
from vidcurate.pipeline.discovery.lists import Row, listed_path, read_list, read_path_lines
from vidcurate.pipeline.discovery.walk import Walk, matches
from vidcurate.records import FoundFile
from vidcurate.store.markers import (
    EXPORT_MARKER,
    MANIFEST,
    VidcurateFolder,
    enclosing_vidcurate_folder,
    marker_kind,
)
from vidcurate.store.row_lists import LISTS
from vidcurate.store.storage import Location, Remote, location, require_bucket

STDIN = "-"
CONFIGS = (".yaml", ".yml")


def ignore(_text: str) -> None:
    """Ignore a message."""


@dataclass
class SourceSearch:
    """A search for videos: extensions, depth, the data set's own folder, and who gets messages."""

    extensions: Sequence[str]
    recursive: bool
    own: Location | None = None
    note: Callable[[str], None] = ignore
    known: dict[Location, VidcurateFolder | None] = field(default_factory=dict)

    def is_video(self, path: Path) -> bool:
        """Whether a path has a video's extension."""
        return path.suffix.lower() in {"." + e.lower().lstrip(".") for e in self.extensions}

    def own_output(self, folder: Location) -> VidcurateFolder | None:
        """The data set or export that a folder is part of, if any; cached."""
        if folder not in self.known:
            self.known[folder] = enclosing_vidcurate_folder(folder)
        return self.known[folder]

    def refuse_own_output(self, folder: Location) -> None:
        """Raise UsageError for a source in a data set or an export."""
        if output := self.own_output(folder):
            raise UsageError(f"{folder} is in {output}, which vidcurate wrote: name videos instead")

    def walk(self, is_wanted: Callable[[Path], bool]) -> Walk:
        """A walk through folders with this search's options."""
        own = self.own if isinstance(self.own, Path) else None
        return Walk(is_wanted, recursive=self.recursive, own=own)

    def report_skipped(self, folders: Collection[Location]) -> None:
        """Report data sets and exports that were skipped, except this data set."""
        others = [f for f in folders if not is_inside(f, self.own)]
        if others:
            self.note(f"skipped, since vidcurate wrote it: {counted([str(f) for f in others])}")


def find_files(
    sources: Sequence[str],
    extensions: Sequence[str],
    stdin: TextIO,
    *,
    recursive: bool,
    own: Location | None = None,
    note: Callable[[str], None] = ignore,
) -> Iterator[FoundFile]:
    """Find every file that the sources name, in a stable order.

    A source is a folder, a file, a glob, a list (one path a line, or CSV, TSV, JSON lines, JSON or
    Parquet with a path column, whose other columns are kept), or "-" for paths on stdin, separated
    by line ends or NUL. Paths in a list are relative to its folder. What cannot be read becomes a
    file with a fault, so that it is reported with the others. Data sets and exports are skipped:
    `own` is the root of the data set that videos are searched for, `note` gets a message for each
    other one. Raises UsageError for a list that cannot be read, for a config file, and for a source
    in a data set or an export.
    """
    search = SourceSearch(extensions, recursive, own, note)
    for source in sources:
        name = source_name(source)
        for file in files_of_source(source, search, stdin):
            yield replace(file, source=name)


def source_name(source: str) -> str:
    """A source's name in the table of files: stdin, an object, or an absolute path."""
    return source if source == STDIN else str(plain(location(path_given(source))))


def path_given(source: str) -> str:
    """A source as a path, also where it is a file:// address."""
    return str(listed_path(Path(), source)) if source.startswith("file://") else source


def files_of_source(source: str, search: SourceSearch, stdin: TextIO) -> Iterator[FoundFile]:
    """Find every file that one source names."""
    if source == STDIN:
        text = stdin.read().removeprefix("\ufeff")
        yield from listed(read_path_lines(text), Path(), "stdin", search)
        return
    source = path_given(source)
    where = location(source)
    path = Path(source)
    if isinstance(where, Remote):
        yield from in_storage(where, search)
    elif path.is_dir():
        search.refuse_own_output(plain(path))
        yield from in_folder(path, search)
    elif path.suffix.lower() in LISTS:
        yield from listed(read_list(path), path.parent, str(path.absolute()), search)
    elif not path.exists() and glob.has_magic(source):
        yield from in_pattern(source, search)
    elif path.suffix.lower() in CONFIGS:
        raise UsageError(f"{source} is a config file and no video: name it with -c")
    else:
        search.refuse_own_output(plain(path).parent)
        yield found(path)


def in_pattern(pattern: str, search: SourceSearch) -> Iterator[FoundFile]:
    """Find files that a pattern matches, and videos in the folders that it matches."""
    walk = search.walk(lambda _: True)
    walk.recursive = True
    n_found = 0
    left_out: list[Location] = []
    for path in matches(pattern, walk):
        if output := search.own_output(plain(path if path.is_dir() else path.parent)):
            left_out.append(output.folder)
        elif path.is_dir():
            n_found += 1
            yield from in_folder(path, search)
        elif path.suffix.lower() in LISTS:
            n_found += 1
            yield from listed(read_list(path), path.parent, str(path.absolute()), search)
        else:
            n_found += 1
            yield found(path)
    yield from (found(path, fault=fault) for path, fault in walk.faults)
    search.report_skipped([*walk.left_out, *dict.fromkeys(left_out)])
    if n_found == 0 and not walk.faults:
        yield found(Path(pattern), fault="the pattern matches no file")


def in_folder(folder: Path, search: SourceSearch) -> Iterator[FoundFile]:
    """Find the videos of a folder, without hidden files, data sets and exports."""
    walk = search.walk(search.is_video)
    n_found = 0
    for path in walk.below(folder):
        n_found += 1
        yield found(path)
    yield from (found(path, fault=fault) for path, fault in walk.faults)
    search.report_skipped(walk.left_out)
    if n_found == 0 and not walk.faults:
        yield found(folder, fault="the folder holds no video")


def in_storage(where: Remote, search: SourceSearch) -> Iterator[FoundFile]:
    """Find an object, the videos of a folder, or the objects that a list names.

    Raises StorageError where the bucket does not exist, UsageError for data sets and exports.
    """
    require_bucket(where)
    if Path(where.name).suffix.lower() in LISTS:
        yield from listed(read_list(where), where.parent, str(where), search)
        return
    is_folder = where.is_dir()
    search.refuse_own_output(where if is_folder else where.parent)
    if not is_folder:
        yield found(where)
        return
    names = list(where.below(recursive=search.recursive))
    outputs = outputs_among(names, where, search)
    videos = [
        name
        for name in names
        if search.is_video(Path(name))
        and "/." not in f"/{name}"
        and not any(f"{where / name}".startswith(f"{folder}/") for folder in outputs)
    ]
    yield from (found(where / name) for name in videos)
    search.report_skipped(outputs)
    if not videos:
        yield found(where, fault="the folder holds no video")


def outputs_among(names: Sequence[str], where: Remote, search: SourceSearch) -> list[Location]:
    """The folders of objects that are data sets, exports, or parts of this data set."""
    folders: dict[Location, None] = {}
    for name in names:
        folder, _, last = name.rpartition("/")
        at = where / folder if folder else where
        is_marker = last in {EXPORT_MARKER, MANIFEST} and at != search.own
        if at in folders:
            continue
        if is_marker:
            is_output = marker_kind(where / name) is not None
        else:
            is_output = search.is_video(Path(last)) and search.own_output(at) is not None
        if is_output:
            folders[at] = None
    return list(folders)


def listed(
    rows: Iterable[Row], base: Location, name: str, search: SourceSearch
) -> Iterator[FoundFile]:
    """Find the files that a list names, with the list's other columns."""
    for row in rows:
        if row.path is None:
            yield found(Path(f"{name}, row {row.number}"), row.extra, row.fault)
            continue
        where = listed_path(base, row.path)
        output = search.own_output(plain(where).parent)
        fault = f"the file is in {output}, which vidcurate wrote" if output else None
        yield found(where, row.extra, fault)


def found(
    path: Location, extra: Mapping[str, str] | None = None, fault: str | None = None
) -> FoundFile:
    """A file as it is now; its id changes with its path, size, time, inode and list columns."""
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


def counted(paths: Sequence[str]) -> str:
    """The first of some paths, and how many more there are."""
    return paths[0] + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
