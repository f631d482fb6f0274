"""export: the kept clips as files and Parquet shards, with a data card."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from vidcurate.clips.grouping import clips_by_video
from vidcurate.errors import MediaError, UsageError
from vidcurate.exporting.assemble import assemble, check_folders
from vidcurate.exporting.job import ExportRequest
from vidcurate.exporting.layouts.questions import read_questions
from vidcurate.exporting.rendition import RenditionOptions
from vidcurate.exporting.settings import rendition_options, training_for
from vidcurate.exporting.tables.table import SCORES, TEXTS
from vidcurate.exporting.target import Target, TargetOptions
from vidcurate.exporting.targets import TARGET_NAMES, target_of
from vidcurate.options import StageConfig, listed
from vidcurate.records import (
    ACCEPTED,
    CLIPS,
    DECISIONS,
    EXPORTS,
    KEPT,
    KEYFRAMES,
    OUTLINES,
    PARTITIONS,
    QUALITY,
    SCANS,
    SOURCES,
    STORIES,
    TRANSCRIPTS,
    VECTORS,
    VERIFIED,
    VIDEOS,
    Clip,
    ExportedClip,
    Video,
)
from vidcurate.stage import Cost, DatasetView, Drop, Finish, Lookup, MapStage, Version, Workspace
from vidcurate.stages.output.export_options import (
    Copy,
    Encode,
    Encoder,
    ExportConfig,
    Files,
    NoFiles,
)
from vidcurate.stages.output.export_shape import SHAPE, crops_bars, open_shape


def export(
    clips: Sequence[Clip], config: ExportConfig, _tool: None, workspace: Workspace
) -> Iterator[list[ExportedClip] | Drop | MediaError]:
    """Write the file of each clip, cut from the source; none with media none.

    Clips that cannot be as the trained model needs them are left out, with the reason; what a
    video's file or a clip of it is at fault for is a MediaError, which harms no other.
    """
    media = config.media
    if isinstance(media, NoFiles):
        for clip in clips:
            yield [row_without_file(clip, workspace.lookup(VIDEOS)[clip.video_id])]
        return
    from vidcurate.stages.output.clip_files import write_clip_files

    rendering = rendering_of(config) if isinstance(media, Encode) else None
    for _, of_video in clips_by_video(clips):
        yield from write_clip_files(
            of_video, media, rendering, workspace, crops_bars=crops_bars(config)
        )


def rendering_of(config: ExportConfig) -> RenditionOptions:
    """Return what clip files are to be like, for all targets; raises UsageError."""
    return rendition_options(targets_of(config), config.asked)


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
        frame_rate=None,
        cut_frames=0,
        crop_left=0,
        crop_top=0,
        crop_width=video.display_width,
        crop_height=video.display_height,
        picture_width=video.display_width,
        picture_height=video.display_height,
        pixel_aspect=Fraction(1),
        display_width=video.display_width,
        display_height=video.display_height,
        is_interlaced=video.is_interlaced,
        is_hdr=video.is_hdr,
        has_audio=False,
    )


def is_verified(config: ExportConfig) -> bool:
    """Check whether only clips with verified files are in the finished data set."""
    return isinstance(config.media, Files) and config.media.verify


def writes_subtitles(config: ExportConfig) -> bool:
    """Check whether the words of clips are written beside their files."""
    return bool(config.subtitle_formats)


def needs_vectors(config: ExportConfig) -> bool:
    """Check whether a target is made of the videos' vectors."""
    return "features" in config.target


def needs_bars(config: ExportConfig) -> bool:
    """Check whether bars must be known, since they are to be cropped in any case."""
    return isinstance(config.media, Encode) and config.media.crop_bars is True


def knows_bars(config: ExportConfig) -> bool:
    """Check whether bars are cropped where they are known: by default, for a trained model."""
    return crops_bars(config) and not needs_bars(config)


def targets_of(config: ExportConfig) -> list[Target]:
    """Return the targets that are written."""
    return [target_of(name) for name in config.target]


