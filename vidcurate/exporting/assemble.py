"""The finished data set, built beside its place from tables and clip files, and moved there."""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pyarrow as pa

from vidcurate.errors import LossError, quantity
from vidcurate.exporting.card import Contents, data_card
from vidcurate.exporting.files import link_files, put_in_place, put_objects, require_folder, tidy
from vidcurate.exporting.losses import find_losses, read_export
from vidcurate.exporting.marker import (
    CARD,
    ExportMarker,
    check_replaceable,
    finished_marker,
    write_marker,
)
from vidcurate.exporting.table import clip_pieces, exported_clips, videos_by_name
from vidcurate.exporting.targets.parquet import write_shards
from vidcurate.records import KEYFRAMES
from vidcurate.stage import DatasetView
from vidcurate.store.storage import Location, Remote


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What the finished data set is to be; `out` is None where it lies in the data set."""

    out: Path | None = None
    has_files: bool = True
    embed_bytes: bool = False
    rows_per_shard: int = 10_000


def check_folders(request: ExportRequest, view: DatasetView) -> None:
    """Check that the folder can be replaced, before any work; raises UsageError."""
    out = out_folder(request, view)
    if isinstance(out, Path):
        require_folder(out)
    check_replaceable(out, view.dataset_id)


def out_folder(request: ExportRequest, view: DatasetView) -> Location:
    """Return where the finished data set lies; a link to it stays one."""
    out = request.out or view.root / "export"
    return out if isinstance(out, Remote) else out.resolve()


def assemble(request: ExportRequest, view: DatasetView) -> str:
    """Build the finished data set next to its place, then move it there in one step.

    In object storage there is no such step: files are put over those of the same name, the card
    last, and then those that are left over go. Raises LossError where the export that is there
    holds more, unless that is allowed, and UsageError where something else lies in its place.
    """
    out = out_folder(request, view)
    dataset = view.dataset_id
    assert dataset is not None
    if isinstance(out, Path):
        tidy(out, dataset)
    check_replaceable(out, dataset)
    lost = refuse_loss(request, view, out)
    totals = Contents()
    if isinstance(out, Remote):
        with TemporaryDirectory() as folder:
            marker = build(request, view, totals, Path(folder), out)
            put_objects(Path(folder), out, marker)
    else:
        build_and_swap(request, view, totals, out)
    return f"{quantity(totals.n_clips, 'clip')} in {out} (data/*.parquet, {CARD}){lost}"


def refuse_loss(request: ExportRequest, view: DatasetView, out: Location) -> str:
    """Describe what a new export would lose of the present one, to be added to a message.

    Raises LossError for a loss that nobody asked for, unless that is allowed.
    """
    old = read_export(out)
    if old is None:
        return ""
    clips = exported_clips(view, videos_by_name(view))["clip_id"]
    columns = next(clip_pieces(view, source_paths=not request.has_files)).column_names
    found = find_losses(old, clips, columns, view)
    if str(found) and not view.allows_loss:
        raise LossError(
            f"{out} stays as it is: a new export would lose {found}; see vidcurate status "
            f"-d {view.root}, or add --allow-loss"
        )
    parts = (
        [f"{quantity(found.intended, 'clip')} of the previous export no longer kept"]
        if found.intended
        else []
    )
    parts += [f"lost: {found}"] if str(found) else []
    return "".join(f"; {part}" for part in parts)


def build_and_swap(request: ExportRequest, view: DatasetView, totals: Contents, out: Path) -> None:
    """Build a folder next to its place and swap it in."""
    building = out.with_name(f".{out.name}.{uuid4().hex[:8]}.partial")
    dataset = str(view.dataset_id)
    try:
        write_marker(building, ExportMarker(dataset))
        write_marker(building, build(request, view, totals, building, building))
        # Much may have been put there since the run began.
        check_replaceable(out, dataset)
        put_in_place(building, out, dataset)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def build(
    request: ExportRequest, view: DatasetView, totals: Contents, building: Path, media: Location
) -> ExportMarker:
    """Write shards and card into a folder; the files that their rows name go to `media`.

    Returns the mark that the folder gets when it is in its place.
    """
    pieces = clip_pieces(view, source_paths=not request.has_files)
    with_files = link_pieces(pieces, totals, view, media)
    embedded = media if request.embed_bytes else None
    write_shards(with_files, building / "data", request.rows_per_shard, embedded)
    card = data_card(totals, view.funnel(), view.provenance())
    (building / CARD).write_text(card, "utf-8")
    return finished_marker(
        building, str(view.dataset_id), clips=totals.n_clips, captions=totals.n_captions
    )


def link_pieces(
    pieces: Iterable[pa.Table], totals: Contents, view: DatasetView, building: Location
) -> Iterator[pa.Table]:
    """Yield the same pieces, counted, with their files linked into the finished data set."""
    for clips in pieces:
        totals.add(clips)
        link_files([n for n in clips["file_name"].to_pylist() if n], view.files, building)
        if view.has(KEYFRAMES):
            images = [k["file_name"] for row in clips["keyframes"].to_pylist() for k in row or ()]
            link_files(images, view.files_of(KEYFRAMES), building)
        yield clips
