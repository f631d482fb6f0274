"""export: the kept clips as files and Parquet shards, with a data card."""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal
from uuid import uuid4

import pyarrow as pa
from pydantic import field_validator

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
from vidcurate.exporting.table import SCORES, TEXTS, clip_pieces, exported_clips, videos_by_name
from vidcurate.exporting.targets.parquet import write_shards
from vidcurate.media.io.content import video_path
from vidcurate.options import Choice, StageConfig, choice, option
from vidcurate.records import (
    CLIPS,
    EXPORTS,
    KEPT,
    KEYFRAMES,
    PARTITIONS,
    SCANS,
    SOURCES,
    VERIFIED,
    VIDEOS,
    Clip,
    ExportedClip,
    Video,
)
from vidcurate.stage import Cost, DatasetView, Finish, Lookup, MapStage, Version, Workspace
from vidcurate.store.storage import Location, Remote, location

Preset = Literal["ultrafast", "veryfast", "fast", "medium", "slow", "veryslow"]


class NoFiles(Choice):
    """Clips stay spans of their sources."""

    name: Literal["none"] = "none"


class Files(Choice):
    """A file for each clip."""

    crf: int = option(18, "Quality of H.264; lower is better", ge=0, le=51)
    preset: Preset = option("medium", "Speed of the encoder; slower gives smaller files")
    audio: bool = option(True, "Keep the sound")
    audio_kbit: int = option(192, "Bit rate of AAC", unit="kbit/s", ge=16, le=512)
    verify: bool = option(
        True, "Decode every clip file, and leave out clips that fail a check", neutral=True
    )
    embed_bytes: bool = option(False, "Also put the clip files into the Parquet", neutral=True)


class Encode(Files):
    """Encoded files, exact to the frame."""

    name: Literal["encode"] = "encode"


class Copy(Files):
    """Files copied without loss where that is possible."""

    name: Literal["copy"] = "copy"
    inexact: Literal["encode", "refuse", "keep"] = option(
        "encode",
        "What happens to a clip that does not begin and end at keyframes of the video: it is "
        "encoded, refused, or copied with the frames before and after it, also of other shots; "
        "lead_s and tail_s say how much",
    )


class ExportConfig(StageConfig):
    """What the finished data set contains, and where it lies."""

    media: NoFiles | Copy | Encode = choice(
        Encode,
        "Clip files: none; encode: exact to the frame; copy: without loss, where a clip begins and "
        "ends at keyframes of the video",
    )
    rows_per_shard: int = option(10_000, "Clips in one Parquet file", neutral=True, ge=1)
    out: Path | None = option(
        None, "Folder of the finished data set; none is `export` in the data set", neutral=True
    )

    @property
    def embeds_bytes(self) -> bool:
        """Whether the clip files are put into the Parquet too."""
        return isinstance(self.media, Files) and self.media.embed_bytes

    @field_validator("out")
    @classmethod
    def out_is_absolute(cls, out: Path | None) -> Path | None:
        """A later run from another folder writes to the same place.

        Raises ValueError for what is no path: an export in a bucket lies in its data set.
        """
        is_remote = out is not None and isinstance(location(out), Remote)
        if is_remote:
            raise ValueError("out is a folder on a disk: leave it out, and give -d s3://...")
        return None if out is None else out.absolute()


def export(
    clips: Sequence[Clip], config: ExportConfig, _tool: None, workspace: Workspace
) -> Iterator[list[ExportedClip]]:
    """Write the file of each clip, cut from the source; none with media none.

    Raises MediaError where the source cannot be read or the file is not as promised.
    """
    for clip in clips:
        video = workspace.lookup(VIDEOS)[clip.video_id]
        media = config.media
        if isinstance(media, NoFiles):
            yield [row_without_file(clip, video)]
        else:
            path = video_path(workspace.lookup(SOURCES)[clip.video_id])
            offsets = workspace.lookup(SCANS)[clip.video_id].clock_offsets
            yield [write_clip_file(path, video, clip, media, workspace.files, offsets)]


def row_without_file(clip: Clip, video: Video) -> ExportedClip:
    """Make the row of a clip that stays a span of its source."""
    return ExportedClip(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        media="none",
        file=None,
        size_bytes=None,
        sha256=None,
        start_s=clip.start_s,
        duration_s=clip.duration_s,
        n_frames=clip.n_frames,
        lead_s=0.0,
        lead_frames=0,
        tail_s=0.0,
        tail_frames=0,
        width=video.display_width,
        height=video.display_height,
        pixel_aspect=Fraction(1),
        display_width=video.display_width,
        display_height=video.display_height,
        is_interlaced=video.is_interlaced,
        is_hdr=video.is_hdr,
        has_audio=False,
    )


def write_clip_file(
    path: Path,
    video: Video,
    clip: Clip,
    media: Copy | Encode,
    folder: Path,
    offsets: Sequence[int],
) -> ExportedClip:
    """Write one clip's file."""
    from vidcurate.media.output.cut_file import CutOptions
    from vidcurate.media.output.cutting import cut_clip

    options = CutOptions(
        mode=media.name,
        inexact=media.inexact if isinstance(media, Copy) else "encode",
        crf=media.crf,
        preset=media.preset,
        audio=media.audio,
        audio_kbit=media.audio_kbit,
    )
    name = f"{clip.clip_id}.mp4"
    clip_file = cut_clip(path, video, clip, options, folder / name, offsets)
    is_copy = clip_file.media == "copy"
    display_size = (
        (video.display_width, video.display_height)
        if is_copy
        else (clip_file.width, clip_file.height)
    )
    return ExportedClip(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        media=clip_file.media,
        file=name,
        size_bytes=clip_file.size_bytes,
        sha256=clip_file.sha256,
        start_s=clip_file.start_s,
        duration_s=clip_file.duration_s,
        n_frames=clip_file.n_frames,
        lead_s=clip_file.lead_s,
        lead_frames=clip_file.lead_frames,
        tail_s=clip_file.tail_s,
        tail_frames=clip_file.tail_frames,
        width=clip_file.width,
        height=clip_file.height,
        pixel_aspect=video.pixel_aspect if is_copy else Fraction(1),
        display_width=display_size[0],
        display_height=display_size[1],
        is_interlaced=is_copy and video.is_interlaced,
        is_hdr=is_copy and video.is_hdr,
        has_audio=clip_file.has_audio,
    )


