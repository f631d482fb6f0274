"""The names of a table's files: kind, order, and which inputs a commit was made from."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

# The kind of a file, its number in the order, and whether a commit has no rows.
FILE = re.compile(r"(part|done|snapshot)-(\d+)-\w+?(-none)?\.parquet")


class Commit(NamedTuple):
    """A done file or a snapshot; commits sort by their number."""

    number: int
    name: str
    is_snapshot: bool
    is_empty: bool

    @property
    def part(self) -> str:
        """The part whose rows a done file commits."""
        return self.name.replace("done-", "part-", 1)


def commit_of(name: str) -> Commit | None:
    """The commit that a file is; None for any other file."""
    match = FILE.fullmatch(name)
    if match is None or match[1] == "part":
        return None
    return Commit(int(match[2]), name, match[1] == "snapshot", bool(match[3]))


def number_in(name: str) -> int:
    """The number in a file's name; -1 where there is none."""
    match = FILE.fullmatch(name)
    return int(match[2]) if match else -1


def commit_name(number: int, ids: Iterable[str]) -> str:
    """The name of a commit: its number, and a hash of the inputs it was made from.

    The same batch that two runs hand out in one state of the table is there once.
    """
    content = hashlib.sha256("\n".join(ids).encode()).hexdigest()[:12]
    return f"{number:08d}-{content}"


def is_snapshot(name: str) -> bool:
    """Whether a commit holds a whole table."""
    commit = commit_of(name)
    return commit is not None and commit.is_snapshot


def parts_of(commits: Mapping[str, Sequence[str]]) -> list[str]:
    """The parts of commits, in their order."""
    return [part for parts in commits.values() for part in parts]
