"""Which files hold one content: those whose samples are equal are read whole before it is said.

A video is named by a sample of its content, so that a first look at a library reads three MiB a
video. A file's size, time and inode are its appearance. While a sample has one appearance it needs
no closer look. Where a second comes (the file was written anew, copied or moved, or another file
has an equal sample), hashes of all the content decide: a content that is known keeps its id, any
other is named by its whole hash. The hash of a video that was scanned was taken then.
"""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.media.io.content import SAMPLED_WHOLE
from vidcurate.pipeline.discovery.sources import UNREAD, live_files, rows_in_order, write_files
from vidcurate.pipeline.inputs import FOUND
from vidcurate.records import FILES, SCANS, SOURCES, FoundFile
from vidcurate.store.dataset import Dataset, Shelf
from vidcurate.store.digests import sha256_of
from vidcurate.store.storage import folders_in, location
from vidcurate.wording import quantity

READ_AT_ONCE = 4
FILES_PER_COMMIT = 64

Appearance = tuple[int | None, int | None, int | None]


@dataclass
class Alike:
    """What is known of the files that have one sample: which content each appearance stands for.

    `contents` maps whole hashes to ids.
    """

    sample: str
    known: dict[Appearance, str] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    undecided: list[FoundFile] = field(default_factory=list)

    @property
    def to_read(self) -> list[FoundFile]:
        """The files that must be read whole, the one that has the sample's id first."""
        others = [f for f in self.undecided if self.known.get(appearance(f)) is None]
        if not others or self.sample in self.contents.values():
            return others
        return [f for f in self.undecided if appearance(f) in self.known][:1] + others

    @property
    def recognised(self) -> list[FoundFile]:
        """The files that look as one which was read whole, and is named by that."""
        names = ((f, self.known.get(appearance(f))) for f in self.undecided)
        return [decided(f, name, None) for f, name in names if name not in {None, self.sample}]

    def decide(self, file: FoundFile, sha256: str) -> FoundFile:
        """The same file, named by all its content."""
        fresh = hashlib.sha256(f"{self.sample} {sha256}".encode()).hexdigest()[:16]
        content = self.contents.get(sha256) or self.known.get(appearance(file)) or fresh
        self.contents[sha256] = content
        return decided(file, content, sha256)


def appearance(file: FoundFile) -> Appearance:
    """By what a file is known to be the same without reading it."""
    return file.size_bytes, file.mtime_ns, file.inode


def decided(file: FoundFile, content: str, sha256: str | None) -> FoundFile:
    """A file with the id of its content."""
    file_id = f"{file.file_id}-{(sha256 or content)[:8]}"
    return replace(file, file_id=file_id, content=content, sha256=sha256)


def tell_apart(
    dataset: Dataset,
    sources: Shelf,
    note: Callable[[str], None],
    is_stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Read whole what has an equal sample and is not known; returns how many files were decided.

    They are then to be ingested once more, under the ids that were found.
    """
    groups = alike(dataset, sources)
    shelf = dataset.shelf(FILES, FOUND)
    n_reads = sum(len(group.to_read) for group in groups)
    if n_reads:
        what = quantity(n_reads, "file")
        note(f"ingest: reading {what} whole, as a known video looks the same or was written again")
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
                write_files(shelf, waiting)
                n_decided += len(waiting)
                waiting = []
    write_files(shelf, waiting)
    return n_decided + len(waiting)


@dataclass(frozen=True, slots=True)
class Read:
    """The hash of a whole file, or why there is none."""

    sha256: str = ""
    fault: str = ""


def read_whole(file: FoundFile) -> Read:
    """Read a file to its end."""
    try:
        return Read(sha256_of(location(file.path)))
    except OSError as error:
        return Read(fault=f"cannot read the file: {error.strerror}")


def unread(file: FoundFile, read: Read) -> FoundFile:
    """A file that cannot be told from another; it is found anew the next time."""
    return replace(file, file_id=f"{file.file_id}-{UNREAD}", fault=read.fault)


def alike(dataset: Dataset, sources: Shelf) -> list[Alike]:
    """The files that have one sample and more than one appearance, where any is undecided."""
    rows = sources.read(["file_id", "sample"], SOURCES.schema)
    counts = pc.value_counts(rows["sample"].combine_chunks())
    several = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    if not len(several):
        return []
    rows = rows.filter(pc.is_in(rows["sample"], value_set=several))
    sample_of = dict(zip(rows["file_id"].to_pylist(), rows["sample"].to_pylist(), strict=True))
    groups: dict[str, Alike] = {}
    for file in rows_in_order(dataset.shelf(FILES, FOUND)):
        sample = sample_of.get(file.file_id)
        if sample is None or not is_sampled(file):
            continue
        group = groups.setdefault(sample, Alike(sample))
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


def is_sampled(file: FoundFile) -> bool:
    """Whether a file is so large that its sample leaves some of it out.

    Of those taken in by earlier versions, which noted no size, nothing is known.
    """
    return (file.size_bytes or 0) > SAMPLED_WHOLE


def add_scanned(dataset: Dataset, sources: Shelf, groups: dict[str, Alike]) -> None:
    """Add the contents whose hashes were taken when they were scanned."""
    if not groups:
        return
    rows = sources.read(["video_id", "sample"], SOURCES.schema)
    rows = rows.filter(pc.is_in(rows["sample"], value_set=pa.array(list(groups), pa.string())))
    sample_of = dict(zip(rows["video_id"].to_pylist(), rows["sample"].to_pylist(), strict=True))
    for folder in folders_in(dataset.root / SCANS.name):
        scans = Shelf(folder).read(["video_id", "source_sha256"], SCANS.schema).to_pylist()
        for scan in scans:
            if scan["video_id"] in sample_of and scan["source_sha256"]:
                group = groups[sample_of[scan["video_id"]]]
                group.contents.setdefault(scan["source_sha256"], scan["video_id"])
