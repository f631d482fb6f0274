"""Marker files that identify data sets and exports, so that their clips never become sources.

A data set is identified by its manifest, and before it has one by its lock and its table of files;
an export by EXPORT_MARKER in its root, or by its path in a data set.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcurate.errors import UsageError
from vidcurate.store.storage import Location, Remote

MANIFEST = "manifest.json"
EXPORT_MARKER = ".vidcurate-export.json"
DATASET, EXPORT = "data set", "export"
QUARANTINE = "quarantine"
# How the files of data sets and exports lie, and what their tables hold. Markers hold the number;
# vidcurate 0.1 wrote 1.
LAYOUT = 2
# A data set holds <table>/<fingerprint>/ and the folders of what was made from its tables.
GENERATED = re.compile(rf"export|export-.+|counts|search|{QUARANTINE}")
FINGERPRINT = re.compile(r"[0-9a-f]{12}|found|reviewed")


@dataclass(frozen=True, slots=True)
class VidcurateFolder:
    """The root of a data set or an export."""

    kind: str
    folder: Location

    def __str__(self) -> str:
        return f"the {self.kind} {self.folder}"


def folder_kind(folder: Location) -> str | None:
    """Whether a folder is a data set or an export; None where it is neither."""
    if marker_kind(folder / EXPORT_MARKER) is not None:
        return EXPORT
    if marker_kind(folder / MANIFEST) is not None:
        return DATASET
    if (folder / "lock").is_file() and (folder / "files" / "found").is_dir():
        return DATASET
    return None


def marker_kind(file: Location) -> str | None:
    """What a marker says its folder is; None where it is missing or not vidcurate's."""
    try:
        marker: Any = json.loads(file.read_bytes()) if file.is_file() else None
    except (OSError, ValueError):
        return None
    if not isinstance(marker, dict) or "vidcurate" not in marker:
        return None
    return str(marker.get("kind", DATASET))


def refuse_other_layout(layout: object, folder: Location) -> None:
    """Pass for the layout that this version reads; raises UsageError that says what to do."""
    if layout == LAYOUT:
        return
    if layout == 1:
        raise UsageError(
            f"{folder} was made by vidcurate 0.1, which this version does not read: "
            "make it again in a new folder, by `vidcurate run SOURCE -d NEW`"
        )
    raise UsageError(
        f"{folder} was made by another version of vidcurate: use that version, or run the same "
        "command into a new folder"
    )


def enclosing_vidcurate_folder(folder: Location) -> VidcurateFolder | None:
    """The data set or export that a folder is part of; None for any other folder.

    The root of a data set, and folders that a user made in it, are not part of it: videos may lie
    there.
    """
    below: tuple[str, ...] = ()
    for parent in (folder, *parents_of(folder)):
        kind = folder_kind(parent)
        if kind == EXPORT or (kind == DATASET and is_generated(below)):
            return VidcurateFolder(kind, parent)
        below = (parent.name, *below)
    return None


def is_generated(below: Sequence[str]) -> bool:
    """Whether a path below a data set's root, as its names, is one that vidcurate made."""
    is_of_table = len(below) > 1 and bool(FINGERPRINT.fullmatch(below[1]))
    return is_of_table or (len(below) > 0 and bool(GENERATED.fullmatch(below[0])))


def parents_of(folder: Location) -> Iterator[Location]:
    """The folders above a folder, the nearest first."""
    if isinstance(folder, Remote):
        while "/" in folder.key:
            folder = folder.parent
            yield folder
    else:
        yield from Path(folder).parents
