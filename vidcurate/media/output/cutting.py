"""Clip files, exact to the frame: encoded anew, or copied where keyframes allow it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import ffmpeg

from vidcurate.errors import MediaError
from vidcurate.media.audio.reader import Form, mixed_form, write_span
from vidcurate.media.audio.tracks import track_of
from vidcurate.media.io.colour import Filter, conversion, video_colours
from vidcurate.media.io.container import url
from vidcurate.media.io.ffmpeg import Ffmpeg, FfmpegError, find_ffmpeg, microseconds, run
from vidcurate.media.io.interlacing import bwdif
from vidcurate.media.io.orientation import MOST_PIXELS
from vidcurate.media.io.packets import RESTART_S
from vidcurate.media.io.seeking import Origin, find_origin
from vidcurate.media.output.inspection import VidcurateFolder, inspect, sha256
from vidcurate.media.output.remux import Span, copy_span, find_span
from vidcurate.records import Clip, Video
from vidcurate.store.atomic import atomic_write

ENCODERS = ("libx264", "aac")
FILTERS = (
    *("select", "trim", "setpts", "settb", "scale", "crop", "format", "setparams", "setsar"),
    *("bwdif", "transpose", "hflip", "vflip", "lutrgb", "colorchannelmixer"),
    *("atrim", "asetpts", "aresample", "aformat", "apad"),
)
# How far before the clip reading starts, for videos in which a seek lands late; None: the start.
RUN_UPS_S = (Fraction(0), Fraction(10), None)
# ffmpeg seeks up to 0.13 s earlier than it is told; before the video's start some demuxers then
# leave their first keyframe out, and what follows it is decoded to rubbish.
NO_SEEK_S = 1
# Reading goes on so long after the clip's end, for sound that is stored later than its picture.
RUN_OUT_S = 5
# ffmpeg 5 moves times in these containers if the streams that it reads begin later than 0 and the
# file at 0; an offset that is less than a tick turns that off.
MOVED = frozenset({"mpegts", "mpeg", "ogg"})
NO_MOVE = "0.000001"
ADVANCES = "isnan(prev_selected_pts)+gt(pts,prev_selected_pts)"
# From an upright picture back to the stored one, and the way that ffmpeg has gone before.
TURNS: dict[int, tuple[Sequence[Filter], Sequence[Filter]]] = {
    0: ((), ()),
    90: ((("transpose", {"dir": "cclock"}),), (("transpose", {"dir": "clock"}),)),
    180: ((("hflip", {}), ("vflip", {})), (("hflip", {}), ("vflip", {}))),
    270: ((("transpose", {"dir": "clock"}),), (("transpose", {"dir": "cclock"}),)),
}
BIT_EXACT = {"fflags": "+bitexact", "flags": "+bitexact", "map_metadata": -1, "map_chapters": -1}


@dataclass(frozen=True, slots=True)
class CutOptions:
    """How clips are written.

    `encode` writes exactly the clip's frames as H.264 with AAC; `copy` copies the streams.
    `inexact` says what becomes of a copy that would hold other frames too, because the clip begins
    or ends between keyframes: encode the clip, refuse it, or keep those frames. With `encode` a
    clip whose streams MP4 cannot hold is encoded too. `crf` is x264's (lower is better), `threads`
    those of one ffmpeg.
    """

    mode: Literal["encode", "copy"] = "encode"
    inexact: Literal["encode", "refuse", "keep"] = "keep"
    crf: int = 18
    preset: str = "medium"
    audio: bool = True
    audio_kbit: int = 192
    threads: int = 1
    timeout_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class Sound:
    """A clip's sound as raw samples in a file, in one form."""

    file: Path
    form: Form


@dataclass(frozen=True, slots=True)
class CutFile:
    """A clip file as it was written; all but `lead` and `tail` are those of the whole file.

    `start_s` is on the video's own clock. `lead` and `tail` count frames before and after the clip
    and the seconds that they are shown.
    """

    media: Literal["encode", "copy"]
    size_bytes: int
    sha256: str
    start_s: float
    duration_s: float
    n_frames: int
    lead_s: float
    lead_frames: int
    tail_s: float
    tail_frames: int
    width: int
    height: int
    has_audio: bool


