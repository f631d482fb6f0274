"""The manifest of an export: each of its files with size and hash, so that a change shows."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from vidcurate.errors import UsageError
from vidcurate.exporting.folder.links import link
from vidcurate.store.markers import EXPORT_MARKER
from vidcurate.store.storage import Location

# Begins with a dot, as readers of data sets pass over such files.
MANIFEST = ".vidcurate-manifest.jsonl"
CHUNK_BYTES = 1 << 20
# Text and Parquet hardly change without another end; sound and pictures are the data set's own.
END_BYTES = 1 << 16


class FileEntry(msgspec.Struct, frozen=True, gc=False):
    """One file of an export; a struct, since a million of them are read three times as fast.

    `sha256` is "" for a still or a sound in a bucket, which is copied there unread. `end` is a hash
    of its size and last bytes, by which a change shows quickly; "" for clips, which are judged by
    their size.
    """

    name: str
    bytes: int
    sha256: str
    end: str = ""


@dataclass(frozen=True)
class Previous:
    """The export that stands where a new one is to be, and what it says of its files."""

    folder: Path
    entries: Mapping[str, FileEntry]

    def keep(self, name: str, target: Path) -> FileEntry | None:
        """Give a file of the previous export one more name; None if it is no longer as written."""
        entry = self.entries.get(name)
        source = self.folder / name
        if entry is None or source.is_symlink() or not source.is_file():
            return None
        if source.stat().st_size != entry.bytes or file_sha256(source) != entry.sha256:
            return None
        target.parent.mkdir(parents=True, exist_ok=True)
        link(source, target)
        return entry


@dataclass(frozen=True)
class KnownHashes:
    """Hashes of files that were hashed before they came into the export, with their `end`."""

    hashes: dict[Path, tuple[str, str]] = field(default_factory=dict)

    def add(self, file: Path, sha256: str, end: str = "") -> None:
        """Remember the hash of a file."""
        self.hashes[file] = (sha256, end)

    def rename(self, file: Path, name: str) -> None:
        """Rename a file in its folder, and remember its hash under the new name."""
        renamed = file.rename(file.with_name(name))
        if file in self.hashes:
            self.hashes[renamed] = self.hashes.pop(file)


def entries_of(
    folder: Path, known: KnownHashes, previous: Previous | None = None
) -> Iterator[FileEntry]:
    """Yield an entry for each file below a folder, in the order of names.

    A file that is in the previous export too, by the same name and number, is not read again.
    """
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if name in (EXPORT_MARKER, MANIFEST):
            continue
        size = path.stat().st_size
        old = previous.entries.get(name) if previous else None
        if path in known.hashes:
            yield FileEntry(name, size, *known.hashes[path])
        elif previous and old and is_same_file(path, previous.folder / name, old):
            yield old
        else:
            yield FileEntry(name, size, file_sha256(path), end_hash(path))


def is_same_file(path: Path, other: Path, entry: FileEntry) -> bool:
    """Check whether two names are one file, of the size of an entry."""
    return (
        other.is_file()
        and not other.is_symlink()
        and path.samefile(other)
        and path.stat().st_size == entry.bytes
    )


def reuse_unchanged(folder: Path, entries: Iterable[FileEntry], previous: Previous) -> None:
    """Put the previous export's own file where a new one has the same bytes.

    So it keeps its inode and time, and nothing that watches or copies the folder sees a change.
    """
    for entry in entries:
        new, old = folder / entry.name, previous.entries.get(entry.name)
        if old is None or old.sha256 != entry.sha256:
            continue
        if is_same_file(new, previous.folder / entry.name, entry):
            continue
        beside = new.with_name(f".{new.name}.kept")
        if previous.keep(entry.name, beside):
            beside.replace(new)


def write_manifest(folder: Location, entries: Iterable[FileEntry]) -> str:
    """Write the manifest of a folder, one JSON object a line; returns its SHA-256."""
    encoder = msgspec.json.Encoder()
    content = b"".join(encoder.encode(entry) + b"\n" for entry in entries)
    (folder / MANIFEST).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def read_manifest(folder: Location, sha256: str) -> dict[str, FileEntry]:
    """Read the manifest of a folder; raises UsageError where it is not the one of that hash."""
    try:
        content = (folder / MANIFEST).read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{folder / MANIFEST} is missing, which says what the export is") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UsageError(f"{folder / MANIFEST} was changed, so what the export wrote is not known")
    return parse_manifest(content)


def parse_manifest(content: bytes) -> dict[str, FileEntry]:
    """Map the names of a manifest's content to their entries."""
    entries = msgspec.json.Decoder(FileEntry).decode_lines(content)
    return {entry.name: entry for entry in entries}


def file_sha256(file: Location) -> str:
    """Hash a file's content."""
    found = hashlib.sha256()
    with file.open("rb") as content:
        while piece := content.read(CHUNK_BYTES):
            found.update(piece)
    return found.hexdigest()


def end_hash(file: Location) -> str:
    """Hash a file's size and last bytes."""
    size = file.stat().st_size
    with file.open("rb") as content:
        content.seek(max(0, size - END_BYTES))
        end = content.read()
    return hashlib.sha256(b"%d " % size + end).hexdigest()[:16]
