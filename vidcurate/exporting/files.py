"""The files of a finished data set: put where its rows name them, and swapped in as a whole."""

import errno
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from vidcurate.errors import UsageError
from vidcurate.exporting.marker import CARD, Mark, files_named, read_mark, write_mark
from vidcurate.store.markers import EXPORT_MARKER
from vidcurate.store.storage import Location, Remote, copy, map_names, put


def link_all(names: Sequence[str], source: Location, building: Location) -> None:
    """Files of the data set under their names in the export: the same bytes, not copies.

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
        # What lies in a storage may be another run's; a folder is built anew.
        if isinstance(target, Remote) or not target.exists():
            link(source / target.name, target)

    map_names(link_one, names, source)


def link(source: Location, target: Location) -> None:
    """One more name for a file; a copy where the file system cannot do that."""
    if isinstance(source, Remote):
        copy(source, target)
        return
    assert isinstance(target, Path)
    try:
        os.link(source, target)
    except OSError as error:
        # What a file system says that has no links is its own: nearly every number was seen.
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.ENOENT):
            raise
        shutil.copyfile(source, target)


def put_objects(building: Path, out: Remote, mark: Mark) -> None:
    """Upload shards and card, and remove what is no part of the finished data set."""
    write_mark(out, Mark(mark.dataset))
    kept = {EXPORT_MARKER, CARD}
    for name in sorted(mark.files.keys() - {CARD}):
        kept |= {name, *files_named(building / name)}
        put(building / name, out / name)
    put(building / CARD, out / CARD)
    for name in out.below().keys() - kept:
        (out / name).unlink(missing_ok=True)
    write_mark(out, mark)


def require_folder(out: Path) -> None:
    """Pass if a folder can be built beside this one and put in its place; raises UsageError."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file: name a folder as out")
    if out.is_mount():
        raise UsageError(f"{out} is a mount point, and cannot be replaced: name a folder in it")
    parent = next(p for p in out.parents if p.exists())
    if not os.access(parent, os.W_OK | os.X_OK):
        raise UsageError(f"no permission to write to {parent}, where {out.name} is to lie")


def put_in_place(building: Path, out: Path, dataset: str) -> None:
    """Swap the finished folder in; the old one goes."""
    old = out.with_name(f".{out.name}.{uuid4().hex[:8]}.old")
    if out.exists():
        if read_mark(out) is None:
            write_mark(out, Mark(dataset))
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
    """Remove an export; its mark goes last, so that what a kill leaves of it is known for ours."""
    for inside in folder.iterdir():
        if inside.is_dir() and not inside.is_symlink():
            shutil.rmtree(inside, ignore_errors=True)
        elif inside.name != EXPORT_MARKER:
            inside.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def tidy(out: Path, dataset: str) -> None:
    """Remove what killed runs of this data set left beside its export, or put it back.

    Between taking the old export away and putting the new one in its place, neither is there.
    """
    for left in half_built(out, dataset):
        if left.suffix == ".old" and not out.exists():
            left.rename(out)
        else:
            remove_marked(left)


def half_built(out: Path, dataset: str) -> list[Path]:
    """The folders that killed runs of this data set left beside its export."""
    pattern = re.compile(rf"\.{re.escape(out.name)}\.[0-9a-f]{{8}}\.(partial|old)")
    beside = sorted(out.parent.iterdir()) if out.parent.is_dir() else []
    return [left for left in beside if pattern.fullmatch(left.name) and is_of(left, dataset)]


def is_of(folder: Path, dataset: str) -> bool:
    """Whether a folder is marked as a data set's; one that was begun a moment ago is empty."""
    mark = read_mark(folder)
    return mark.dataset == dataset if mark else folder.is_dir() and not any(folder.iterdir())
