"""export: the kept clips as files and Parquet shards, with a data card."""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal
from uuid import uuid4

import pyarrow as pa
from pydantic import field_validator, model_validator

from vidcurate.errors import LossError, quantity
from vidcurate.exporting.card import Contents, data_card
from vidcurate.exporting.files import link_all, put_in_place, put_objects, require_folder, tidy
from vidcurate.exporting.losses import losses, read_export
from vidcurate.exporting.marker import (
    CARD,
    Mark,
    finished_mark,
    refuse_what_is_not_ours,
    write_mark,
)
from vidcurate.exporting.table import SCORES, TEXTS, clip_pieces, exported_clips, videos_by_name
from vidcurate.exporting.targets.parquet import write_shards
from vidcurate.media.io.content import video_path
from vidcurate.records import (
    CLIPS,
    EXPORTS,
    KEPT,
    KEYFRAMES,
    SCANS,
    SOURCES,
    VERIFIED,
    VIDEOS,
    Clip,
    ExportedClip,
    Video,
)
from vidcurate.stage import (
    Cost,
    DatasetView,
    Finish,
    Lookup,
    MapStage,
    StageConfig,
    Version,
    Workspace,
    option,
)
from vidcurate.store.storage import Location, Remote, location

PRESETS = Literal["ultrafast", "veryfast", "fast", "medium", "slow", "veryslow"]


class ExportConfig(StageConfig):
    """What the finished data set holds, and where it lies."""

    media: Literal["none", "copy", "encode"] = option(
        "encode",
        "Clip files: none; encoded, exact to the frame; copied without loss, where the clip begins "
        "and ends at keyframes",
    )
    inexact: Literal["encode", "refuse", "keep"] = option(
        "encode",
        "copy: a clip between whose keyframes it goes on is encoded, refused, or copied with "
        "the frames before and after it, also of other shots, as lead_s and tail_s say",
    )
    crf: int = option(18, "encode: H.264 quality, lower is better", ge=0, le=51)
    preset: PRESETS = option("medium", "encode: slower gives smaller files")
    audio: bool = option(True, "Keep the video's sound; copy encodes what MP4 cannot hold")
    audio_kbit: int = option(192, "encode: AAC bit rate", unit="kbit/s", ge=16, le=512)
    verify: bool = option(
        True, "Decode every clip file, and leave out those that break a promise", neutral=True
    )
    embed_bytes: bool = option(False, "Put the clip files into the Parquet too", neutral=True)
    rows_per_shard: int = option(10_000, "Clips in one Parquet file", neutral=True, ge=1)
    out: Path | None = option(
        None, "Folder of the finished data set; none is `export` in the data set", neutral=True
    )

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

    @model_validator(mode="after")
    def bytes_are_there(self) -> "ExportConfig":
        """Only clips that were written can be embedded."""
        if self.embed_bytes and self.media == "none":
            raise ValueError("embed_bytes needs clip files: set media to copy or encode")
        return self


def export(
    clips: Sequence[Clip], config: ExportConfig, _tool: None, workspace: Workspace
) -> Iterator[list[ExportedClip]]:
    """The file of each clip, cut from the source; no file with media none.

    Raises MediaError where the source cannot be read or the file is not as promised.
    """
    for clip in clips:
        video = workspace.lookup(VIDEOS)[clip.video_id]
        if config.media == "none":
            yield [without_file(clip, video)]
        else:
            path = video_path(workspace.lookup(SOURCES)[clip.video_id])
            offsets = workspace.lookup(SCANS)[clip.video_id].clock_offsets
            yield [cut(path, video, clip, config, workspace.files, offsets)]


def without_file(clip: Clip, video: Video) -> ExportedClip:
    """A clip that stays a span of its source."""
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


def cut(
    path: Path,
    video: Video,
    clip: Clip,
    config: ExportConfig,
    folder: Path,
    offsets: Sequence[int],
) -> ExportedClip:
    """Write one clip's file."""
    from vidcurate.media.output.cutting import CutOptions, cut_clip

    assert config.media != "none"
    options = CutOptions(
        mode=config.media,
        inexact=config.inexact,
        crf=config.crf,
        preset=config.preset,
        audio=config.audio,
        audio_kbit=config.audio_kbit,
    )
    name = f"{clip.clip_id}.mp4"
    written = cut_clip(path, video, clip, options, folder / name, offsets)
    is_copy = written.media == "copy"
    shown = (
        (video.display_width, video.display_height) if is_copy else (written.width, written.height)
    )
    return ExportedClip(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        media=written.media,
        file=name,
        size_bytes=written.size_bytes,
        sha256=written.sha256,
        start_s=written.start_s,
        duration_s=written.duration_s,
        n_frames=written.n_frames,
        lead_s=written.lead_s,
        lead_frames=written.lead_frames,
        tail_s=written.tail_s,
        tail_frames=written.tail_frames,
        width=written.width,
        height=written.height,
        pixel_aspect=video.pixel_aspect if is_copy else Fraction(1),
        display_width=shown[0],
        display_height=shown[1],
        is_interlaced=is_copy and video.is_interlaced,
        is_hdr=is_copy and video.is_hdr,
        has_audio=written.has_audio,
    )


def is_verified(config: ExportConfig) -> bool:
    """Whether only clips whose files were verified are in the finished data set."""
    return config.verify and config.media != "none"


