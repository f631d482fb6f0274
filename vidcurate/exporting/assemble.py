"""The finished data set, built beside its place from tables and clip files, and moved there."""

import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.errors import (
    EmptyResultError,
    ExportFaultError,
    LossError,
    UsageError,
    quantity,
)
from vidcurate.exporting.folder.files import put_in_place, put_objects, require_folder, tidy
from vidcurate.exporting.folder.hub import check_hub, push
from vidcurate.exporting.folder.losses import (
    CLIP_LIST,
    ExportContents,
    ListedClip,
    find_losses,
    read_export,
)
from vidcurate.exporting.folder.manifest import (
    FileEntry,
    KnownHashes,
    Previous,
    end_hash,
    entries_of,
    file_sha256,
    read_manifest,
    reuse_unchanged,
    write_manifest,
)
from vidcurate.exporting.folder.marker import (
    CARD,
    ExportMarker,
    check_replaceable,
    read_marker,
    refuse_nested,
    write_marker,
)
from vidcurate.exporting.folder.row_files import CLIPS_FOLDER, KEYFRAMES_FOLDER, RowFiles
from vidcurate.exporting.tables.card import Contents, data_card
from vidcurate.exporting.tables.croissant import CROISSANT, croissant
from vidcurate.exporting.tables.samples import listed, samples_of
from vidcurate.exporting.tables.table import SPLITS, clip_pieces, exported_clips, videos_by_name
from vidcurate.exporting.tables.videos import video_pieces
from vidcurate.exporting.target import Bundle, Sample, Target, TargetOptions
from vidcurate.exporting.targets import folder_name
from vidcurate.exporting.targets.parquet import VIDEOS_FOLDER
from vidcurate.exporting.training import Training
from vidcurate.records import CAPTIONS, KEYFRAMES
from vidcurate.stage import DatasetView
from vidcurate.store.storage import Location, Remote, get

MAX_REASONS = 3


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What the finished data set is to be.

    `training` is what clip files were made for; `out` is None where it lies in the data set.
    """

    targets: tuple[Target, ...]
    training: Training
    out: Path | None = None
    has_files: bool = True
    options: TargetOptions = field(default_factory=TargetOptions)


@dataclass(frozen=True)
class Clips:
    """The exported clips and their videos, as the data set has them now."""

    view: DatasetView
    videos: pa.Table
    clips: pa.Table
    source_paths: bool

    def pieces(self, clips: pa.Table) -> Iterator[pa.Table]:
        """Yield the rows of some of the clips, in their order."""
        return clip_pieces(self.view, self.videos, clips, source_paths=self.source_paths)

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns of the table."""
        return next(self.pieces(self.clips.slice(0, 0))).schema


@dataclass(frozen=True)
class Job:
    """One target's export in the making: `taken` clips in their order, and what became of all."""

    request: ExportRequest
    target: Target
    out: Location
    found: Clips
    taken: pa.Table
    judged: Sequence[ListedClip]
    previous: Previous | None

    @property
    def splits(self) -> list[str]:
        """The splits that have clips; the first one where there is no clip."""
        present = set(pc.unique(self.taken["split"]).to_pylist())
        return [split for split in SPLITS if split in present] or [SPLITS[0]]


def check_folders(request: ExportRequest, view: DatasetView) -> None:
    """Check that the export can be written, before any work; raises UsageError."""
    if view.push_to is not None:
        check_push(request, view)
    for target, out in out_folders(request, view):
        if target.needs_captions and not view.has(CAPTIONS):
            raise UsageError(
                f"{target.name} needs captions, and no clip has one: "
                f"make them first, by vidcurate caption -d {view.root}"
            )
        if isinstance(out, Path):
            require_folder(out)
        elif not target.of_rows:
            raise UsageError(f"{target.name} is written to a disk: name a folder there as out")
        refuse_nested(out)
        check_replaceable(out, view.dataset_id)


def check_push(request: ExportRequest, view: DatasetView) -> None:
    """Check that an export can be uploaded to a hub; raises UsageError."""
    check_hub(str(view.push_to), dry_run=view.dry_run)
    folders = [out for _, out in out_folders(request, view)]
    if len(folders) > 1:
        raise UsageError("--push-to takes one export: name one target")
    if isinstance(folders[0], Remote):
        raise UsageError("--push-to uploads from a disk: name a folder there as out")


def out_folders(request: ExportRequest, view: DatasetView) -> list[tuple[Target, Location]]:
    """List the targets, each with the folder where it lies; a link to a folder stays one."""
    found: list[tuple[Target, Location]] = []
    for target in request.targets:
        if request.out is None:
            out = view.root / folder_name(target.name)
        else:
            out = request.out if len(request.targets) == 1 else request.out / target.name
        found.append((target, out if isinstance(out, Remote) else out.resolve()))
    return found


