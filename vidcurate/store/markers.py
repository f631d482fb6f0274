"""How data sets and exports are known, so that what we wrote is never taken for a source.

A data set is known by its manifest, and before there is one by its lock and its table of files; an
export by EXPORT_MARKER in its root, or by its place in a data set.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcurate.store.storage import Location, Remote

MANIFEST = "manifest.json"
EXPORT_MARKER = ".vidcurate-export.json"
DATASET, EXPORT = "data set", "export"
# In a data set lie <table>/<fingerprint>/ and the folders of what was made of its tables.
MADE = ("export", "counts", "search")
CARD_TITLE = b"\n# Video clips with text\n"
FINGERPRINT = re.compile(r"[0-9a-f]{12}|found")


@dataclass(frozen=True, slots=True)
class Written:
    """A data set or an export."""

    kind: str
    folder: Location

    def __str__(self) -> str:
        return f"the {self.kind} {self.folder}"


def kind_of(folder: Location) -> str | None:
    """Whether a folder is a data set or an export of ours; None where it is neither."""
    if kind_in_marker(folder / EXPORT_MARKER) is not None:
        return EXPORT
    if kind_in_marker(folder / MANIFEST) is not None:
        return DATASET
    if (folder / "data").is_dir() and is_data_card(folder / "README.md"):
        return EXPORT
    if (folder / "lock").is_file() and (folder / "files" / "found").is_dir():
        return DATASET
    return None


def is_data_card(file: Location) -> bool:
    """Whether a file is the data card of an export; those of earlier versions have no marker."""
    try:
        return file.is_file() and CARD_TITLE in file.read_bytes()[:4096]
    except OSError:
        return False


def kind_in_marker(file: Location) -> str | None:
    """What a marker says that its folder is; None where it is not there or none of ours."""
    try:
        marker: Any = json.loads(file.read_bytes()) if file.is_file() else None
    except (OSError, ValueError):
        return None
    if not isinstance(marker, dict) or "vidcurate" not in marker:
        return None
    return str(marker.get("kind", DATASET))


def written_by_us(folder: Location) -> Written | None:
    """The data set or export that wrote a folder; None for one that we did not write.

    A video that a user keeps in a data set's root, or in a folder of their own in it, is theirs.
    """
    below: tuple[str, ...] = ()
    for parent in (folder, *parents_of(folder)):
        kind = kind_of(parent)
        if kind == EXPORT or (kind == DATASET and is_made(below)):
            return Written(kind, parent)
        below = (parent.name, *below)
    return None


def is_made(below: Sequence[str]) -> bool:
    """Whether the names from a data set's root down lead into what was made there."""
    is_of_table = len(below) > 1 and bool(FINGERPRINT.fullmatch(below[1]))
    return is_of_table or (len(below) > 0 and below[0] in MADE)


def parents_of(folder: Location) -> Iterator[Location]:
    """The folders above a folder, the nearest first."""
    if isinstance(folder, Remote):
        while "/" in folder.key:
            folder = folder.parent
            yield folder
    else:
        yield from Path(folder).parents
