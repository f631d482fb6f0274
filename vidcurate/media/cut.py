"""Clip files, cut from a film exact to the frame, or copied from the keyframe before."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import ffmpeg

from vidcurate.errors import MediaError
from vidcurate.media.colours import Filter, conversion, film_colours
from vidcurate.media.container import AV_TIME, url
from vidcurate.media.ffmpeg import Ffmpeg, find_ffmpeg, run
from vidcurate.media.fields import bwdif
from vidcurate.media.orientation import MOST_PIXELS
from vidcurate.media.origin import Origin, find_origin
from vidcurate.media.written import Written, inspect, sha256
from vidcurate.records import Clip, Video
from vidcurate.table import write_whole

ENCODERS = ("libx264", "aac")
FILTERS = (
    *("trim", "setpts", "settb", "scale", "crop", "format", "setparams", "setsar"),
    *("bwdif", "transpose", "hflip", "vflip", "lutrgb", "colorchannelmixer"),
    *("atrim", "asetpts", "aresample", "aformat", "apad"),
)
# How far before the clip reading starts, for films in which a seek lands late; None: the start.
RUN_UPS_S = (Fraction(0), Fraction(10), None)
COPY_RUN_UPS_S = (Fraction(0), Fraction(1, 5), Fraction(1, 2), Fraction(2), Fraction(10), None)
# ffmpeg seeks up to 0.13 s earlier than it is told; before the film's start some demuxers then
# leave their first keyframe out, and what follows it is decoded to rubbish.
NO_SEEK_S = 1
# Reading goes on so long after the clip's end, for sound that is stored later than its picture.
RUN_OUT_S = 5
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

    `encode` writes exactly the clip's frames as H.264 with AAC; `copy` copies the streams from the
    keyframe at or before the clip's start. `crf` is x264's (lower is better), `threads` those of
    one ffmpeg.
    """

    mode: Literal["encode", "copy"] = "encode"
    crf: int = 18
    preset: str = "medium"
    audio: bool = True
    audio_kbit: int = 192
    threads: int = 1
    timeout_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class CutFile:
    """A clip file as it was written: `start_s` is the real start, on the film's own clock."""

    size_bytes: int
    sha256: str
    start_s: float
    duration_s: float
    n_frames: int
    width: int
    height: int


def cut_clip(path: Path, video: Video, clip: Clip, options: CutOptions, out: Path) -> CutFile:
    """Write one clip of a film as an MP4 file, whole or not at all.

    Raises MediaError if the film cannot be read or the file is not what was promised, and
    MissingToolError if this ffmpeg lacks an encoder or a filter.
    """
    write = encode if options.mode == "encode" else copy
    ffmpeg_for(options.mode)
    origin = find_origin(path, video, clip, audio=options.audio)
    results: list[CutFile] = []

    def write_file(partial_out: Path) -> None:
        results.append(write(path, video, clip, origin, options, partial_out))

    write_whole(out, write_file)
    return results[0]


def ffmpeg_for(mode: Literal["encode", "copy"]) -> Ffmpeg:
    """The ffmpeg that can write clips in this way.

    Raises MissingToolError.
    """
    return find_ffmpeg(ENCODERS, FILTERS) if mode == "encode" else find_ffmpeg()


def encode(
    path: Path, video: Video, clip: Clip, origin: Origin, options: CutOptions, out: Path
) -> CutFile:
    """Exactly the frames of a clip, encoded anew, with the sound of the same span."""
    start_s = clip.start_pts * clip.time_base
    found = 0
    for run_up_s in RUN_UPS_S:
        seek_s = run_up(origin.seek_s, run_up_s)
        graph = encoding(path, video, clip, origin, options, out, seek_s)
        run(ffmpeg_for(options.mode), graph, options.timeout_s)
        written = inspect(out)
        found = len(written.shown_s)
        if found == clip.n_frames:
            return cut_file(out, written, start_s)
    raise MediaError(
        f"clip {clip.clip_id}: {found} frames were decoded between {clip.start_s:.3f} s and "
        f"{clip.end_s:.3f} s, {clip.n_frames} expected"
    )


def run_up(seek_s: Fraction | None, before_s: Fraction | None) -> Fraction | None:
    """A time to seek, so long before another; None means the film's start."""
    return None if seek_s is None or before_s is None else seek_s - before_s


def encoding(
    path: Path,
    video: Video,
    clip: Clip,
    origin: Origin,
    options: CutOptions,
    out: Path,
    seek_s: Fraction | None,
) -> ffmpeg.nodes.OutputStream:
    """The ffmpeg graph that encodes a clip; all times in it are the film's own (`-copyts`)."""
    # ffmpeg counts a length from the keyframe it lands on, which may lie far before the clip; the
    # filters end the reading, and this bound is only for films that end before the clip does.
    length_s = clip.end_pts * clip.time_base - origin.film_start_s + RUN_OUT_S
    source = film_input(path, video, origin, options, seek_s, length_s)
    streams = [picture(source[str(origin.video_index)], video, clip)]
    sound: dict[str, object] = {}
    if origin.audio_index is not None:
        streams.append(speech(source[str(origin.audio_index)], video, clip))
        sound = {"c:a": "aac", "b:a": f"{options.audio_kbit}k", "flags:a": "+bitexact"}
    base = clip.time_base
    return ffmpeg.output(
        *streams,
        url(out),
        **{"format": "mp4", "c:v": "libx264", "crf": options.crf, "preset": options.preset},
        **{
            "enc_time_base:v": f"{base.numerator}:{base.denominator}",
            **passthrough(ffmpeg_for("encode")),
        },
        **{"threads": options.threads, "movflags": "+faststart", **sound, **BIT_EXACT},
    )


