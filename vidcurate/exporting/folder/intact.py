"""Whether an export still is what was written, by its own manifest and without its data set."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from vidcurate.errors import UsageError
from vidcurate.exporting.folder.manifest import MANIFEST, FileEntry, file_sha256, read_manifest
from vidcurate.exporting.folder.marker import files_below, read_marker
from vidcurate.store.markers import EXPORT_MARKER
from vidcurate.store.storage import Location

# What the tools of a hub add to a copy of an export.
OF_HUB_TOOLS = (".gitattributes", ".git/", ".cache/")
# Hashing releases the interpreter's lock, and a disk or a bucket answers several at once.
THREADS = 4


@dataclass(frozen=True, slots=True)
class ExportCheck:
    """What was found in an export's folder: how much its manifest lists, and what differs."""

    n_files: int
    n_bytes: int
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    additional: tuple[str, ...]

    @property
    def is_intact(self) -> bool:
        """Whether nothing differs."""
        return not (self.missing or self.changed or self.additional)


def check_export(folder: Location) -> ExportCheck:
    """Compare every file of an export with its manifest, by size and SHA-256.

    Raises UsageError for a folder that is no finished export, or whose manifest is gone or changed.
    """
    marker = read_marker(folder)
    if marker is None:
        raise UsageError(f"{folder} is no export: it has no {EXPORT_MARKER} that can be read")
    if not marker.finished:
        raise UsageError(f"{folder} is not finished: run the export that writes it again")
    entries = read_manifest(folder, marker.manifest)
    found = files_below(folder)
    with ThreadPoolExecutor(THREADS) as threads:
        differs = threads.map(lambda e: is_changed(folder, e, found), entries.values())
        changed = [name for name, differ in zip(entries, differs, strict=True) if differ]
    known = {*entries, MANIFEST, EXPORT_MARKER}
    return ExportCheck(
        n_files=len(entries),
        n_bytes=sum(entry.bytes for entry in entries.values()),
        missing=tuple(sorted(entries.keys() - found.keys())),
        changed=tuple(sorted(changed)),
        additional=tuple(n for n in sorted(found) if n not in known and not is_of_hub_tools(n)),
    )


def is_changed(folder: Location, entry: FileEntry, found: Mapping[str, int]) -> bool:
    """Check whether a file that is there is another than the one that was written."""
    file = folder / entry.name
    if entry.name not in found:
        return False
    # A hub's cache holds links to files, which count as these.
    if not file.exists() or file.stat().st_size != entry.bytes:
        return True
    return bool(entry.sha256) and file_sha256(file) != entry.sha256


def is_of_hub_tools(name: str) -> bool:
    """Check whether a file is one that the tools of a hub add."""
    return name.startswith(OF_HUB_TOOLS)
