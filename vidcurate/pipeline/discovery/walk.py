"""Walks folders and patterns, each folder once; skips data sets and exports."""

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from vidcurate.store.markers import DATASET, folder_kind, is_generated

EVERY_DEPTH = "**"


@dataclass
class Walk:
    """One walk: which files are wanted, what was visited, and what could not be read.

    `faults` are paths with the reason; `left_out` are data sets and exports that were skipped. In
    the data set `own` only the folders that vidcurate made are skipped.
    """

    is_wanted: Callable[[Path], bool]
    recursive: bool = True
    own: Path | None = None
    faults: list[tuple[Path, str]] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)
    folders: set[tuple[int, int]] = field(default_factory=set)
    files: set[tuple[int, int]] = field(default_factory=set)

    def below(self, top: Path) -> Iterator[Path]:
        """Yield the wanted files below a folder, in order; those only links lead to come last."""
        links: list[Path] = []
        above = (top.absolute(), *top.absolute().parents)
        roots = [folder for folder in above if folder_kind(folder) == DATASET]
        yield from self.walk_folder(top, links, roots)
        while links:
            link = links.pop(0)
            if link.is_dir():
                yield from self.walk_folder(link, links, roots)
            elif self.is_first(link, self.files):
                yield link

    def walk_folder(self, top: Path, links: list[Path], roots: list[Path]) -> Iterator[Path]:
        """Yield the wanted files reached without a link; adds the links to follow to `links`."""
        waiting = [top]
        while waiting:
            at = waiting.pop()
            if not self.is_first(at, self.folders) or self.is_own_output(at, roots):
                continue
            try:
                with os.scandir(at) as entries:
                    found = sorted(
                        (e for e in entries if not e.name.startswith(".")), key=lambda e: e.name
                    )
            except OSError as error:
                self.faults.append((at, f"cannot read the folder: {error.strerror}"))
                continue
            deeper: list[Path] = []
            for entry in found:
                path = Path(at, entry.name)
                if entry.is_symlink():
                    self.note_link(path, links)
                elif entry.is_dir(follow_symlinks=False):
                    deeper.append(path)
                elif self.is_wanted(path):
                    self.is_first(path, self.files)
                    yield path
            waiting += reversed(deeper if self.recursive else [])

    def note_link(self, link: Path, links: list[Path]) -> None:
        """Remember a link to a folder or a wanted file; a broken one is a fault."""
        try:
            is_folder = link.is_dir()
            is_there = link.exists()
        except OSError:  # a loop of links, on some systems
            is_folder = is_there = False
        if is_folder:
            links += [link] if self.recursive else []
        elif self.is_wanted(link) or (self.recursive and not link.suffix and not is_there):
            if is_there:
                links.append(link)
            else:
                self.faults.append((link, f"the link leads nowhere: {link.readlink()}"))

    def is_first(self, path: Path, seen: set[tuple[int, int]]) -> bool:
        """Whether a file or folder is visited for the first time, under any name."""
        try:
            now = path.stat()
        except OSError:
            return True  # the error is reported where it is opened
        known = (now.st_dev, now.st_ino) in seen
        seen.add((now.st_dev, now.st_ino))
        return not known

    def is_own_output(self, folder: Path, roots: list[Path]) -> bool:
        """Whether a folder is a data set, an export, or a part of one; it is recorded then.

        In the data sets of `roots` only folders that vidcurate made count, since videos may lie
        next to them.
        """
        at = folder.absolute()
        try:
            kind = folder_kind(folder)
        except OSError:
            return False  # the error is reported where it is listed
        if kind == DATASET and at == self.own and at not in roots:
            roots.append(at)
        made = any(at.is_relative_to(r) and is_generated(at.relative_to(r).parts) for r in roots)
        if made or (kind is not None and at not in roots):
            self.left_out.append(folder)
            return True
        return False


def matches(pattern: str, walk: Walk) -> Iterator[Path]:
    """Yield the files and folders that a pattern matches, in order; `**` is any depth."""
    parts = Path(pattern).parts
    if EVERY_DEPTH not in parts:
        yield from map(Path, sorted(glob.glob(pattern)))  # noqa: PTH207 - also absolute ones
        return
    first = parts.index(EVERY_DEPTH)
    base = str(Path(*parts[:first])) if first else "."
    tops = sorted(glob.glob(base)) if glob.has_magic(base) else [base]  # noqa: PTH207 - as above
    for top in map(Path, tops):
        n_before = len(walk.faults)
        for file in walk.below(top):
            if is_match(file.relative_to(top).parts, parts[first:]):
                yield file
        walk.faults[n_before:] = [
            (path, fault)
            for path, fault in walk.faults[n_before:]
            if not path.is_symlink() or is_match(path.relative_to(top).parts, parts[first:])
        ]


def is_match(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a path, as its names, matches the parts of a pattern."""
    if not pattern:
        return not names
    if pattern[0] == EVERY_DEPTH:
        deeper = bool(names) and is_match(names[1:], pattern)
        # At the end it matches all files, as in a shell.
        return deeper or is_match(names, pattern[1:]) or (len(pattern) == 1 and bool(names))
    return bool(names) and fnmatchcase(names[0], pattern[0]) and is_match(names[1:], pattern[1:])