def assemble(request: ExportRequest, view: DatasetView) -> str:
    """Build each target's folder next to its place, then move all of them there.

    Until all are built and read back, what was there stays as it was. In object storage there is no
    such step: files are put over those of the same name, the card last, and then those that are
    left over go. Raises LossError where an export that is there holds more, unless that is allowed,
    UsageError where something else lies in its place, EmptyResultError where a target takes no
    clip, and ExportFaultError where a target does not read what was written.
    """
    dataset = view.dataset_id
    assert dataset is not None
    videos = videos_by_name(view)
    found = Clips(view, videos, exported_clips(view, videos), not request.has_files)
    jobs: list[Job] = []
    lost: list[str] = []
    for target, out in out_folders(request, view):
        if isinstance(out, Path):
            tidy(out, dataset)
        check_replaceable(out, dataset)
        old = read_export(out)
        lost.append(refuse_loss(found, out, old))
        jobs.append(plan_job(request, target, out, found, old))
    with ExitStack() as last:
        built = [build_beside(job, last) for job in jobs]
        kept = [place(job, *parts) for job, parts in zip(jobs, built, strict=True)]
    lines = [
        summary(job, lost_here) + left
        for job, lost_here, left in zip(jobs, lost, kept, strict=True)
    ]
    if view.push_to is not None:
        [folder] = [job.out for job in jobs]
        assert isinstance(folder, Path)
        lines.append(push(folder, view.push_to, dry_run=view.dry_run))
    return "\n".join(lines)


def refuse_loss(found: Clips, out: Location, old: ExportContents | None) -> str:
    """Describe what a new export would lose of the present one, to be added to a message.

    Raises LossError for a loss that nobody asked for, unless that is allowed.
    """
    if old is None:
        return ""
    view = found.view
    losses = find_losses(old, found.clips["clip_id"], found.schema.names, view)
    if str(losses) and not view.allows_loss:
        raise LossError(
            f"{out} stays as it is: a new export would lose {losses}; see vidcurate status "
            f"-d {view.root}, or add --allow-loss"
        )
    parts = (
        [f"{quantity(losses.intended, 'clip')} of the previous export no longer kept"]
        if losses.intended
        else []
    )
    parts += [f"lost: {losses}"] if str(losses) else []
    return "".join(f"; {part}" for part in parts)


def plan_job(
    request: ExportRequest,
    target: Target,
    out: Location,
    found: Clips,
    old: ExportContents | None,
) -> Job:
    """Choose the clips that a target takes, in the order in which they are written.

    Raises EmptyResultError where there is none.
    """
    judged = () if target.of_rows else judge(request, target, found)
    taken = found.clips
    if judged:
        taken = taken.filter(pa.array([not clip.left_out for clip in judged]))
    if old is not None and isinstance(out, Path):
        taken = after(old, taken)
    return Job(request, target, out, found, taken, judged, previous_of(out))


def judge(request: ExportRequest, target: Target, found: Clips) -> Sequence[ListedClip]:
    """Say of each clip whether a target takes it, and if not, why.

    Raises EmptyResultError where it takes none.
    """
    samples = samples_of(found.pieces(found.clips), target, request.training)
    splits = found.clips["split"].to_pylist()
    judged = [listed(sample, target, split) for sample, split in zip(samples, splits, strict=True)]
    if all(clip.left_out for clip in judged):
        remedy = ""
        if target.needs_captions and not any(clip.has_caption for clip in judged):
            remedy = f"; make captions first, by vidcurate caption -d {found.view.root}"
        raise EmptyResultError(
            f"{target.name} would hold none of {quantity(len(judged), 'clip')}: "
            f"{reasons_of(judged)}{remedy}"
        )
    return judged


def after(old: ExportContents, clips: pa.Table) -> pa.Table:
    """Put clips that an export has in its order, and new ones behind them.

    Where some of its clips are gone no file could stay as it is, and the order is by video and
    time again.
    """
    before = old.clips["clip_id"].combine_chunks()
    if not pc.all(pc.is_in(before, value_set=clips["clip_id"].combine_chunks())).as_py():
        return clips
    place = pc.index_in(clips["clip_id"], value_set=before).combine_chunks()
    order = pc.array_sort_indices(pc.fill_null(place, len(before)))
    return clips.take(order)


def previous_of(out: Location) -> Previous | None:
    """Return the finished export that lies in a folder on a disk."""
    marker = read_marker(out)
    if marker is None or not marker.finished or not isinstance(out, Path):
        return None
    return Previous(out, read_manifest(out, marker.manifest))


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
        schema=job.found.schema,
        view=job.found.view,
        split=split,
        has_own_folder=has_own,
        list_tables=pieces,
        list_videos=partial(video_pieces, job.found.view, job.found.videos, of_split),
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


def place(job: Job, building: Path, marker: ExportMarker, entries: Sequence[FileEntry]) -> str:
    """Move an export to its place; returns what else a user should know."""
    if isinstance(job.out, Remote):
        put_objects(building, job.out, marker, [entry.name for entry in entries])
        return ""
    write_marker(building, marker)
    # Much may have been put there since the run began.
    check_replaceable(job.out, marker.dataset)
    return put_in_place(building, job.out, marker.dataset)


def summary(job: Job, lost: str) -> str:
    """Describe a finished export in a line."""
    left_out = [clip for clip in job.judged if clip.left_out]
    missing = (
        f"; {quantity(len(left_out), 'clip')} left out ({reasons_of(left_out)}), named in "
        f"{CLIP_LIST}"
        if left_out
        else ""
    )
    what = "data/*.parquet, " if job.target.name == "parquet" else ""
    return f"{quantity(job.taken.num_rows, 'clip')} in {job.out} ({what}{CARD}){missing}{lost}"


def reasons_of(clips: Sequence[ListedClip]) -> str:
    """Say how many clips are left out for which reasons, the most frequent first."""
    counts = Counter(clip.left_out for clip in clips)
    named = [f"{n} × {why}" for why, n in counts.most_common(MAX_REASONS)]
    others = counts.total() - sum(n for _, n in counts.most_common(MAX_REASONS))
    return ", ".join([*named, *([f"{others} for other reasons"] if others else [])])
