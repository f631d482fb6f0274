"""Clip files that are encoded: exactly the clip's frames, with the sound of the same span."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import ffmpeg

from vidcurate.errors import MediaError
from vidcurate.media.audio.reader import mixed_format, write_span
from vidcurate.media.io.colour import Filter, conversion, video_colours
from vidcurate.media.io.container import url
from vidcurate.media.io.ffmpeg import FfmpegError, microseconds, run
from vidcurate.media.io.interlacing import bwdif
from vidcurate.media.io.orientation import MAX_PIXELS
from vidcurate.media.io.packets import RESTART_S
from vidcurate.media.io.seeking import SeekPoint
from vidcurate.media.output.cut_file import CutFile, CutOptions, cut_file
from vidcurate.media.output.ffmpeg_output import (
    BIT_EXACT,
    RawSound,
    aac_options,
    ffmpeg_for,
    layout_filter,
    raw_input,
)
from vidcurate.media.output.inspection import ClipFile, inspect_clip_file
from vidcurate.records import Clip, Video

# How far before the clip reading starts, for videos in which a seek lands late; None: the start.
RUN_UPS_S = (Fraction(0), Fraction(10), None)
# ffmpeg seeks up to 0.13 s earlier than asked; before the video's start some demuxers then
# leave their first keyframe out, and what follows it is decoded to rubbish.
MIN_SEEK_S = 1
# Reading goes on so long after the clip's end, for sound that is stored later than its picture.
RUN_OUT_S = 5
# ffmpeg 5 moves times in these containers if the streams that it reads begin later than 0 and the
# file at 0; an offset that is less than a tick turns that off.
SHIFTED_CONTAINERS = frozenset({"mpegts", "mpeg", "ogg"})
NO_SHIFT_OFFSET = "0.000001"
TIME_ADVANCES = "isnan(prev_selected_pts)+gt(pts,prev_selected_pts)"
# From an upright picture back to the stored one, and the way that ffmpeg has gone before.
ROTATION_FILTERS: dict[int, tuple[Sequence[Filter], Sequence[Filter]]] = {
    0: ((), ()),
    90: ((("transpose", {"dir": "cclock"}),), (("transpose", {"dir": "clock"}),)),
    180: ((("hflip", {}), ("vflip", {})), (("hflip", {}), ("vflip", {}))),
    270: ((("transpose", {"dir": "clock"}),), (("transpose", {"dir": "cclock"}),)),
}


def encode_clip(
    path: Path, video: Video, clip: Clip, point: SeekPoint, options: CutOptions, out: Path
) -> CutFile:
    """Encode exactly the frames of a clip, with the sound of the same span."""
    start_s, end_s = clip.start_pts * clip.time_base, clip.end_pts * clip.time_base
    track = point.track
    clip_file = encode_at_once(path, video, clip, point, options, out)
    if clip_file is None and track is not None:
        with TemporaryDirectory(dir=out.parent, prefix=".") as folder:
            sound = RawSound(Path(folder, "sound.raw"), mixed_format(track))
            offsets_s = point.sound_offsets_s
            write_span(path, track, sound.audio_format, start_s, end_s, sound.file, offsets_s)
            clip_file = encode_frames(path, video, clip, point, options, out, sound)
    assert clip_file is not None
    return cut_file(out, clip_file, clip)


def encode_at_once(
    path: Path, video: Video, clip: Clip, point: SeekPoint, options: CutOptions, out: Path
) -> ClipFile | None:
    """Encode a clip whose sound ffmpeg decodes too; None where it cannot.

    It creates its filters again where the sound's format changes, so that silence is filled in
    twice; it refuses to mix channels that have no places; and it may lack the decoder.
    """
    if point.track is None:
        return encode_frames(path, video, clip, point, options, out, None)
    if point.track.is_unplaced:
        return None
    try:
        clip_file = encode_frames(path, video, clip, point, options, out, None)
    except FfmpegError:
        # If it was the picture's fault, the next attempt says so.
        return None
    return clip_file if sound_is_complete(clip_file) else None


def sound_is_complete(clip_file: ClipFile) -> bool:
    """Check whether an encoded file's sound lasts as long as its pictures, within a packet."""
    sound_s = clip_file.sound_s
    return sound_s is not None and abs(sound_s - clip_file.end_s) <= clip_file.packet_s