def can_export(config: ExportConfig, _others: Mapping[str, StageConfig]) -> str | None:
    """Name a missing encoder before any work; raises MissingToolError.

    Gives the reason where the first ffmpeg that is found cannot be used.
    """
    from vidcurate.media.output.cutting import ffmpeg_for

    if config.media == "none":
        return None
    tool = ffmpeg_for("copy" if config.media == "copy" and config.inexact != "encode" else "encode")
    return f"{tool.refused}: {tool.path} is used instead" if tool.refused else None


def can_write(config: ExportConfig, view: DatasetView) -> None:
    """Name a folder that cannot be replaced, before any work; raises UsageError."""
    out = out_folder(config, view)
    if isinstance(out, Path):
        require_folder(out)
    refuse_what_is_not_ours(out, view.dataset_id)


def out_folder(config: ExportConfig, view: DatasetView) -> Location:
    """Where the finished data set lies; a link to it stays one."""
    out = config.out or view.root / "export"
    return out if isinstance(out, Remote) else out.resolve()


def assemble(config: ExportConfig, view: DatasetView) -> str:
    """Build the finished data set beside its place, then put it there in one step.

    In object storage there is no such step: files are put over those of the same name, the card
    last, and then those that are left over go. Raises LossError where the export that is there
    holds more, unless that is allowed, and UsageError where something else lies in its place.
    """
    out = out_folder(config, view)
    dataset = view.dataset_id
    assert dataset is not None
    if isinstance(out, Path):
        tidy(out, dataset)
    refuse_what_is_not_ours(out, dataset)
    lost = refuse_loss(config, view, out)
    held = Contents()
    if isinstance(out, Remote):
        with TemporaryDirectory() as folder:
            mark = build(config, view, held, Path(folder), out)
            put_objects(Path(folder), out, mark)
    else:
        build_beside(config, view, held, out)
    return f"{quantity(held.n_clips, 'clip')} in {out} (data/*.parquet, {CARD}){lost}"


def refuse_loss(config: ExportConfig, view: DatasetView, out: Location) -> str:
    """What the export that is there has and a new one would not, in words to be added to others.

    Raises LossError for what nobody has asked to lose, unless that is allowed.
    """
    old = read_export(out)
    if old is None:
        return ""
    clips = exported_clips(view, videos_by_name(view))["clip_id"]
    columns = next(clip_pieces(view, source_paths=config.media == "none")).column_names
    found = losses(old, clips, columns, view)
    if str(found) and not view.allows_loss:
        raise LossError(
            f"{out} stays as it is: a new export would lose {found}; see vidcurate status "
            f"-d {view.root}, or add --allow-loss"
        )
    parts = (
        [f"{quantity(found.wished, 'clip')} of the export before no longer kept"]
        if found.wished
        else []
    )
    parts += [f"lost: {found}"] if str(found) else []
    return "".join(f"; {part}" for part in parts)


def build_beside(config: ExportConfig, view: DatasetView, held: Contents, out: Path) -> None:
    """Build a folder beside its place and swap it in."""
    building = out.with_name(f".{out.name}.{uuid4().hex[:8]}.partial")
    dataset = str(view.dataset_id)
    try:
        write_mark(building, Mark(dataset))
        write_mark(building, build(config, view, held, building, building))
        # Much may have been put there since the run began.
        refuse_what_is_not_ours(out, dataset)
        put_in_place(building, out, dataset)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def build(
    config: ExportConfig, view: DatasetView, held: Contents, building: Path, media: Location
) -> Mark:
    """Shards and card in a folder; the files that their rows name go to `media`.

    Returns the mark that the folder gets when it is in its place.
    """
    pieces = clip_pieces(view, source_paths=config.media == "none")
    with_files = linked(pieces, held, view, media)
    embedded = media if config.embed_bytes else None
    write_shards(with_files, building / "data", config.rows_per_shard, embedded)
    card = data_card(held, view.funnel(), view.provenance())
    (building / CARD).write_text(card, "utf-8")
    return finished_mark(
        building, str(view.dataset_id), clips=held.n_clips, captions=held.n_captions
    )


def linked(
    pieces: Iterable[pa.Table], held: Contents, view: DatasetView, building: Location
) -> Iterator[pa.Table]:
    """The same pieces, each counted, and its files linked into the finished data set."""
    for clips in pieces:
        held.add(clips)
        link_all([n for n in clips["file_name"].to_pylist() if n], view.files, building)
        if view.has(KEYFRAMES):
            stills = [k["file_name"] for row in clips["keyframes"].to_pylist() for k in row or ()]
            link_all(stills, view.files_of(KEYFRAMES), building)
        yield clips


def longest(clip: Clip, _config: ExportConfig) -> float:
    """Seconds after which a clip is taken to be stuck; ffmpeg has an hour of its own for it."""
    return 2 * 3600 + 10 * clip.duration_s


EXPORT = MapStage(
    name="export",
    summary="Write the kept clips as files and Parquet, with a data card.",
    reads=KEPT,
    writes=EXPORTS,
    config=ExportConfig,
    run=export,
    lookups=(Lookup(SOURCES), Lookup(VIDEOS), Lookup(SCANS, decides=False)),
    check=can_export,
    rows_per_part=16,
    cost=Cost(advice="a quicker export.preset, or export.media copy or none", time_limit=longest),
    finish=Finish(
        run=assemble,
        check=can_write,
        lookups=(
            Lookup(CLIPS),
            *(Lookup(table, required=False) for table in SCORES),
            Lookup(KEYFRAMES, required=False),
            *(Lookup(table, required=False) for table in TEXTS),
            Lookup(VERIFIED, when=is_verified),
        ),
    ),
    version=Version(number=3),
)
