"""One folder of an export: filled by its target, described, listed, and read back."""

import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.errors import (
    ExportFaultError,
    quantity,
)
from vidcurate.exporting.folder.losses import (
    CLIP_LIST,
    ListedClip,
)
from vidcurate.exporting.folder.manifest import (
    FileEntry,
    KnownHashes,
    Previous,
    end_hash,
    entries_of,
    file_sha256,
    reuse_unchanged,
    write_manifest,
)
from vidcurate.exporting.folder.marker import (
    CARD,
    ExportMarker,
    write_marker,
)
from vidcurate.exporting.folder.row_files import CLIPS_FOLDER, KEYFRAMES_FOLDER, RowFiles
from vidcurate.exporting.job import Job
from vidcurate.exporting.tables.card import Contents, data_card
from vidcurate.exporting.tables.croissant import CROISSANT, croissant
from vidcurate.exporting.tables.films import list_films
from vidcurate.exporting.tables.samples import samples_of
from vidcurate.exporting.tables.table import SPLITS
from vidcurate.exporting.tables.videos import video_pieces
from vidcurate.exporting.target import Bundle, Sample, Target, no_subtitles
from vidcurate.exporting.targets.parquet import FILMS_FOLDER, VIDEOS_FOLDER
from vidcurate.records import KEYFRAMES
from vidcurate.store.storage import Location, Remote, get


def build_beside(job: Job, last: ExitStack) -> tuple[Path, ExportMarker, list[FileEntry]]:
    """Build an export next to its place, or in a temporary folder; removed when the stack closes.

    Returns the folder, the mark that it gets in its place, and its files.
    """
    dataset = str(job.found.view.dataset_id)
    if isinstance(job.out, Remote):
        building = Path(last.enter_context(TemporaryDirectory()))
    else:
        building = marked_folder(job.out, dataset, last)
    return (building, *build(job, building, last))


def marked_folder(out: Path, dataset: str, last: ExitStack) -> Path:
    """Make a folder next to an export, removed when the stack closes or, after a kill, by a run."""
    folder = out.with_name(f".{out.name}.{uuid4().hex[:8]}.partial")
    last.callback(shutil.rmtree, folder, ignore_errors=True)
    write_marker(folder, ExportMarker(dataset))
    return folder


def build(job: Job, building: Path, last: ExitStack) -> tuple[ExportMarker, list[FileEntry]]:
    """Fill a folder, read it back, and list its files; raises ExportFaultError."""
    view, target = job.found.view, job.target
    known = KnownHashes()
    files = RowFiles(
        {
            CLIPS_FOLDER: view.files,
            KEYFRAMES_FOLDER: view.files_of(KEYFRAMES) if view.has(KEYFRAMES) else view.files,
        },
        building if isinstance(job.out, Path) else job.out,
        known,
    )
    totals = Contents()
    fetched = fetched_files(view.files, job, last)
    bundles = [bundle_of(job, split, building, files, fetched) for split in job.splits]
    for bundle in bundles:
        counted = bundle
        if target.of_rows:
            counted = counting(bundle, totals)
        target.write(counted)
    if not target.of_rows:
        for piece in job.found.pieces(job.taken):
            totals.add(piece)
        totals.schema = None
        write_clip_list(building, job.judged)
    totals.configs = configs_of(target, bundles)
    card = data_card(totals, view.funnel(), view.provenance())
    (building / CARD).write_text(card, "utf-8")
    for bundle in bundles:
        check_read_back(target, bundle)
    entries = [*entries_of(building, known, job.previous)]
    if totals.configs:
        entries.append(write_croissant(job, building, totals, entries))
    if job.previous is not None:
        reuse_unchanged(building, entries, job.previous)
    entries += files.entries()
    entries.sort(key=lambda entry: entry.name)
    marker = ExportMarker(
        dataset=str(view.dataset_id),
        target=target.name,
        finished=True,
        clips=totals.n_clips,
        captions=totals.n_captions,
        manifest=write_manifest(building, entries),
    )
    return marker, entries


def write_croissant(
    job: Job, building: Path, totals: Contents, entries: Sequence[FileEntry]
) -> FileEntry:
    """Write what the files and tables of an export are, for readers of Croissant."""
    view = job.found.view
    name = safe_name(view.root.name)
    text = croissant(totals, name, str(view.dataset_id), building, entries)
    file = building / CROISSANT
    file.write_text(text, "utf-8")
    return FileEntry(CROISSANT, file.stat().st_size, file_sha256(file), end_hash(file))


def counting(bundle: Bundle, totals: Contents) -> Bundle:
    """Return a bundle that counts the rows of its tables as they are taken."""

    def clips() -> Iterator[pa.Table]:
        for piece in bundle.tables():
            totals.add(piece)
            yield piece

    def videos() -> Iterator[pa.Table]:
        assert bundle.list_videos is not None
        for piece in bundle.list_videos():
            totals.videos_schema = piece.schema
            yield piece

    return replace(bundle, list_tables=clips, list_videos=videos)