def encode_frames(
    path: Path,
    video: Video,
    clip: Clip,
    point: SeekPoint,
    options: CutOptions,
    out: Path,
    sound: RawSound | None,
) -> ClipFile:
    """Encode a clip's frames, reading from further back where one is missing.

    Raises FfmpegError where ffmpeg fails, and MediaError where frames are still missing.
    """
    found = 0
    for run_up_s in RUN_UPS_S:
        seek_s = earlier(point.seek_s, run_up_s)
        graph = encoding_graph(path, video, clip, point, options, out, seek_s, sound)
        run(ffmpeg_for("encode"), graph, options.timeout_s)
        clip_file = inspect_clip_file(out)
        found = len(clip_file.frame_times_s)
        if found == clip.n_frames:
            return clip_file
    raise MediaError(
        f"clip {clip.clip_id}: {found} frames were decoded between {clip.start_s:.3f} s and "
        f"{clip.end_s:.3f} s, {clip.n_frames} expected"
    )


def earlier(seek_s: Fraction | None, before_s: Fraction | None) -> Fraction | None:
    """Return a time to seek, this long before another; None means the video's start."""
    return None if seek_s is None or before_s is None else seek_s - before_s


def encoding_graph(
    path: Path,
    video: Video,
    clip: Clip,
    point: SeekPoint,
    options: CutOptions,
    out: Path,
    seek_s: Fraction | None,
    sound: RawSound | None,
) -> ffmpeg.nodes.OutputStream:
    """Build the ffmpeg graphs that encode a clip; all times in them are the video's (`-copyts`).

    Picture and sound have a graph each: ffmpeg recreates a graph where its input changes.
    """
    # ffmpeg counts a length from the keyframe it lands on, which may lie far before the clip; the
    # filters end the reading, and this bound is only for videos that end before the clip does.
    length_s = clip.end_pts * clip.time_base - point.video_start_s + RUN_OUT_S
    source = video_input(path, video, point, options, seek_s, length_s)
    pictures = source[str(point.video_index)]
    if clock := clock_filter(point.picture_offsets_s):
        pictures = pictures.filter("setpts", clock)
    streams = [picture_stream(pictures, video, clip)]
    sound_options: dict[str, object] = {}
    if point.track is not None:
        streams.append(source[str(point.track.index)] if sound is None else raw_input(sound))
        filters = (
            sound_filters(point, clip)
            if sound is None
            else layout_filter(sound.audio_format.layout)
        )
        sound_options = {"filter:a": filters, **aac_options(options)}
    base = clip.time_base
    keep_times = "fps_mode" if "fps_mode" in ffmpeg_for("encode").options else "vsync"
    return ffmpeg.output(
        *streams,
        url(out),
        **{"format": "mp4", "c:v": "libx264", "crf": options.crf, "preset": options.preset},
        **{
            "enc_time_base:v": f"{base.numerator}:{base.denominator}",
            keep_times: "passthrough",
        },
        **{"threads": options.threads, "movflags": "+faststart", **sound_options, **BIT_EXACT},
    )