def decided_by(config: ExportConfig) -> str:
    """Return what targets, model, shape and rate come to: other ways to the same change no file."""
    if not isinstance(config.media, Encode):
        return ""
    return f"{rendering_of(config)}, bars {crops_bars(config)}{open_shape(config)}"


def check_files(config: ExportConfig, _others: Mapping[str, StageConfig]) -> str | None:
    """Check that the targets can be written with such files, and that the encoders are there.

    Gives the reason where the first ffmpeg that is found cannot be used. Raises UsageError, of
    which MissingToolError is one.
    """
    from vidcurate.media.output.encoders import check_opens
    from vidcurate.media.output.ffmpeg_output import ffmpeg_for

    media, request = config.media, request_of(config)
    for target in request.targets:
        if target.check is not None:
            target.check(request.training, request.options)
    if isinstance(media, NoFiles):
        for target in request.targets:
            if target.needs_files:
                raise UsageError(f"{target.name} needs clip files: set export.media to encode")
        return None
    check_subtitles(config)
    copies = isinstance(media, Copy) and media.inexact != "encode"
    encoder: Encoder = media.encoder if isinstance(media, Encode) else "x264"
    tool = ffmpeg_for("copy" if copies else "encode", encoder)
    check_opens(tool, encoder)
    return f"{tool.refused}: {tool.path} is used instead" if tool.refused else None


def check_subtitles(config: ExportConfig) -> None:
    """Raise UsageError where a target's reader would not expect subtitles beside the clips."""
    if not config.subtitle_formats:
        return
    refusing = [target.name for target in targets_of(config) if not target.takes_subtitles]
    if refusing:
        taking = (name for name in TARGET_NAMES if target_of(name).takes_subtitles)
        raise UsageError(
            f"export.subtitles: {refusing[0]} takes no files beside its clips: "
            f"write them with {listed(list(taking), 'or')}"
        )


def request_of(config: ExportConfig) -> ExportRequest:
    """Return what the finished data set is to be, without how its clip files are made."""
    targets = targets_of(config)
    return ExportRequest(
        targets=tuple(targets),
        out=config.out,
        training=training_for(targets, config.asked),
        has_files=isinstance(config.media, Files),
        subtitles=config.subtitle_formats,
        options=TargetOptions(
            columns=dict(column.split("=", 1) for column in config.columns),
            absolute_paths=config.paths == "absolute",
            questions=read_questions(config.questions),
            all_texts=config.all_texts,
            rows_per_shard=config.rows_per_shard,
            embed_bytes=config.embeds_bytes,
            bytes_per_shard=config.mb_per_shard * 1_000_000,
            arrays=config.arrays,
            components=config.components,
            quantise=config.quantise,
            films=config.films,
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
    summary="Write the kept clips as files, with Parquet or in the layout of a trainer.",
    reads=PARTITIONS,
    narrowed=ACCEPTED,
    writes=EXPORTS,
    config=ExportConfig,
    run=export,
    lookups=(
        Lookup(SOURCES),
        Lookup(VIDEOS),
        Lookup(SCANS, decides=False),
        Lookup(QUALITY, when=needs_bars),
        Lookup(QUALITY, required=False, when=knows_bars),
    ),
    check=check_files,
    settling=SHAPE,
    rows_per_part=16,
    cost=Cost(
        advice="a quicker export.preset, or export.media copy or none", time_limit=time_limit_s
    ),
    finish=Finish(
        run=finish,
        check=check_finish,
        lookups=(
            Lookup(CLIPS),
            Lookup(KEPT),
            *(Lookup(table, required=False) for table in SCORES),
            Lookup(KEYFRAMES, required=False),
            *(Lookup(table, required=False) for table in (*TEXTS, OUTLINES, STORIES)),
            Lookup(DECISIONS, required=False),
            Lookup(VERIFIED, when=is_verified),
            Lookup(VECTORS, when=needs_vectors),
            Lookup(TRANSCRIPTS, when=writes_subtitles),
        ),
    ),
    version=Version(number=4, depends=decided_by),
)
