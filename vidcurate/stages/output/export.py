"""export: the kept clips as files and Parquet shards, with a data card."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from vidcurate.exporting.assemble import ExportRequest, assemble, check_folders
from vidcurate.exporting.settings import training_for
from vidcurate.exporting.table import SCORES, TEXTS
from vidcurate.exporting.target import TargetOptions
from vidcurate.media.io.content import video_path
from vidcurate.options import StageConfig
from vidcurate.records import (
    CLIPS,
    EXPORTS,
    KEPT,
    KEYFRAMES,
    SCANS,
    SOURCES,
    STORIES,
    VERIFIED,
    VIDEOS,
    Clip,
    ExportedClip,
    Video,
)
from vidcurate.stage import Cost, DatasetView, Finish, Lookup, MapStage, Version, Workspace
from vidcurate.stages.output.export_options import (
    QUALITIES,
    Copy,
    Encode,
    ExportConfig,
    Files,
    NoFiles,
)


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
        crf=QUALITIES["x264"][0] if media.crf is None else media.crf,
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


def request_of(config: ExportConfig) -> ExportRequest:
    """Return what the finished data set is to be, without how its clip files are made."""
    from vidcurate.exporting.targets import target_of

    targets = [target_of(name) for name in config.target]
    return ExportRequest(
        targets=tuple(targets),
        out=config.out,
        training=training_for(targets, config.asked),
        has_files=isinstance(config.media, Files),
        options=TargetOptions(
            rows_per_shard=config.rows_per_shard, embed_bytes=config.embeds_bytes
        ),
    )


def check_finish(config: ExportConfig, view: DatasetView) -> None:
    """Check that the folders can be replaced, before any work; raises UsageError."""
    check_folders(request_of(config), view)


def finish(config: ExportConfig, view: DatasetView) -> str:
    """Build the finished data set from the clip files; see `assemble`."""
    return assemble(request_of(config), view)


def time_limit_s(clip: Clip, _config: ExportConfig) -> float:
    """Return the seconds after which a clip counts as stuck; ffmpeg alone may take an hour."""
    return 2 * 3600 + 10 * clip.duration_s


EXPORT = MapStage(
    name="export",
    summary="Write the kept clips as files and Parquet, with a data card.",
    reads=KEPT,
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
        run=finish,
        check=check_finish,
        lookups=(
            Lookup(CLIPS),
            *(Lookup(table, required=False) for table in SCORES),
            Lookup(KEYFRAMES, required=False),
            *(Lookup(table, required=False) for table in (*TEXTS, STORIES)),
            Lookup(VERIFIED, when=is_verified),
        ),
    ),
    version=Version(number=3),
)