def film_input(
    path: Path,
    video: Video,
    origin: Origin,
    options: CutOptions,
    seek_s: Fraction | None,
    length_s: Fraction,
) -> ffmpeg.nodes.FilterableStream:
    """A film as ffmpeg reads it: this file and format only, so long from `seek_s`."""
    begin = seek_point(origin, seek_s)
    seek = {"ss": microseconds(begin)} if begin else {}
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
    )


def seek_point(origin: Origin, seek_s: Fraction | None) -> Fraction:
    """What ffmpeg is told to seek, in seconds after the film's start; 0 for reading it all."""
    begin = Fraction(0) if seek_s is None else seek_s - origin.film_start_s
    return begin if begin >= NO_SEEK_S else Fraction(0)


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
        .filter("trim", start_pts=clip.start_pts, end_pts=clip.end_pts)
        .filter("setpts", f"PTS-({clip.start_pts})")
    )
    filters: Iterable[Filter] = (
        *deinterlacing(video, base),
        ("crop", {"w": "trunc(iw/2)*2", "h": "trunc(ih/2)*2", "x": 0, "y": 0}),
        *conversion(film_colours(video), width, height, coded),
        ("setsar", {"sar": 1}),
    )
    for name, options in filters:
        stream = stream.filter(name, **options)
    return stream


def deinterlacing(video: Video, base: str) -> Sequence[Filter]:
    """Filters that make whole pictures of an interlaced film's frames, as many, at their times."""
    if not video.is_interlaced:
        return ()
    back, forth = TURNS[video.rotation_deg]
    return *back, ("bwdif", bwdif(video.field_order)), ("settb", {"expr": base}), *forth


def speech(
    stream: ffmpeg.nodes.FilterableStream, video: Video, clip: Clip
) -> ffmpeg.nodes.FilterableStream:
    """The sound of the clip's span, mono or stereo, with silence where the film has none."""
    start_s, end_s = clip.start_pts * clip.time_base, clip.end_pts * clip.time_base
    layout = "mono" if video.audio_channels == 1 else "stereo"
    length = microseconds(end_s - start_s)
    return (
        stream.filter("atrim", start=microseconds(start_s), end=microseconds(end_s))
        .filter("asetpts", f"PTS-({microseconds(start_s)})/TB")
        .filter("aresample", **{"async": 1, "first_pts": 0})
        .filter("aformat", channel_layouts=layout)
        .filter("apad", whole_dur=length)
        .filter("atrim", end=length)
    )


def copy(
    path: Path, video: Video, clip: Clip, origin: Origin, options: CutOptions, out: Path
) -> CutFile:
    """The streams of a clip as they are, from the keyframe at or before its start."""
    if origin.is_guessed:
        raise MediaError(
            "AVI and MPEG-PS with B-frames store no exact display times: encode clips instead"
        )
    key_s = origin.key_s
    for run_up_s in COPY_RUN_UPS_S:
        seek_s = run_up(key_s, run_up_s)
        graph = copying(path, video, clip, origin, options, out, seek_s, key_s)
        run(ffmpeg_for(options.mode), graph, options.timeout_s)
        written = inspect(out)
        if written.shown_s and key_s + written.shown_s[0] <= clip.start_pts * clip.time_base:
            return cut_file(out, written, key_s + written.shown_s[0])
    raise MediaError(
        f"clip {clip.clip_id}: no keyframe at or before {clip.start_s:.3f} s could be copied; "
        f"encode the clips instead"
    )


def copying(
    path: Path,
    video: Video,
    clip: Clip,
    origin: Origin,
    options: CutOptions,
    out: Path,
    seek_s: Fraction | None,
    zero_s: Fraction,
) -> ffmpeg.nodes.OutputStream:
    """The ffmpeg graph that copies a clip's streams, with the film's `zero_s` moved to 0."""
    end_s = clip.end_pts * clip.time_base
    length_s = end_s - origin.film_start_s - seek_point(origin, seek_s)
    source = film_input(path, video, origin, options, seek_s, length_s)
    streams = [source[str(origin.video_index)]]
    if origin.audio_index is not None:
        streams.append(source[str(origin.audio_index)])
    return ffmpeg.output(
        *streams,
        url(out),
        format="mp4",
        c="copy",
        movflags="+faststart",
        **{"output_ts_offset": microseconds(-zero_s), **BIT_EXACT},
    )


def passthrough(tool: Ffmpeg) -> dict[str, str]:
    """The option that keeps each frame's own time, by its name in this ffmpeg."""
    return {"fps_mode" if "fps_mode" in tool.options else "vsync": "passthrough"}


def microseconds(time_s: Fraction) -> str:
    """A time as ffmpeg's options take it: seconds, rounded down to its microsecond."""
    return f"{int(time_s // AV_TIME) / 1_000_000:.6f}"


def cut_file(out: Path, written: Written, start_s: Fraction) -> CutFile:
    """The record of a written file, with its hash."""
    return CutFile(
        size_bytes=out.stat().st_size,
        sha256=sha256(out),
        start_s=float(start_s),
        duration_s=float(written.end_s - written.shown_s[0]),
        n_frames=len(written.shown_s),
        width=written.width,
        height=written.height,
    )
