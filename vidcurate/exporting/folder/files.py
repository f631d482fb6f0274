"""The files of a finished data set: linked to where rows name them, put in place as a whole."""

import errno
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import uuid4

from vidcurate.errors import UsageError
from vidcurate.exporting.folder.links import link
from vidcurate.exporting.folder.manifest import MANIFEST, read_manifest
from vidcurate.exporting.folder.marker import (
    CARD,
    DESKTOP_FILES,
    ExportMarker,
    files_below,
    read_marker,
    write_marker,
)
from vidcurate.store.markers import EXPORT_MARKER
from vidcurate.store.storage import Location, Remote, map_names, put


def link_files(names: Sequence[str], source: Location, building: Location) -> None:
    """Link files of the data set under their names in the export, without copying their bytes.

    Raises UsageError for a file that someone removed.
    """

    def link_one(name: str) -> None:
        target = building / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not (source / target.name).exists():
            raise UsageError(
                f"{source / target.name} was removed from the data set: remove {source.parent} "
                "too, and it is made again"
            )
        # An object may be another run's; a folder is always built from nothing.
        if isinstance(target, Remote) or not target.exists():
            link(source / target.name, target)

    map_names(link_one, names, source)


def put_objects(building: Path, out: Remote, marker: ExportMarker, names: Iterable[str]) -> None:
    """Upload shards and card, and remove objects that do not belong to the export.

    `names` are all files of the export; those that are not in `building` are there already.
    """
    write_marker(out, ExportMarker(marker.dataset))
    own = {*names, MANIFEST}
    for name in sorted(own - {CARD}):
        if (building / name).is_file():
            put(building / name, out / name)
    put(building / CARD, out / CARD)
    for name in out.below().keys() - own - {EXPORT_MARKER}:
        (out / name).unlink(missing_ok=True)
    write_marker(out, marker)


def require_folder(out: Path) -> None:
    """Check that a folder can be built next to this one and replace it; raises UsageError."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file: name a folder as out")
    if out.is_mount():
        raise UsageError(f"{out} is a mount point, and cannot be replaced: name a folder inside it")
    parent = next(p for p in out.parents if p.exists())
    if not os.access(parent, os.W_OK | os.X_OK):
        raise UsageError(f"no permission to write to {parent}: {out.name} cannot be written there")


def put_in_place(building: Path, out: Path, dataset: str) -> str:
    """Replace an export by the finished folder, and remove the files of the old one.

    Returns a message about what was put into the old one while it was replaced, and stays.
    """
    old = out.with_name(f".{out.name}.{uuid4().hex[:8]}.old")
    if out.exists():
        if read_marker(out) is None:
            write_marker(out, ExportMarker(dataset))
        try:
            out.rename(old)
        except OSError as error:
            # A folder of an overlay's lower layer cannot be renamed.
            if error.errno != errno.EXDEV:
                raise
            remove_written(out)
    try:
        building.rename(out)
    except OSError:
        if old.exists():
            old.rename(out)
        raise
    if not old.exists() or remove_written(old):
        return ""
    return f"; {old} keeps what was put into the old export meanwhile"


def remove_written(folder: Path) -> bool:
    """Remove what an export wrote, its marker last; returns whether nothing else was there.

    After a kill the rest is still recognised.
    """
    marker = read_marker(folder)
    names = read_manifest(folder, marker.manifest) if marker and marker.finished else {}
    found = files_below(folder)
    others = [n for n in found if n not in names and n not in (MANIFEST, EXPORT_MARKER)]
    for name in names:
        (folder / name).unlink(missing_ok=True)
    remove_empty_folders(folder)
    if others:
        return False
    for name in (*DESKTOP_FILES, MANIFEST, EXPORT_MARKER):
        (folder / name).unlink(missing_ok=True)
    folder.rmdir()
    return True


def remove_empty_folders(folder: Path) -> None:
    """Remove the folders below a folder that hold no file, or what a desktop left there."""
    for at, _, files in os.walk(folder, topdown=False):
        inside = Path(at)
        if inside == folder:
            continue
        if DESKTOP_FILES.issuperset(files):
            for name in files:
                (inside / name).unlink(missing_ok=True)
        if not any(inside.iterdir()):
            inside.rmdir()


def tidy(out: Path, dataset: str) -> None:
    """Remove or restore what killed runs of this data set left next to its export.

    Between taking the old export away and putting the new one in its place, neither is there.
    """
    for left in unfinished_folders(out, dataset):
        if left.suffix == ".partial":
            shutil.rmtree(left, ignore_errors=True)
        elif not out.exists():
            left.rename(out)
        else:
            remove_written(left)


def unfinished_folders(out: Path, dataset: str) -> list[Path]:
    """List the folders that killed runs of this data set left next to its export."""
    pattern = re.compile(rf"\.{re.escape(out.name)}\.[0-9a-f]{{8}}\.(partial|old)")
    siblings = sorted(out.parent.iterdir()) if out.parent.is_dir() else []
    return [left for left in siblings if pattern.fullmatch(left.name) and belongs_to(left, dataset)]


def belongs_to(folder: Path, dataset: str) -> bool:
    """Check whether a folder has the marker of a data set, or was only just created."""
    marker = read_marker(folder)
    return marker.dataset == dataset if marker else folder.is_dir() and not any(folder.iterdir())
