"""The marker of an export: whose data set a folder is, and which files in it are the export's."""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from vidcurate.errors import UsageError
from vidcurate.store.atomic import write_text
from vidcurate.store.markers import EXPORT_MARKER, LAYOUT, refuse_other_layout
from vidcurate.store.storage import Location, Remote
from vidcurate.store.table import arrow_source

CARD = "README.md"
SHARD = re.compile(r"data/train-\d{5}-of-\d{5}\.parquet")
# In object storage a run that was killed leaves files that no shard and no mark names.
CLIP_FILE_NAME = re.compile(r"(clips|keyframes)/[0-9a-f]{16}[\w.-]*-\d+[\w.-]*\.\w+")
# Files that desktops leave in every folder that they show.
DESKTOP_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
# A Parquet file ends with where its columns lie, so that hardly a change leaves its end as it was.
END_BYTES = 1 << 16
MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class ExportMarker:
    """What an export's file `EXPORT_MARKER` says about it.

    `dataset` is the id of the data set that it is of. `files` are card and shards, each with a hash
    by which a change shows; what else belongs to an export its shards name. Of one that is not
    `finished` the files are not known.
    """

    dataset: str
    finished: bool = False
    clips: int = 0
    captions: int = 0
    files: Mapping[str, str] = field(default_factory=dict)


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


def finished_marker(folder: Path, dataset: str, *, clips: int, captions: int) -> ExportMarker:
    """Make the marker of an export that lies complete in a folder."""
    shards = sorted(f"data/{shard.name}" for shard in (folder / "data").iterdir())
    files = {name: end_hash(folder / name) for name in (CARD, *shards)}
    return ExportMarker(dataset, finished=True, clips=clips, captions=captions, files=files)


def end_hash(file: Location) -> str:
    """Hash a file's size and last bytes."""
    size = file.stat().st_size
    with file.open("rb") as content:
        content.seek(max(0, size - END_BYTES))
        end = content.read()
    return hashlib.sha256(b"%d " % size + end).hexdigest()[:16]


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
        more = f" and {len(foreign) - MAX_NAMED} more" if len(foreign) > MAX_NAMED else ""
        raise UsageError(
            f"{out} holds what its export did not write: {', '.join(foreign[:MAX_NAMED])}"
            f"{more}; move it away, or name another folder as out"
        )


def foreign_files(out: Location, marker: ExportMarker, files: Mapping[str, int]) -> Iterator[str]:
    """Yield files of a marked folder that the export did not write or that were changed since."""
    if not marker.finished:
        yield from (n for n in files if n not in (EXPORT_MARKER, CARD) and not is_export_name(n))
        return
    ours: dict[str, int | None] = {EXPORT_MARKER: None}
    for name, known in marker.files.items():
        if name in files and known == end_hash(out / name):
            ours[name] = None
            if name != CARD:
                ours |= files_in_shard(out / name)
    for name, size in files.items():
        if name in ours and ours[name] in (None, size):
            continue
        if isinstance(out, Remote) and name not in marker.files and is_export_name(name):
            continue
        yield f"{name} (changed)" if name in ours or name in marker.files else name


def is_export_name(name: str) -> bool:
    """Check whether a file has a name that an export gives."""
    return bool(SHARD.fullmatch(name) or CLIP_FILE_NAME.fullmatch(name))


def files_in_shard(shard: Location) -> dict[str, int | None]:
    """Map the files that a shard's rows name to their sizes, None where rows state no size."""
    with pq.ParquetFile(arrow_source(shard)) as file:
        wanted = {"file_name", "size_bytes", "keyframes"} & set(file.schema_arrow.names)
        rows = file.read(sorted(wanted))
    if not {"file_name", "size_bytes"} <= wanted:
        return {}
    names: dict[str, int | None] = dict(
        zip(rows["file_name"].to_pylist(), rows["size_bytes"].to_pylist(), strict=True)
    )
    if "keyframes" in wanted:
        images = pc.struct_field(pc.list_flatten(rows["keyframes"]), "file_name")
        names |= dict.fromkeys(images.to_pylist())
    return names


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
