"""Clip files, exact to the frame: encoded, or copied as far as keyframes allow it."""

from collections.abc import Sequence
from pathlib import Path

from vidcurate.errors import MediaError
from vidcurate.media.io.seeking import find_seek_point
from vidcurate.media.output.copying import copy_clip
from vidcurate.media.output.cut_file import CutFile, CutOptions
from vidcurate.media.output.encoding import encode_clip
from vidcurate.media.output.smart import smart_clip
from vidcurate.records import Clip, Video
from vidcurate.store.atomic import atomic_write


def cut_clip(
    path: Path,
    video: Video,
    clip: Clip,
    options: CutOptions,
    out: Path,
    offsets: Sequence[int] = (),
) -> CutFile:
    """Write one clip of a video as an MP4 file, completely or not at all.

    `offsets` are those of the video's scan (records.Scan), if its clock restarts.

    Raises MediaError if the video cannot be read or the file is not what was promised, and
    MissingToolError if this ffmpeg lacks an encoder or a filter.
    """
    with atomic_write(out) as partial_out:
        return write_clip(path, video, clip, options, partial_out, offsets)


def write_clip(
    path: Path, video: Video, clip: Clip, options: CutOptions, out: Path, offsets: Sequence[int]
) -> CutFile:
    """Copy or encode one clip, as the options and the video's keyframes require."""
    if options.mode != "encode":
        write = copy_clip if options.mode == "copy" else smart_clip
        try:
            if len(offsets) > 1:
                raise MediaError("the video's clock restarts: packets have no unique times")  # noqa: TRY301
            return write(path, video, clip, options, out)
        except MediaError:
            if options.mode == "copy" and options.inexact != "encode":
                raise
    point = find_seek_point(path, video, clip, offsets, audio=options.audio)
    return encode_clip(path, video, clip, point, options, out)