def cut_clip(
    path: Path,
    video: Video,
    clip: Clip,
    options: CutOptions,
    out: Path,
    offsets: Sequence[int] = (),
) -> CutFile:
    """Write one clip of a video as an MP4 file, whole or not at all.

    `offsets` are those of the video's scan (records.Scan), if its clock begins again.

    Raises MediaError if the video cannot be read or the file is not what was promised, and
    MissingToolError if this ffmpeg lacks an encoder or a filter.
    """
    with atomic_write(out) as partial_out:
        return write(path, video, clip, options, partial_out, offsets)


def write(
    path: Path, video: Video, clip: Clip, options: CutOptions, out: Path, offsets: Sequence[int]
) -> CutFile:
    """Copy or encode one clip, as the options and the video's keyframes ask for."""
    if options.mode == "copy":
        try:
            if len(offsets) > 1:
                raise MediaError("the video's clock begins again: no packet tells its place")  # noqa: TRY301
            return copy(path, video, clip, options, out)
        except MediaError:
            if options.inexact != "encode":
                raise
    origin = find_origin(path, video, clip, offsets, audio=options.audio)
    return encode(path, video, clip, origin, options, out)


def ffmpeg_for(mode: Literal["encode", "copy"]) -> Ffmpeg:
    """The ffmpeg that can write clips in this way.

    Raises MissingToolError.
    """
    return find_ffmpeg(ENCODERS, FILTERS) if mode == "encode" else find_ffmpeg()


def encode(
    path: Path, video: Video, clip: Clip, origin: Origin, options: CutOptions, out: Path
) -> CutFile:
    """Exactly the frames of a clip, encoded anew, with the sound of the same span."""
    start_s, end_s = clip.start_pts * clip.time_base, clip.end_pts * clip.time_base
    track = origin.track
    written = encode_at_once(path, video, clip, origin, options, out)
    if written is None and track is not None:
        with TemporaryDirectory(dir=out.parent, prefix=".") as folder:
            sound = Sound(Path(folder, "sound.raw"), mixed_form(track))
            moved_s = origin.sound_offsets_s
            write_span(path, track, sound.form, start_s, end_s, sound.file, moved_s)
            written = encode_frames(path, video, clip, origin, options, out, sound)
    assert written is not None
    return encoded_file(out, written, clip)


def encode_at_once(
    path: Path, video: Video, clip: Clip, origin: Origin, options: CutOptions, out: Path
) -> VidcurateFolder | None:
    """A clip whose sound ffmpeg decodes too; None where it cannot.

    It makes its filters anew where the form of the sound changes, so that silence is filled in
    twice; it refuses to mix channels that have no places; and it may lack the decoder.
    """
    if origin.track is None:
        return encode_frames(path, video, clip, origin, options, out, None)
    if origin.track.is_odd:
        return None
    try:
        written = encode_frames(path, video, clip, origin, options, out, None)
    except FfmpegError:
        # If it was the picture's fault, the next attempt says so.
        return None
    return written if is_as_long(written) else None


def is_as_long(written: VidcurateFolder) -> bool:
    """Whether an encoded file's sound lasts as long as its pictures, but for a packet."""
    sound_s = written.sound_s
    return sound_s is not None and abs(sound_s - written.end_s) <= written.packet_s


def encode_frames(
    path: Path,
    video: Video,
    clip: Clip,
    origin: Origin,
    options: CutOptions,
    out: Path,
    sound: Sound | None,
) -> VidcurateFolder:
    """Encode a clip's frames, from further back in the video where one is missing.

    Raises FfmpegError where ffmpeg fails, and MediaError where frames are still missing.
    """
    found = 0
    for run_up_s in RUN_UPS_S:
        seek_s = run_up(origin.seek_s, run_up_s)
        graph = encoding(path, video, clip, origin, options, out, seek_s, sound)
        run(ffmpeg_for("encode"), graph, options.timeout_s)
        written = inspect(out)
        found = len(written.shown_s)
        if found == clip.n_frames:
            return written
    raise MediaError(
        f"clip {clip.clip_id}: {found} frames were decoded between {clip.start_s:.3f} s and "
        f"{clip.end_s:.3f} s, {clip.n_frames} expected"
    )


def run_up(seek_s: Fraction | None, before_s: Fraction | None) -> Fraction | None:
    """A time to seek, so long before another; None means the video's start."""
    return None if seek_s is None or before_s is None else seek_s - before_s


