"""The finished data set, built beside its place from tables and clip files, and moved there."""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.errors import (
    EmptyResultError,
    LossError,
    UsageError,
    quantity,
)
from vidcurate.exporting.build import build_beside
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
    Previous,
    read_manifest,
)
from vidcurate.exporting.folder.marker import (
    CARD,
    ExportMarker,
    check_replaceable,
    read_marker,
    refuse_nested,
    write_marker,
)
from vidcurate.exporting.folder.subtitles import clip_subtitles
from vidcurate.exporting.job import Clips, ExportRequest, Job
from vidcurate.exporting.tables.films import FILM_TABLES
from vidcurate.exporting.tables.samples import listed, samples_of
from vidcurate.exporting.tables.table import exported_clips, videos_by_name
from vidcurate.exporting.target import Target
from vidcurate.exporting.targets import folder_name
from vidcurate.records import CAPTIONS, DECISIONS
from vidcurate.stage import DatasetView
from vidcurate.store.storage import Location, Remote

MAX_REASONS = 3


def check_folders(request: ExportRequest, view: DatasetView) -> None:
    """Check that the export can be written, before any work; raises UsageError."""
    if request.options.films:
        check_films(request, view)
    if view.push_to is not None:
        check_push(request, view)
    for target, out in out_folders(request, view):
        if target.needs_captions and not (view.has(CAPTIONS) or view.has(DECISIONS)):
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


def check_films(request: ExportRequest, view: DatasetView) -> None:
    """Check that there are tables of whole videos, and a target of tables; raises UsageError."""
    if not any(target.of_rows for target in request.targets):
        raise UsageError("films are tables, which only the target parquet has: name it too")
    if not any(view.has(table) for table in FILM_TABLES.values()):
        raise UsageError(
            "no table of whole videos is here yet: "
            f"`vidcurate outline -d {view.root}` and `vidcurate story` make them"
        )


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
    subtitles = clip_subtitles(view, request.subtitles) if request.subtitles else None
    clips = exported_clips(view, videos)
    found = Clips(view, videos, clips, not request.has_files, subtitles)
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
