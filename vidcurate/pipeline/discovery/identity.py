"""Decides which files have the same content; files with equal samples are read whole.

A video's id is a hash of a sample of its content, so that a first look at a library reads three
MiB of each video. A file's size, time and inode are its appearance. A sample with one appearance
needs no closer look. Where a second appears (the file was rewritten, copied or moved, or another
file has an equal sample), hashes of the whole content decide: known content keeps its id, any
other gets an id from its whole hash. Scanned videos were hashed by the scan.
"""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.errors import quantity
from vidcurate.media.io.content import SAMPLED_WHOLE
from vidcurate.pipeline.discovery.found_files import UNREAD, live_files, rows_in_order, write_files
from vidcurate.pipeline.scope import FOUND
from vidcurate.records import FILES, SCANS, SOURCES, FoundFile
from vidcurate.store.dataset import Dataset, StoredTable
from vidcurate.store.digests import sha256_of
from vidcurate.store.storage import list_folders, location

READ_AT_ONCE = 4
FILES_PER_COMMIT = 64

Appearance = tuple[int | None, int | None, int | None]


@dataclass
class SampleGroup:
    """The files with one sample, and the known content of each appearance.

    `contents` maps whole hashes to ids.
    """

    sample: str
    known: dict[Appearance, str] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    undecided: list[FoundFile] = field(default_factory=list)

    @property
    def to_read(self) -> list[FoundFile]:
        """The files that must be read whole, the one with the sample's id first."""
        others = [f for f in self.undecided if self.known.get(appearance(f)) is None]
        if not others or self.sample in self.contents.values():
            return others
        return [f for f in self.undecided if appearance(f) in self.known][:1] + others

    @property
    def recognised(self) -> list[FoundFile]:
        """The files with the appearance of one that was read whole, with its id."""
        names = ((f, self.known.get(appearance(f))) for f in self.undecided)
        return [decided(f, name, None) for f, name in names if name not in {None, self.sample}]

    def decide(self, file: FoundFile, sha256: str) -> FoundFile:
        """The file with an id by its whole content."""
        fresh = hashlib.sha256(f"{self.sample} {sha256}".encode()).hexdigest()[:16]
        content = self.contents.get(sha256) or self.known.get(appearance(file)) or fresh
        self.contents[sha256] = content
        return decided(file, content, sha256)


def appearance(file: FoundFile) -> Appearance:
    """What identifies a file without reading it."""
    return file.size_bytes, file.mtime_ns, file.inode


def decided(file: FoundFile, content: str, sha256: str | None) -> FoundFile:
    """A file with the id of its content."""
    file_id = f"{file.file_id}-{(sha256 or content)[:8]}"
    return replace(file, file_id=file_id, content=content, sha256=sha256)


def separate_contents(
    dataset: Dataset,
    sources: StoredTable,
    note: Callable[[str], None],
    is_stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Read files with equal samples whole; returns how many files got an id by their content.

    They must be ingested once more under these ids.
    """
    groups = ambiguous_groups(dataset, sources)
    stored = dataset.stored(FILES, FOUND)
    n_reads = sum(len(group.to_read) for group in groups)
    if n_reads:
        what = quantity(n_reads, "file")
        note(
            f"ingest: reading {what} whole, since a known video looks the same or was written again"
        )
    n_decided = 0
    waiting: list[FoundFile] = []
    with ThreadPoolExecutor(READ_AT_ONCE) as threads:
        for group in groups:
            if is_stopped():
                break
            files = group.to_read
            for file, read in zip(files, threads.map(read_whole, files), strict=True):
                waiting.append(
                    unread(file, read) if read.fault else group.decide(file, read.sha256)
                )
            waiting += group.recognised
            if len(waiting) >= FILES_PER_COMMIT:
                write_files(stored, waiting)
                n_decided += len(waiting)
                waiting = []
    write_files(stored, waiting)
    return n_decided + len(waiting)


@dataclass(frozen=True, slots=True)
class WholeHash:
    """The hash of a whole file, or why there is none."""

    sha256: str = ""
    fault: str = ""


def read_whole(file: FoundFile) -> WholeHash:
    """Hash a whole file."""
    try:
        return WholeHash(sha256_of(location(file.path)))
    except OSError as error:
        return WholeHash(fault=f"cannot read the file: {error.strerror}")


def unread(file: FoundFile, read: WholeHash) -> FoundFile:
    """A file that could not be read whole; the next run looks at it again."""
    return replace(file, file_id=f"{file.file_id}-{UNREAD}", fault=read.fault)


def ambiguous_groups(dataset: Dataset, sources: StoredTable) -> list[SampleGroup]:
    """The files with one sample and several appearances, where any is undecided."""
    rows = sources.read(["file_id", "sample"], SOURCES.schema)
    counts = pc.value_counts(rows["sample"].combine_chunks())
    several = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    if not len(several):
        return []
    rows = rows.filter(pc.is_in(rows["sample"], value_set=several))
    sample_of = dict(zip(rows["file_id"].to_pylist(), rows["sample"].to_pylist(), strict=True))
    groups: dict[str, SampleGroup] = {}
    for file in rows_in_order(dataset.stored(FILES, FOUND)):
        sample = sample_of.get(file.file_id)
        # The sample of a smaller file holds all of it.
        if sample is None or (file.size_bytes or 0) <= SAMPLED_WHOLE:
            continue
        group = groups.setdefault(sample, SampleGroup(sample))
        if file.content is not None:
            group.known[appearance(file)] = file.content
            if file.sha256:
                group.contents[file.sha256] = file.content
        elif not group.known:
            group.known[appearance(file)] = sample
    for file in live_files(dataset):
        sample = sample_of.get(file.file_id)
        if (
            sample in groups
            and file.content is None
            and file.mtime_ns is not None
            and not file.state
        ):
            groups[sample].undecided.append(file)
    open_ones = {s: g for s, g in groups.items() if g.to_read or g.recognised}
    add_scanned(dataset, sources, open_ones)
    return list(open_ones.values())


def add_scanned(dataset: Dataset, sources: StoredTable, groups: dict[str, SampleGroup]) -> None:
    """Add the contents whose hashes were taken when they were scanned."""
    if not groups:
        return
    rows = sources.read(["video_id", "sample"], SOURCES.schema)
    rows = rows.filter(pc.is_in(rows["sample"], value_set=pa.array(list(groups), pa.string())))
    sample_of = dict(zip(rows["video_id"].to_pylist(), rows["sample"].to_pylist(), strict=True))
    for folder in list_folders(dataset.root / SCANS.name):
        scans = StoredTable(folder).read(["video_id", "source_sha256"], SCANS.schema).to_pylist()
        for scan in scans:
            if scan["video_id"] in sample_of and scan["source_sha256"]:
                group = groups[sample_of[scan["video_id"]]]
                group.contents.setdefault(scan["source_sha256"], scan["video_id"])
