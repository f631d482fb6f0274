"""Which folder is the export of a data set, and what lies in it that the export did not write."""

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
OF_CLIPS = re.compile(r"(clips|keyframes)/[0-9a-f]{16}[\w.-]*-\d+[\w.-]*\.\w+")
# Files that desktops leave in every folder that they show.
OF_DESKTOPS = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
# A Parquet file ends with where its columns lie, so that hardly a change leaves its end as it was.
END_BYTES = 1 << 16
NAMED_AT_MOST = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """What an export says of itself in its file `EXPORT_MARKER`.

    `dataset` is the id of the data set that it is of. `files` are card and shards, each with a hash
    by which a change shows; what else belongs to an export its shards name. Of one that is not
    `finished` the files are not known.
    """

    dataset: str
    finished: bool = False
    clips: int = 0
    captions: int = 0
    files: Mapping[str, str] = field(default_factory=dict)


def read_mark(folder: Location) -> Mark | None:
    """The mark of a folder; None where there is none, or none that can be read.

    Raises UsageError for the export of another version.
    """
    try:
        found = json.loads((folder / EXPORT_MARKER).read_text("utf-8"))
        if found.pop("kind") != "export":
            return None
        refuse_other_layout(found.pop("vidcurate"), folder)
        return Mark(**found)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_mark(folder: Location, mark: Mark) -> None:
    """Mark a folder."""
    text = json.dumps({"vidcurate": LAYOUT, "kind": "export", **asdict(mark)}, indent=2) + "\n"
    write_text(folder / EXPORT_MARKER, text)


def finished_mark(folder: Path, dataset: str, *, clips: int, captions: int) -> Mark:
    """The mark of an export that lies complete in a folder."""
    shards = sorted(f"data/{shard.name}" for shard in (folder / "data").iterdir())
    files = {name: end_hash(folder / name) for name in (CARD, *shards)}
    return Mark(dataset, finished=True, clips=clips, captions=captions, files=files)


def end_hash(file: Location) -> str:
    """A hash of a file's size and end."""
    size = file.stat().st_size
    with file.open("rb") as content:
        content.seek(max(0, size - END_BYTES))
        end = content.read()
    return hashlib.sha256(b"%d " % size + end).hexdigest()[:16]


def refuse_what_is_not_ours(out: Location, dataset: str | None) -> None:
    """Pass if a folder may be replaced by an export of a data set: an earlier one, or nothing.

    Raises UsageError that names what else is there.
    """
    there = files_below(out)
    if not there:
        return
    mark = read_mark(out)
    if mark is None or mark.dataset != dataset:
        whose = "another data set's" if mark else f"such as {min(there)}"
        raise UsageError(
            f"{out} holds other things than an export of this data set ({whose}): "
            "name a new or an empty folder as out"
        )
    foreign = sorted(not_written(out, mark, there))
    if foreign:
        more = f" and {len(foreign) - NAMED_AT_MOST} more" if len(foreign) > NAMED_AT_MOST else ""
        raise UsageError(
            f"{out} holds what its export did not write: {', '.join(foreign[:NAMED_AT_MOST])}"
            f"{more}; move it away, or name another folder as out"
        )


def not_written(out: Location, mark: Mark, there: Mapping[str, int]) -> Iterator[str]:
    """The files of a marked folder that were not written with it, or were changed since."""
    if not mark.finished:
        yield from (n for n in there if n not in (EXPORT_MARKER, CARD) and not is_named_as_ours(n))
        return
    ours: dict[str, int | None] = {EXPORT_MARKER: None}
    for name, known in mark.files.items():
        if name in there and known == end_hash(out / name):
            ours[name] = None
            if name != CARD:
                ours |= files_named(out / name)
    for name, size in there.items():
        if name in ours and ours[name] in (None, size):
            continue
        if isinstance(out, Remote) and name not in mark.files and is_named_as_ours(name):
            continue
        yield f"{name} (changed)" if name in ours or name in mark.files else name


def is_named_as_ours(name: str) -> bool:
    """Whether a file has a name that an export gives."""
    return bool(SHARD.fullmatch(name) or OF_CLIPS.fullmatch(name))


def files_named(shard: Location) -> dict[str, int | None]:
    """The files that a shard's rows name, each with its size where they say it."""
    with pq.ParquetFile(arrow_source(shard)) as file:
        wanted = {"file_name", "size_bytes", "keyframes"} & set(file.schema_arrow.names)
        rows = file.read(sorted(wanted))
    if not {"file_name", "size_bytes"} <= wanted:
        return {}
    names: dict[str, int | None] = dict(
        zip(rows["file_name"].to_pylist(), rows["size_bytes"].to_pylist(), strict=True)
    )
    if "keyframes" in wanted:
        stills = pc.struct_field(pc.list_flatten(rows["keyframes"]), "file_name")
        names |= dict.fromkeys(stills.to_pylist())
    return names


def files_below(folder: Location) -> dict[str, int]:
    """All that lies in a folder, by names from there, with sizes; a link to a folder is a file."""
    if isinstance(folder, Remote):
        return {name: facts.st_size for name, facts in folder.below().items()}
    found: dict[str, int] = {}
    for at, folders, files in os.walk(folder):
        links = [name for name in folders if Path(at, name).is_symlink()]
        for name in (*files, *links):
            if name not in OF_DESKTOPS:
                path = Path(at, name)
                found[path.relative_to(folder).as_posix()] = path.lstat().st_size
    return found
