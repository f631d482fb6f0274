"""The files of a finished data set: linked to where rows name them, put in place as a whole."""

import errno
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from vidcurate.errors import UsageError
from vidcurate.exporting.links import link
from vidcurate.exporting.marker import CARD, ExportMarker, files_in_shard, read_marker, write_marker
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


def put_objects(building: Path, out: Remote, marker: ExportMarker) -> None:
    """Upload shards and card, and remove objects that do not belong to the export."""
    write_marker(out, ExportMarker(marker.dataset))
    kept = {EXPORT_MARKER, CARD}
    for name in sorted(marker.files.keys() - {CARD}):
        kept |= {name, *files_in_shard(building / name)}
        put(building / name, out / name)
    put(building / CARD, out / CARD)
    for name in out.below().keys() - kept:
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


def put_in_place(building: Path, out: Path, dataset: str) -> None:
    """Replace an export by the finished folder, and remove the old one."""
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
            remove_marked(out)
    building.rename(out)
    if old.exists():
        remove_marked(old)


def remove_marked(folder: Path) -> None:
    """Remove an export, its marker last, so that after a kill the rest is still recognised."""
    for inside in folder.iterdir():
        if inside.is_dir() and not inside.is_symlink():
            shutil.rmtree(inside, ignore_errors=True)
        elif inside.name != EXPORT_MARKER:
            inside.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def tidy(out: Path, dataset: str) -> None:
    """Remove or restore what killed runs of this data set left next to its export.

    Between taking the old export away and putting the new one in its place, neither is there.
    """
    for left in unfinished_folders(out, dataset):
        if left.suffix == ".old" and not out.exists():
            left.rename(out)
        else:
            remove_marked(left)


def unfinished_folders(out: Path, dataset: str) -> list[Path]:
    """List the folders that killed runs of this data set left next to its export."""
    pattern = re.compile(rf"\.{re.escape(out.name)}\.[0-9a-f]{{8}}\.(partial|old)")
    siblings = sorted(out.parent.iterdir()) if out.parent.is_dir() else []
    return [left for left in siblings if pattern.fullmatch(left.name) and belongs_to(left, dataset)]


def belongs_to(folder: Path, dataset: str) -> bool:
    """Check whether a folder has the marker of a data set, or was only just created."""
    marker = read_marker(folder)
    return marker.dataset == dataset if marker else folder.is_dir() and not any(folder.iterdir())