def encoding(
    path: Path,
    video: Video,
    clip: Clip,
    origin: Origin,
    options: CutOptions,
    out: Path,
    seek_s: Fraction | None,
    sound: Sound | None,
) -> ffmpeg.nodes.OutputStream:
    """The ffmpeg graphs that encode a clip; all times in them are the video's own (`-copyts`).

    Picture and sound have a graph each: ffmpeg makes a graph anew where its input changes form.
    """
    # ffmpeg counts a length from the keyframe it lands on, which may lie far before the clip; the
    # filters end the reading, and this bound is only for videos that end before the clip does.
    length_s = clip.end_pts * clip.time_base - origin.video_start_s + RUN_OUT_S
    source = video_input(path, video, origin, options, seek_s, length_s)
    pictures = source[str(origin.video_index)]
    if clock := on_one_clock(origin.picture_offsets_s):
        pictures = pictures.filter("setpts", clock)
    streams = [picture(pictures, video, clip)]
    heard: dict[str, object] = {}
    if origin.track is not None:
        streams.append(source[str(origin.track.index)] if sound is None else raw_input(sound))
        filters = speech(origin, clip) if sound is None else as_layout(sound.form.layout)
        heard = {"filter:a": filters, **aac(options)}
    base = clip.time_base
    return ffmpeg.output(
        *streams,
        url(out),
        **{"format": "mp4", "c:v": "libx264", "crf": options.crf, "preset": options.preset},
        **{
            "enc_time_base:v": f"{base.numerator}:{base.denominator}",
            **passthrough(ffmpeg_for("encode")),
        },
        **{"threads": options.threads, "movflags": "+faststart", **heard, **BIT_EXACT},
    )


def aac(options: CutOptions) -> dict[str, object]:
    """The options that encode sound."""
    return {"c:a": "aac", "b:a": f"{options.audio_kbit}k", "flags:a": "+bitexact"}


def raw_input(sound: Sound) -> ffmpeg.nodes.FilterableStream:
    """Sound that was put together here, as ffmpeg reads it."""
    form = sound.form
    return ffmpeg.input(url(sound.file), format="f32le", ar=form.rate_hz, ac=form.channels)


def video_input(
    path: Path,
    video: Video,
    origin: Origin,
    options: CutOptions,
    seek_s: Fraction | None,
    length_s: Fraction,
) -> ffmpeg.nodes.FilterableStream:
    """A video as ffmpeg reads it: this file and format only, so long from `seek_s`."""
    begin = seek_point(origin, seek_s)
    seek = {"ss": microseconds(begin)} if begin else {}
    offset = {"itsoffset": NO_MOVE} if video.container in MOVED else {}
    return ffmpeg.input(
        url(path),
        format=video.container.split(",")[0],
        protocol_whitelist="file",
        max_pixels=MOST_PIXELS,
        threads=options.threads,
        copyts=None,
        noaccurate_seek=None,
        t=microseconds(length_s),
        **seek,
        **offset,
    )


def seek_point(origin: Origin, seek_s: Fraction | None) -> Fraction:
    """What ffmpeg is told to seek, in seconds after the video's start; 0 for reading it all."""
    begin = Fraction(0) if seek_s is None else seek_s - origin.video_start_s
    return begin if begin >= NO_SEEK_S else Fraction(0)


def on_one_clock(offsets_s: Sequence[Fraction]) -> str:
    """The time of a frame read from the video's start, its part moved as the scan's; or nothing.

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


def picture(
    stream: ffmpeg.nodes.FilterableStream, video: Video, clip: Clip
) -> ffmpeg.nodes.FilterableStream:
    """The clip's frames as they are shown: whole, upright, of square pixels and one even size.

    H.264 with 4:2:0 chroma needs even sizes: an odd last row or column is cut off, because a
    padded one would be a picture that was never filmed.
    """
    base = f"{clip.time_base.numerator}/{clip.time_base.denominator}"
    width, height = (max(2, n // 2 * 2) for n in (video.display_width, video.display_height))
    coded = video.width, video.height
    stream = (
        stream.filter("settb", base)
        # As in the scan, a frame whose time does not advance has no place.
        .filter("select", ADVANCES)
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
    """Filters that make whole pictures of an interlaced video's frames, as many, at their times."""
    if not video.is_interlaced:
        return ()
    back, forth = TURNS[video.rotation_deg]
    return *back, ("bwdif", bwdif(video.field_order)), ("settb", {"expr": base}), *forth


