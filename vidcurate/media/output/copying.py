"""Clip files whose pictures are copied, from the keyframe at or before the clip's start."""

from pathlib import Path
from tempfile import TemporaryDirectory

import ffmpeg

from vidcurate.errors import MediaError
from vidcurate.media.audio.reader import mixed_format, write_span
from vidcurate.media.audio.tracks import track_of
from vidcurate.media.io.container import url
from vidcurate.media.io.ffmpeg import run
from vidcurate.media.output.cut_file import CutFile, CutOptions, cut_file
from vidcurate.media.output.ffmpeg_output import (
    BIT_EXACT,
    RawSound,
    aac_options,
    ffmpeg_for,
    layout_filter,
    raw_input,
)
from vidcurate.media.output.inspection import inspect_clip_file
from vidcurate.media.output.remux import PacketSpan, copy_span, find_span
from vidcurate.records import Clip, Video


def copy_clip(path: Path, video: Video, clip: Clip, options: CutOptions, out: Path) -> CutFile:
    """Copy the streams of a clip, from the keyframe at or before its start.

    Raises MediaError for a video whose streams cannot be copied, and, unless inexact copies are
    kept, for a clip that begins or ends between keyframes.
    """
    span = find_span(path, clip)
    if not span.is_exact and options.inexact != "keep":
        raise MediaError(
            f"a copy would hold {span.n_lead} frames before the clip and {span.n_tail} after it, "
            "as its video has keyframes elsewhere: set export.inexact to encode or keep"
        )
    copy_streams(path, video, clip, span, options, out)
    clip_file = inspect_clip_file(out)
    n_shown, n_expected = len(clip_file.frame_times_s), span.n_lead + clip.n_frames + span.n_tail
    if not n_shown == clip_file.n_stored == n_expected:
        raise MediaError(
            f"{n_shown} of {clip_file.n_stored} copied frames are shown, {n_expected} expected"
        )
    return cut_file(out, clip_file, clip, span)


def copy_streams(
    path: Path, video: Video, clip: Clip, span: PacketSpan, options: CutOptions, out: Path
) -> None:
    """Copy picture and sound; sound that MP4 cannot hold, as PCM, is encoded."""
    track = track_of(video) if options.audio else None
    if track is None or not track.is_unplaced:
        try:
            copy_span(path, clip, span, out, track)
        except MediaError:
            if track is None:
                raise
        else:
            return
    with TemporaryDirectory(dir=out.parent, prefix=".") as folder:
        picture_file = Path(folder, "picture.mp4")
        # If it was the picture's fault, this says so.
        copy_span(path, clip, span, picture_file, None)
        sound = RawSound(Path(folder, "sound.raw"), mixed_format(track))
        start_s, end_s = span.key_pts * clip.time_base, span.end_pts * clip.time_base
        write_span(path, track, sound.audio_format, start_s, end_s, sound.file)
        run(
            ffmpeg_for("encode"),
            joined_output(picture_file, sound, options, out),
            options.timeout_s,
        )


def joined_output(
    picture_file: Path, sound: RawSound, options: CutOptions, out: Path
) -> ffmpeg.nodes.OutputStream:
    """Build the ffmpeg graph that adds sound to copied pictures."""
    filters = {"filter:a": layout_filter(sound.audio_format.layout), **aac_options(options)}
    return ffmpeg.output(
        ffmpeg.input(url(picture_file), format="mp4")["v"],
        raw_input(sound),
        url(out),
        **{"format": "mp4", "c:v": "copy", "movflags": "+faststart", **filters, **BIT_EXACT},
    )
