"""The files of a finished data set: put where its rows name them, and swapped in as a whole."""

import errno
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import pyarrow.compute as pc
import pyarrow.parquet as pq

from vidcurate.errors import UsageError
from vidcurate.storage import Place, Remote, copy, each, put


def link_all(names: Sequence[str], source: Place, building: Place) -> None:
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

    each(link_one, names, source)


def link(source: Place, target: Place) -> None:
    """One more name for a file; a copy where the file system cannot do that."""
    if isinstance(source, Remote):
        copy(source, target)
        return
    assert isinstance(target, Path)
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            raise
        shutil.copyfile(source, target)


def put_objects(building: Path, out: Remote) -> None:
    """Upload shards and card, and remove what is no part of the finished data set."""
    shards = sorted((building / "data").iterdir())
    kept = {"README.md", *(f"data/{shard.name}" for shard in shards)}
    for shard in shards:
        kept |= files_named(shard)
        put(shard, out / "data" / shard.name)
    put(building / "README.md", out / "README.md")
    for name in out.below().keys() - kept:
        (out / name).unlink(missing_ok=True)


def files_named(shard: Path) -> set[str]:
    """The files that a shard's rows name."""
    with pq.ParquetFile(shard) as file:
        rows = file.read(["file_name", "keyframes"])
    names = set(rows["file_name"].drop_null().to_pylist())
    if "keyframes" in rows.column_names:
        stills = pc.struct_field(pc.list_flatten(rows["keyframes"]), "file_name")
        names.update(stills.to_pylist())
    return names


def put_in_place(building: Path, out: Path) -> None:
    """Swap the finished folder in; the old one goes."""
    building.mkdir(parents=True, exist_ok=True)
    old = out.with_name(f".{out.name}.{uuid4().hex[:8]}.old")
    if out.exists():
        out.rename(old)
    building.rename(out)
    shutil.rmtree(old, ignore_errors=True)