def speech(origin: Origin, clip: Clip) -> str:
    """The filters that give the sound of the clip's span, with silence where the video has none."""
    start_s, end_s = clip.start_pts * clip.time_base, clip.end_pts * clip.time_base
    begin, length = microseconds(start_s), microseconds(end_s - start_s)
    assert origin.track is not None
    clock = on_one_clock(origin.sound_offsets_s)
    return ",".join(
        (
            *([f"asetpts='{clock}'"] if clock else []),
            f"atrim=start={begin}:end={microseconds(end_s)}",
            f"asetpts=PTS-({begin})/TB",
            "aresample=async=1:first_pts=0",
            as_layout(origin.track.mixed_layout),
            f"apad=whole_dur={length}",
            f"atrim=end={length}",
        )
    )


def as_layout(layout: str) -> str:
    """The filter that brings sound into a layout."""
    return f"aformat=channel_layouts={layout}"


def copy(path: Path, video: Video, clip: Clip, options: CutOptions, out: Path) -> CutFile:
    """The streams of a clip as they are, from the keyframe at or before its start.

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
    written = inspect(out)
    due = span.n_lead + clip.n_frames + span.n_tail
    if not len(written.shown_s) == written.n_stored == due:
        raise MediaError(
            f"{len(written.shown_s)} of {written.n_stored} copied frames are shown, {due} expected"
        )
    return copied_file(out, written, clip, span)


def copy_streams(
    path: Path, video: Video, clip: Clip, span: Span, options: CutOptions, out: Path
) -> None:
    """Copy picture and sound. Sound that MP4 cannot hold, as PCM, is encoded."""
    track = track_of(video) if options.audio else None
    if track is None or not track.is_odd:
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
        sound = Sound(Path(folder, "sound.raw"), mixed_form(track))
        start_s, end_s = span.key_pts * clip.time_base, span.end_pts * clip.time_base
        write_span(path, track, sound.form, start_s, end_s, sound.file)
        run(ffmpeg_for("encode"), joining(picture_file, sound, options, out), options.timeout_s)


def joining(
    picture_file: Path, sound: Sound, options: CutOptions, out: Path
) -> ffmpeg.nodes.OutputStream:
    """The ffmpeg graph that puts sound beside copied pictures."""
    filters = {"filter:a": as_layout(sound.form.layout), **aac(options)}
    return ffmpeg.output(
        ffmpeg.input(url(picture_file), format="mp4")["v"],
        raw_input(sound),
        url(out),
        **{"format": "mp4", "c:v": "copy", "movflags": "+faststart", **filters, **BIT_EXACT},
    )


def copied_file(out: Path, written: VidcurateFolder, clip: Clip, span: Span) -> CutFile:
    """The record of a copied file; a turned video's copies are turned by who shows them."""
    base = clip.time_base
    return CutFile(
        media="copy",
        size_bytes=out.stat().st_size,
        sha256=sha256(out),
        start_s=float(span.key_pts * base),
        duration_s=float(written.end_s - written.shown_s[0]),
        n_frames=len(written.shown_s),
        lead_s=float((clip.start_pts - span.key_pts) * base),
        lead_frames=span.n_lead,
        tail_s=float((span.end_pts - clip.end_pts) * base) if span.n_tail else 0.0,
        tail_frames=span.n_tail,
        width=written.width,
        height=written.height,
        has_audio=written.sound_s is not None,
    )


def passthrough(tool: Ffmpeg) -> dict[str, str]:
    """The option that keeps each frame's own time, by its name in this ffmpeg."""
    return {"fps_mode" if "fps_mode" in tool.options else "vsync": "passthrough"}


def encoded_file(out: Path, written: VidcurateFolder, clip: Clip) -> CutFile:
    """The record of an encoded file, which holds the clip's frames and no others."""
    return CutFile(
        media="encode",
        size_bytes=out.stat().st_size,
        sha256=sha256(out),
        start_s=float(clip.start_pts * clip.time_base),
        duration_s=float(written.end_s - written.shown_s[0]),
        n_frames=len(written.shown_s),
        lead_s=0.0,
        lead_frames=0,
        tail_s=0.0,
        tail_frames=0,
        width=written.width,
        height=written.height,
        has_audio=written.sound_s is not None,
    )