def video_input(
    path: Path,
    video: Video,
    point: SeekPoint,
    options: CutOptions,
    seek_s: Fraction | None,
    length_s: Fraction,
) -> ffmpeg.nodes.FilterableStream:
    """Build the input of a video: this file and format only, `length_s` long from `seek_s`."""
    begin = ffmpeg_seek_s(point, seek_s)
    seek = {"ss": microseconds(begin)} if begin else {}
    offset = {"itsoffset": NO_SHIFT_OFFSET} if video.container in SHIFTED_CONTAINERS else {}
    return ffmpeg.input(
        url(path),
        format=video.container.split(",")[0],
        protocol_whitelist="file",
        max_pixels=MAX_PIXELS,
        threads=options.threads,
        copyts=None,
        noaccurate_seek=None,
        t=microseconds(length_s),
        **seek,
        **offset,
    )


def ffmpeg_seek_s(point: SeekPoint, seek_s: Fraction | None) -> Fraction:
    """Return the time that ffmpeg seeks, in seconds after the video's start; 0 to read it all."""
    begin = Fraction(0) if seek_s is None else seek_s - point.video_start_s
    return begin if begin >= MIN_SEEK_S else Fraction(0)


def clock_filter(offsets_s: Sequence[Fraction]) -> str:
    """Return the expression that moves each part of a video to its time in the scan, or "".

    A part begins where time goes back by more than packets.RESTART_S; parts are counted in the
    filter's register 0.
    """
    if len(offsets_s) < 2:  # noqa: PLR2004 - one part needs no moving
        return ""
    parts = "+".join(
        f"eq(ld(0),{number})*{float(offset_s):.9f}" for number, offset_s in enumerate(offsets_s)
    )
    restarts = f"st(0,ld(0)+lt(T,PREV_INT-{RESTART_S}))"
    return f"{restarts};PTS+round(({parts})/TB)"


def picture_stream(
    stream: ffmpeg.nodes.FilterableStream, video: Video, clip: Clip
) -> ffmpeg.nodes.FilterableStream:
    """Filter a video to the clip's frames: whole, upright, of square pixels and one even size.

    H.264 with 4:2:0 chroma needs even sizes: an odd last row or column is cut off, because a
    padded one would be a picture that was never filmed.
    """
    base = f"{clip.time_base.numerator}/{clip.time_base.denominator}"
    width, height = (max(2, n // 2 * 2) for n in (video.display_width, video.display_height))
    coded = video.width, video.height
    stream = (
        stream.filter("settb", base)
        # As in the scan, a frame whose time does not advance has no place.
        .filter("select", TIME_ADVANCES)
        .filter("trim", start_pts=clip.start_pts, end_pts=clip.end_pts)
        .filter("setpts", f"PTS-({clip.start_pts})")
    )
    filters: Iterable[Filter] = (
        *deinterlacing(video, base),
        ("crop", {"w": "trunc(iw/2)*2", "h": "trunc(ih/2)*2", "x": 0, "y": 0}),
        *conversion(video_colours(video), width, height, coded),
        ("setsar", {"sar": 1}),
    )
    for name, options in filters:
        stream = stream.filter(name, **options)
    return stream


def deinterlacing(video: Video, base: str) -> Sequence[Filter]:
    """Return filters that deinterlace a video's frames: as many, at the same times."""
    if not video.is_interlaced:
        return ()
    back, forth = ROTATION_FILTERS[video.rotation_deg]
    return *back, ("bwdif", bwdif(video.field_order)), ("settb", {"expr": base}), *forth


def sound_filters(point: SeekPoint, clip: Clip) -> str:
    """Return the filters for the sound of the clip's span, with silence where there is none."""
    start_s, end_s = clip.start_pts * clip.time_base, clip.end_pts * clip.time_base
    begin, length = microseconds(start_s), microseconds(end_s - start_s)
    assert point.track is not None
    clock = clock_filter(point.sound_offsets_s)
    return ",".join(
        (
            *([f"asetpts='{clock}'"] if clock else []),
            f"atrim=start={begin}:end={microseconds(end_s)}",
            f"asetpts=PTS-({begin})/TB",
            "aresample=async=1:first_pts=0",
            layout_filter(point.track.mixed_layout),
            f"apad=whole_dur={length}",
            f"atrim=end={length}",
        )
    )
