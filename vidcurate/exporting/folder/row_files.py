"""The files that rows of the table name, put under these names into an export."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.exporting.folder.files import link_files
from vidcurate.exporting.folder.manifest import FileEntry, KnownHashes
from vidcurate.store.storage import Location, Remote

CLIPS_FOLDER, KEYFRAMES_FOLDER = "clips", "keyframes"


@dataclass(frozen=True)
class RowFiles:
    """Where the files lie that rows name, by the first part of their names, and where they go.

    `placed` are those that were put into a bucket, which is not read back.
    """

    sources: Mapping[str, Location]
    to: Location
    known: KnownHashes
    placed: dict[str, str] = field(default_factory=dict)

    def put(self, clips: pa.Table) -> None:
        """Put the files of some rows in their places.

        Raises UsageError for one that someone removed from the data set.
        """
        rows = clips.select(["file_name", "sha256", "wav_file_name"]).to_pylist()
        hashes = {row["file_name"]: row["sha256"] for row in rows if row["file_name"]}
        sounds = [row["wav_file_name"] for row in rows if row["wav_file_name"]]
        link_files([*hashes, *sounds], self.sources[CLIPS_FOLDER], self.to)
        stills = still_names(clips)
        link_files(stills, self.sources[KEYFRAMES_FOLDER], self.to) if stills else None
        if isinstance(self.to, Path):
            for name, sha256 in hashes.items():
                self.known.add(self.to / name, sha256)
        else:
            self.placed.update({**dict.fromkeys((*stills, *sounds), ""), **hashes})

    def entries(self) -> Iterator[FileEntry]:
        """Yield an entry for each file in a bucket."""
        if self.placed and isinstance(self.to, Remote):
            sizes = self.to.below()
            for name in sorted(self.placed):
                yield FileEntry(name, sizes[name].st_size, self.placed[name])


def still_names(clips: pa.Table) -> list[str]:
    """List the stills that rows name."""
    if "keyframes" not in clips.column_names:
        return []
    names: list[str] = pc.struct_field(pc.list_flatten(clips["keyframes"]), "file_name").to_pylist()
    return names