def configs_of(target: Target, bundles: Sequence[Bundle]) -> dict[str, dict[str, str]]:
    """Map what readers on hubs load to the files of each split."""
    if not target.data_files:
        return {}
    patterns = {"default": target.data_files}
    if target.of_rows:
        patterns["videos"] = target.data_files.replace("data/", f"{VIDEOS_FOLDER}/", 1)
        for name in bundles[0].list_films:
            patterns[name] = target.data_files.replace("data/", f"{FILMS_FOLDER}/{name}/", 1)
    return {
        name: {bundle.split: pattern.format(split=bundle.split) for bundle in bundles}
        for name, pattern in patterns.items()
    }


def bundle_of(
    job: Job, split: str, building: Path, files: RowFiles, fetched: "FetchedFiles"
) -> Bundle:
    """Make the folder of one split, for the target to fill."""
    of_split = job.taken.filter(pc.equal(job.taken["split"], split))
    has_own = not (job.target.names_splits or job.splits == [SPLITS[0]])
    within = split if has_own else ""
    out = job.out if isinstance(job.out, Path) else building
    pieces = partial(job.found.pieces, of_split)
    root = building / within
    root.mkdir(parents=True, exist_ok=True)
    return Bundle(
        root=root,
        out=out / within,
        name=safe_name(job.found.view.root.name),
        training=job.request.training,
        options=job.request.options,
        list_samples=lambda: samples_of(pieces(), job.target, job.request.training),
        clip_file=fetched.clip,
        sound_file=fetched.sound,
        subtitles=job.found.subtitles.texts if job.found.subtitles else no_subtitles,
        schema=job.found.schema,
        view=job.found.view,
        split=split,
        has_own_folder=has_own,
        list_tables=pieces,
        list_videos=partial(video_pieces, job.found.view, job.found.videos, of_split),
        list_films=list_films(job.found.view, of_split) if job.request.options.films else {},
        row_files=files,
        previous=previous_within(job.previous, within),
        known=files.known,
    )


def safe_name(name: str) -> str:
    """Return a folder's name with ASCII letters, digits, `_` and `-` only."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_") or "clips"


def previous_within(previous: Previous | None, within: str) -> Previous | None:
    """Return the part of the previous export that lies in a folder of it."""
    if previous is None or not within:
        return previous
    start = f"{within}/"
    entries = {
        name.removeprefix(start): msgspec.structs.replace(entry, name=name.removeprefix(start))
        for name, entry in previous.entries.items()
        if name.startswith(start)
    }
    return Previous(previous.folder / within, entries)


@dataclass(frozen=True)
class FetchedFiles:
    """The clip files of a data set on a disk: its own, or in `folder` as they are asked for."""

    source: Location
    folder: Path | None

    def clip(self, sample: Sample) -> Path:
        """Return where a clip's file lies."""
        return self.path(sample.row["file_name"])

    def sound(self, sample: Sample) -> Path | None:
        """Return where a clip's sound lies; None where it has no file of its own."""
        name = sample.row["wav_file_name"]
        return self.path(name) if name else None

    def path(self, file_name: str) -> Path:
        """Return where a file lies that a row names."""
        name = Path(file_name).name
        if isinstance(self.source, Path):
            return self.source / name
        assert self.folder is not None
        file = self.folder / name
        if not file.exists():
            get(self.source / name, file)
        return file


def fetched_files(source: Location, job: Job, last: ExitStack) -> FetchedFiles:
    """Give the clip files of the data set, those of a bucket by a folder beside the export."""
    if isinstance(source, Path) or not isinstance(job.out, Path):
        return FetchedFiles(source, None)
    return FetchedFiles(source, marked_folder(job.out, str(job.found.view.dataset_id), last))


def check_read_back(target: Target, bundle: Bundle) -> None:
    """Read a written folder as the trainer does, and compare; raises ExportFaultError."""
    try:
        pairs = Counter(target.read(bundle))
    except ValueError as fault:
        raise ExportFaultError(f"{target.name} cannot read what was written: {fault}") from fault
    given = Counter(given_pairs(target, bundle))
    if pairs == given:
        return
    wrong = chain((given - pairs).items(), (pairs - given).items())
    stem, caption = next(wrong)[0]
    raise ExportFaultError(
        f"{target.name} reads {quantity(pairs.total(), 'clip')} of {given.total()} written, or "
        f"others: {stem} with the caption {caption[:80]!r} is in one and not in the other"
    )


def given_pairs(target: Target, bundle: Bundle) -> Iterator[tuple[str, str]]:
    """Yield each clip that was written with its caption."""
    if not target.of_rows:
        yield from ((sample.stem, sample.caption) for sample in bundle.samples())
        return
    for piece in bundle.tables():
        for row in piece.select(["clip_id", "caption"]).to_pylist():
            yield row["clip_id"], row["caption"] or ""


def write_clip_list(folder: Path, clips: Sequence[ListedClip]) -> None:
    """Write what became of each clip, one JSON object a line."""
    encoder = msgspec.json.Encoder()
    content = b"".join(encoder.encode(clip) + b"\n" for clip in clips)
    (folder / CLIP_LIST).write_bytes(content)