def is_verified(config: ExportConfig) -> bool:
    """Check whether only clips with verified files are in the finished data set."""
    return isinstance(config.media, Files) and config.media.verify


def check_encoder(config: ExportConfig, _others: Mapping[str, StageConfig]) -> str | None:
    """Check for the needed encoders before any work; raises MissingToolError.

    Gives the reason where the first ffmpeg that is found cannot be used.
    """
    from vidcurate.media.output.ffmpeg_output import ffmpeg_for

    media = config.media
    if isinstance(media, NoFiles):
        return None
    copies = isinstance(media, Copy) and media.inexact != "encode"
    tool = ffmpeg_for("copy" if copies else "encode")
    return f"{tool.refused}: {tool.path} is used instead" if tool.refused else None


def check_out(config: ExportConfig, view: DatasetView) -> None:
    """Check that the folder can be replaced, before any work; raises UsageError."""
    out = out_folder(config, view)
    if isinstance(out, Path):
        require_folder(out)
    check_replaceable(out, view.dataset_id)


def out_folder(config: ExportConfig, view: DatasetView) -> Location:
    """Return where the finished data set lies; a link to it stays one."""
    out = config.out or view.root / "export"
    return out if isinstance(out, Remote) else out.resolve()


def assemble(config: ExportConfig, view: DatasetView) -> str:
    """Build the finished data set next to its place, then move it there in one step.

    In object storage there is no such step: files are put over those of the same name, the card
    last, and then those that are left over go. Raises LossError where the export that is there
    holds more, unless that is allowed, and UsageError where something else lies in its place.
    """
    out = out_folder(config, view)
    dataset = view.dataset_id
    assert dataset is not None
    if isinstance(out, Path):
        tidy(out, dataset)
    check_replaceable(out, dataset)
    lost = refuse_loss(config, view, out)
    totals = Contents()
    if isinstance(out, Remote):
        with TemporaryDirectory() as folder:
            marker = build(config, view, totals, Path(folder), out)
            put_objects(Path(folder), out, marker)
    else:
        build_and_swap(config, view, totals, out)
    return f"{quantity(totals.n_clips, 'clip')} in {out} (data/*.parquet, {CARD}){lost}"


def refuse_loss(config: ExportConfig, view: DatasetView, out: Location) -> str:
    """Describe what a new export would lose of the present one, to be added to a message.

    Raises LossError for a loss that nobody asked for, unless that is allowed.
    """
    old = read_export(out)
    if old is None:
        return ""
    clips = exported_clips(view, videos_by_name(view))["clip_id"]
    columns = next(clip_pieces(view, source_paths=isinstance(config.media, NoFiles))).column_names
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


def build_and_swap(config: ExportConfig, view: DatasetView, totals: Contents, out: Path) -> None:
    """Build a folder next to its place and swap it in."""
    building = out.with_name(f".{out.name}.{uuid4().hex[:8]}.partial")
    dataset = str(view.dataset_id)
    try:
        write_marker(building, ExportMarker(dataset))
        write_marker(building, build(config, view, totals, building, building))
        # Much may have been put there since the run began.
        check_replaceable(out, dataset)
        put_in_place(building, out, dataset)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def build(
    config: ExportConfig, view: DatasetView, totals: Contents, building: Path, media: Location
) -> ExportMarker:
    """Write shards and card into a folder; the files that their rows name go to `media`.

    Returns the mark that the folder gets when it is in its place.
    """
    pieces = clip_pieces(view, source_paths=isinstance(config.media, NoFiles))
    with_files = link_pieces(pieces, totals, view, media)
    embedded = media if config.embeds_bytes else None
    write_shards(with_files, building / "data", config.rows_per_shard, embedded)
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


def time_limit_s(clip: Clip, _config: ExportConfig) -> float:
    """Return the seconds after which a clip counts as stuck; ffmpeg alone may take an hour."""
    return 2 * 3600 + 10 * clip.duration_s


EXPORT = MapStage(
    name="export",
    summary="Write the kept clips as files and Parquet, with a data card.",
    reads=PARTITIONS,
    writes=EXPORTS,
    config=ExportConfig,
    run=export,
    lookups=(Lookup(SOURCES), Lookup(VIDEOS), Lookup(SCANS, decides=False)),
    check=check_encoder,
    rows_per_part=16,
    cost=Cost(
        advice="a quicker export.preset, or export.media copy or none", time_limit=time_limit_s
    ),
    finish=Finish(
        run=assemble,
        check=check_out,
        lookups=(
            Lookup(CLIPS),
            Lookup(KEPT),
            *(Lookup(table, required=False) for table in SCORES),
            Lookup(KEYFRAMES, required=False),
            *(Lookup(table, required=False) for table in TEXTS),
            Lookup(VERIFIED, when=is_verified),
        ),
    ),
    version=Version(number=3),
)
