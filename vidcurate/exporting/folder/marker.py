"""The marker of an export: whose data set a folder is, and what of it is not the export's."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from vidcurate.errors import UsageError, some
from vidcurate.exporting.folder.manifest import MANIFEST, FileEntry, end_hash, read_manifest
from vidcurate.store.atomic import write_text
from vidcurate.store.markers import (
    EXPORT_MARKER,
    LAYOUT,
    enclosing_vidcurate_folder,
    refuse_other_layout,
)
from vidcurate.store.storage import Location, Remote

CARD = "README.md"
SHARD = re.compile(r"data/(train|validation|test)-\d{5}-of-\d{5}\.parquet")
# In object storage a run that was killed leaves files that no manifest names.
CLIP_FILE_NAME = re.compile(r"(clips|keyframes)/[0-9a-f]{16}[\w.-]*-\d+[\w.-]*\.\w+")
# Files that desktops leave in every folder that they show.
DESKTOP_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class ExportMarker:
    """What an export's file `EXPORT_MARKER` says about it.

    `dataset` is the id of the data set that it is of, `target` its layout, and `manifest` the hash
    of its list of files. Of one that is not `finished` the files are not known.
    """

    dataset: str
    target: str = "parquet"
    finished: bool = False
    clips: int = 0
    captions: int = 0
    manifest: str = ""


def read_marker(folder: Location) -> ExportMarker | None:
    """Read the marker of a folder; None if it has none that can be read.

    Raises UsageError for the export of another version.
    """
    try:
        found = json.loads((folder / EXPORT_MARKER).read_text("utf-8"))
        if found.pop("kind") != "export":
            return None
        refuse_other_layout(found.pop("vidcurate"), folder)
        return ExportMarker(**found)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_marker(folder: Location, marker: ExportMarker) -> None:
    """Write the marker of a folder."""
    text = json.dumps({"vidcurate": LAYOUT, "kind": "export", **asdict(marker)}, indent=2) + "\n"
    write_text(folder / EXPORT_MARKER, text)


def check_replaceable(out: Location, dataset: str | None) -> None:
    """Check that an export of a data set may replace a folder: an earlier one, or nothing.

    Raises UsageError that names what else is there.
    """
    files = files_below(out)
    if not files:
        return
    marker = read_marker(out)
    if marker is None or marker.dataset != dataset:
        whose = "another data set's" if marker else f"such as {min(files)}"
        raise UsageError(
            f"{out} holds other things than an export of this data set ({whose}): "
            "name a new or an empty folder as out"
        )
    foreign = sorted(foreign_files(out, marker, files))
    if foreign:
        raise UsageError(
            f"{out} holds what its export did not write: {some(foreign)}; "
            "move it away, or name another folder as out"
        )


def foreign_files(out: Location, marker: ExportMarker, files: Mapping[str, int]) -> Iterator[str]:
    """Yield files of a marked folder that the export did not write or that were changed since.

    Raises UsageError where the manifest, which tells them apart, is missing or was changed.
    """
    if not marker.finished:
        yield from (n for n in files if n not in (EXPORT_MARKER, CARD) and not is_export_name(n))
        return
    entries = read_manifest(out, marker.manifest)
    for name, size in files.items():
        if name in (EXPORT_MARKER, MANIFEST):
            continue
        entry = entries.get(name)
        if entry is None:
            if not (isinstance(out, Remote) and is_export_name(name)):
                yield name
        elif not is_as_written(out / name, size, entry):
            yield f"{name} (changed)"


def is_as_written(file: Location, size: int, entry: FileEntry) -> bool:
    """Check, without reading all of it, whether a file is what the export wrote."""
    if isinstance(file, Path) and file.is_symlink():
        return False
    return size == entry.bytes and (not entry.end or end_hash(file) == entry.end)


def is_export_name(name: str) -> bool:
    """Check whether a file has a name that an export gives."""
    in_data = name.replace("videos/", "data/", 1) if name.startswith("videos/") else name
    return bool(SHARD.fullmatch(in_data) or CLIP_FILE_NAME.fullmatch(name))


def files_below(folder: Location) -> dict[str, int]:
    """Map all files below a folder to their sizes; a link to a folder counts as a file."""
    if isinstance(folder, Remote):
        return {name: facts.st_size for name, facts in folder.below().items()}
    found: dict[str, int] = {}
    for at, folders, files in os.walk(folder):
        links = [name for name in folders if Path(at, name).is_symlink()]
        for name in (*files, *links):
            if name not in DESKTOP_FILES:
                path = Path(at, name)
                found[path.relative_to(folder).as_posix()] = path.lstat().st_size
    return found


def refuse_nested(out: Location) -> None:
    """Raise UsageError for a folder inside an export or a data set's tables, which it would change.

    The folder itself may be an export.
    """
    around = enclosing_vidcurate_folder(out.parent)
    if around is not None:
        raise UsageError(f"{out} lies in {around}: name a folder outside it as out")
