"""The filters that make a clip's pictures and sound from its video's frames, as ffmpeg has them."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from vidcurate.clips.rendition import Box, Rendition, Size
from vidcurate.media.audio.tracks import Track
from vidcurate.media.io.colour import Filter, conversion, video_colours
from vidcurate.media.io.ffmpeg import microseconds
from vidcurate.media.io.interlacing import bwdif
from vidcurate.media.io.packets import RESTART_S
from vidcurate.media.io.seeking import SeekPoint
from vidcurate.media.output.ffmpeg_output import layout_filter
from vidcurate.records import Clip, Video

TIME_ADVANCES = "isnan(prev_selected_pts)+gt(pts,prev_selected_pts)"
# From an upright picture back to the stored one, and the way that ffmpeg has gone before.
ROTATION_FILTERS: dict[int, tuple[Sequence[Filter], Sequence[Filter]]] = {
    0: ((), ()),
    90: ((("transpose", {"dir": "cclock"}),), (("transpose", {"dir": "clock"}),)),
    180: ((("hflip", {}), ("vflip", {})), (("hflip", {}), ("vflip", {}))),
    270: ((("transpose", {"dir": "clock"}),), (("transpose", {"dir": "cclock"}),)),
}


def whole_rendition(video: Video, clip: Clip) -> Rendition:
    """Return what a clip's file is where nothing else is asked: its frames, in even sizes.

    H.264 with 4:2:0 chroma needs even sizes: an odd last row or column is cut off, because a
    padded one would be a picture that was never filmed.
    """
    size = Size(*(max(2, n // 2 * 2) for n in (video.display_width, video.display_height)))
    return Rendition(Box(0, 0, *size), size, size, None, clip.n_frames)


def filter_text(filters: Iterable[Filter]) -> str:
    """Write filters as ffmpeg's options have them, quoted twice: for the chain and for its list."""
    return ",".join(
        f"{name}={':'.join(f'{k}={quoted(v)}' for k, v in options.items())}" if options else name
        for name, options in filters
    )


def quoted(value: object) -> str:
    """Write a value of a filter; none of ours holds an apostrophe."""
    text = str(value).replace("\\", "\\\\").replace(":", "\\:")
    return text if text.isalnum() else f"'{text}'"


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


def picture_filters(
    video: Video, clip: Clip, rendition: Rendition, point: SeekPoint, count_file: str
) -> Iterator[Filter]:
    """Yield the filters that make a clip's pictures, of its frames alone.

    Where they are resampled to a constant rate, a line for each of the clip's frames is written to
    `count_file`, since the number of pictures says nothing of frames that are missing.
    """
    base = f"{clip.time_base.numerator}/{clip.time_base.denominator}"
    if clock := clock_filter(point.picture_offsets_s):
        yield "setpts", {"expr": clock}
    yield "settb", {"expr": base}
    # As in the scan, a frame whose time does not advance has no place.
    yield "select", {"expr": TIME_ADVANCES}
    yield "trim", {"start_pts": clip.start_pts, "end_pts": clip.end_pts}
    yield "setpts", {"expr": f"PTS-({clip.start_pts})"}
    yield from deinterlacing(video, base)
    if rendition.fps is not None:
        yield from resampling(rendition.fps, rendition.n_frames, count_file)
    yield from sizing(video, rendition)
    yield "setsar", {"sar": 1}


def deinterlacing(video: Video, base: str) -> Sequence[Filter]:
    """Return filters that deinterlace a video's frames: as many, at the same times."""
    if not video.is_interlaced:
        return ()
    back, forth = ROTATION_FILTERS[video.rotation_deg]
    return *back, ("bwdif", bwdif(video.field_order)), ("settb", {"expr": base}), *forth


def resampling(fps: Fraction, n_frames: int, count_file: str) -> Iterator[Filter]:
    """Yield filters that show at each instant k / fps the last frame that begins by then.

    The last frame is shown until the end.
    """
    yield "metadata", {"mode": "add", "key": "frame", "value": "1"}
    yield "metadata", {"mode": "print", "key": "frame", "file": count_file}
    yield "fps", {"fps": f"{fps.numerator}/{fps.denominator}", "round": "up"}
    yield "tpad", {"stop": n_frames, "stop_mode": "clone"}
    yield "trim", {"end_frame": n_frames}


def sizing(video: Video, rendition: Rendition) -> Iterator[Filter]:
    """Yield filters that crop, scale and pad pictures, and convert their colours.

    The crop is in pixels of the displayed picture; what is decoded may have others, of another
    shape.
    """
    crop, inner, size = rendition.crop, rendition.inner, rendition.size
    across, down = (
        f"min(2*round({{0}}*{side}/{shown}/2),trunc({side}/2)*2)"
        for side, shown in (("iw", video.display_width), ("ih", video.display_height))
    )
    if crop[2:] == Size(*(n // 2 * 2 for n in (video.display_width, video.display_height))):
        yield "crop", {"w": "trunc(iw/2)*2", "h": "trunc(ih/2)*2", "x": 0, "y": 0}
    else:
        size_of_crop = {"w": across.format(crop.width), "h": down.format(crop.height)}
        yield "crop", {**size_of_crop, "x": across.format(crop.left), "y": down.format(crop.top)}
    yield from conversion(video_colours(video), *inner, (video.width, video.height))
    if inner != size:
        middle = {
            "x": (size.width - inner.width) // 4 * 2,
            "y": (size.height - inner.height) // 4 * 2,
        }
        yield "pad", {"w": size.width, "h": size.height, **middle}


def sound_filters(point: SeekPoint, track: Track, clip: Clip, length_s: Fraction) -> str:
    """Return the filters for the sound of the clip's span, with silence where there is none."""
    start_s, end_s = clip.start_pts * clip.time_base, clip.end_pts * clip.time_base
    begin, end = microseconds(start_s), microseconds(min(end_s, start_s + length_s))
    clock = clock_filter(point.sound_offsets_s)
    return ",".join(
        (
            *([f"asetpts='{clock}'"] if clock else []),
            f"atrim=start={begin}:end={end}",
            f"asetpts=PTS-({begin})/TB",
            "aresample=async=1:first_pts=0",
            layout_filter(track.mixed_layout),
            *whole_length(length_s),
        )
    )


def whole_length(length_s: Fraction) -> tuple[str, str]:
    """Return the filters that make sound exactly so long, with silence at its end."""
    length = microseconds(length_s)
    return f"apad=whole_dur={length}", f"atrim=end={length}"
