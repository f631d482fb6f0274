"""Clip files exact to the frame of which only the ends are encoded: all between is copied."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import av.error
from av.codec import CodecContext
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from vidcurate.errors import MediaError
from vidcurate.media.audio.reader import mixed_format, write_span
from vidcurate.media.audio.tracks import track_of
from vidcurate.media.io.colour import display_filters, video_colours
from vidcurate.media.io.container import must_be_read_through, open_video, packet_pts, url
from vidcurate.media.io.ffmpeg import run
from vidcurate.media.io.frames import frames_at
from vidcurate.media.io.packets import error_text
from vidcurate.media.io.seeking import NO_DISPLAY_TIMES
from vidcurate.media.output.copying import joined_output
from vidcurate.media.output.cut_file import CutFile, CutOptions, cut_file
from vidcurate.media.output.ffmpeg_output import RawSound, ffmpeg_for
from vidcurate.media.output.inspection import inspect_clip_file
from vidcurate.media.output.nal_units import (
    H264,
    SYNTAXES,
    as_first,
    join_units,
    length_bytes,
    record_sets,
    renumber_hevc,
    set_id,
    split_units,
    unit_type,
)
from vidcurate.media.output.remux import OPTIONS, packets_from
from vidcurate.records import Clip, Video

ENCODERS = {"h264": "libx264", "hevc": "libx265"}
# What the encoders call the profiles that they can write.
PROFILES = {
    "h264": {
        "Constrained Baseline": "baseline",
        "Baseline": "baseline",
        "Main": "main",
        "High": "high",
    },
    "hevc": {"Main": "main"},
}
# Sequence and picture parameter sets of H.264 may have the numbers 0 to 31.
H264_NUMBERS = range(31, -1, -1)
LEVEL_BYTE = 3

Sets = Mapping[tuple[int, int], bytes]


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """One packet of a video: when its picture is shown, and whether decoding can begin with it.

    `sets` are parameter sets that it carries.
    """

    pts: int
    is_clean: bool
    sets: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class SmartPlan:
    """Which frames of a clip are encoded, and which packets are copied.

    `head` and `tail` are times of frames. `copied` maps the numbers of packets, in reading order,
    to the times of their frames.
    """

    head: tuple[int, ...]
    copied: Mapping[int, int]
    tail: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A coded picture in the order of decoding: its units, and when it is shown."""

    pts: int
    is_key: bool
    units: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class CodedPictures:
    """Pictures that were encoded, with the parameter sets that they need."""

    pieces: tuple[Piece, ...] = ()
    sets: tuple[bytes, ...] = ()


def smart_clip(path: Path, video: Video, clip: Clip, options: CutOptions, out: Path) -> CutFile:
    """Copy the groups of pictures that lie in a clip, and encode its frames before and after.

    Its sound is encoded, as it is for an encoded clip. A clip of which no frame had to be encoded
    is a copy. Raises MediaError for a video or a clip that must be encoded as a whole, with the
    reason.
    """
    if reason := why_not(video):
        raise MediaError(reason)
    with TemporaryDirectory(dir=out.parent, prefix=".") as folder:
        track = track_of(video) if options.audio else None
        picture_file = out if track is None else Path(folder, "picture.mp4")
        try:
            plan, times = write_pictures(path, video, clip, options, picture_file)
        except (av.error.FFmpegError, ValueError, IndexError) as error:
            raise MediaError(f"the stream cannot be joined: {error_text(error)}") from error
        if track is not None:
            sound = RawSound(Path(folder, "sound.raw"), mixed_format(track))
            span_s = clip.start_pts * clip.time_base, clip.end_pts * clip.time_base
            write_span(path, track, sound.audio_format, *span_s, sound.file)
            graph = joined_output(picture_file, sound, options, out)
            run(ffmpeg_for("encode"), graph, options.timeout_s)
    clip_file = inspect_clip_file(out)
    if list(clip_file.frame_times_s) != times or clip_file.n_stored != len(times):
        raise MediaError("the joined file does not show the clip's frames at their times")
    written = cut_file(out, clip_file, clip)
    return replace(written, media="smart" if plan.head or plan.tail else "copy")


def why_not(video: Video) -> str:
    """Say why a video's pictures are not those of an ordinary clip; "" where they are."""
    reasons = {
        f"{video.video_codec} cannot be joined": video.video_codec not in SYNTAXES,
        f"its pixels are {video.pixel_format}": video.pixel_format != "yuv420p",
        "it has the full range of levels": video.is_full_range,
        "it is turned": video.rotation_deg != 0,
        "its pixels are not square": video.pixel_aspect != 1,
        "it is interlaced": video.is_interlaced,
        "its colours are not those of an ordinary display": video.is_hdr
        or display_filters(video_colours(video)) is not None,
        "its sides are odd": bool(video.width % 2 or video.height % 2),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def write_pictures(
    path: Path, video: Video, clip: Clip, options: CutOptions, out: Path
) -> tuple[SmartPlan, list[Fraction]]:
    """Write the pictures of a clip as an MP4 file; returns its plan, and the times of its frames.

    Raises MediaError, ValueError and errors of libav.
    """
    codec = video.video_codec
    with open_video(path) as (container, stream):
        check_container(container, stream)
        stored = read_stored(container, stream, codec, clip)
        plan = plan_smart(stored, clip)
        own = known_sets(codec, stream, [s for n in plan.copied for s in stored[n].sets])
        encoder = Encoder(video, clip, stream, options, own)
        head, tail = (encoder.encode(path, times) for times in (plan.head, plan.tail))
        sets = distinct_sets(codec, [*own.values(), *head.sets, *tail.sets])
    with open_video(path) as (container, stream):
        decoding = [
            *(p.pts for p in head.pieces),
            *plan.copied.values(),
            *(p.pts for p in tail.pieces),
        ]
        pieces = (*head.pieces, *copied_pieces(container, stream, codec, clip, plan), *tail.pieces)
        mux_pictures(stream, clip, decoding, pieces, list(sets.values()), out)
    return plan, [(pts - clip.start_pts) * clip.time_base for pts in sorted(decoding)]


def check_container(container: InputContainer, stream: VideoStream) -> None:
    """Check that packets say when their frames are shown; raises MediaError."""
    guesses = container.format.name in NO_DISPLAY_TIMES and stream.codec_context.has_b_frames
    if guesses or must_be_read_through(container, stream):
        raise MediaError("AVI and MPEG-PS with B-frames store no exact display times")


def read_stored(
    container: InputContainer, stream: VideoStream, codec: str, clip: Clip
) -> list[StoredPicture]:
    """Read what packets hold, from a keyframe at or before a clip to where none of it can follow.

    They are in the order in which they are decoded.
    """
    n_bytes = length_bytes(codec, stream.codec_context.extradata or b"")
    syntax = SYNTAXES[codec]
    found: list[StoredPicture] = []
    for packet in packets_from(container, stream, clip.start_pts):
        pts = packet_pts(packet)
        assert pts is not None
        if (pts if packet.dts is None else packet.dts) >= clip.end_pts:
            break
        if packet.is_discard:
            raise MediaError("the video's edit list hides frames of the clip")
        units = list(split_units(bytes(packet), n_bytes))
        kinds = [unit_type(codec, unit) for unit in units]
        sets = tuple(u for u, kind in zip(units, kinds, strict=True) if kind in syntax.sets)
        found.append(StoredPicture(pts, not syntax.clean.isdisjoint(kinds), sets))
    return found


def plan_smart(stored: Sequence[StoredPicture], clip: Clip) -> SmartPlan:
    """Plan what of a clip is copied, from its packets in the order in which they are decoded.

    Copied are the packets from the first with which decoding can begin, without what is shown
    before it, up to the last after which all that is shown earlier has been read: no frame of it
    needs what comes after. Raises MediaError where there are none.
    """
    inside = sorted(p.pts for p in stored if clip.start_pts <= p.pts < clip.end_pts)
    if len(inside) != clip.n_frames or len(set(inside)) != len(inside):
        raise MediaError(f"{len(inside)} packets hold the clip's {clip.n_frames} frames")
    first = next(
        (n for n, p in enumerate(stored) if p.is_clean and clip.start_pts <= p.pts < clip.end_pts),
        None,
    )
    if first is None:
        raise MediaError("no group of pictures begins in the clip")
    start = stored[first].pts
    following = [(n, p.pts) for n, p in enumerate(stored) if n >= first and p.pts >= start]
    n_copied, highest = 0, start
    lowest_after = lowest_of_rests([pts for _, pts in following])
    for number, (_, pts) in enumerate(following):
        highest = max(highest, pts)
        if highest >= clip.end_pts:
            break
        if highest < lowest_after[number]:
            n_copied = number + 1
    copied = dict(following[:n_copied])
    last = max(copied.values())
    return SmartPlan(
        head=tuple(pts for pts in inside if pts < start),
        copied=copied,
        tail=tuple(pts for pts in inside if pts > last),
    )


def lowest_of_rests(times: Sequence[int]) -> list[float]:
    """Return the lowest time after each place of a list; infinity after the last."""
    lowest: list[float] = []
    rest = math.inf
    for time in reversed(times):
        lowest.append(rest)
        rest = min(rest, time)
    return lowest[::-1]


def known_sets(codec: str, stream: VideoStream, carried: Iterable[bytes]) -> Sets:
    """Return the parameter sets of a stream by type and number, with those of its packets."""
    record = record_sets(codec, stream.codec_context.extradata or b"")
    return distinct_sets(codec, [*record, *carried])


def distinct_sets(codec: str, units: Iterable[bytes]) -> Sets:
    """Return parameter sets by type and number, in the order of types.

    Raises MediaError where two different ones have the same number.
    """
    found: dict[tuple[int, int], bytes] = {}
    for unit in units:
        if found.setdefault(set_id(codec, unit), unit) != unit:
            raise MediaError("the stream's parameters change")
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class Encoder:
    """Encodes frames of a video so that they can stand beside its own packets in one stream.

    The pictures have the stream's codec, profile, size, pixel format and colours; their parameter
    sets have numbers that the `own` sets of the stream have not.
    """

    video: Video
    clip: Clip
    stream: VideoStream
    options: CutOptions
    own: Sets

    def encode(self, path: Path, times: Sequence[int]) -> CodedPictures:
        """Encode the frames at these times, beginning with a picture that needs no other.

        Raises MediaError for frames that cannot be decoded.
        """
        if not times:
            return CodedPictures()
        encoder = self.open()
        packets: list[Packet[Any]] = []
        n_frames = 0
        for pts, frame in frames_at(path, self.clip.time_base, times):
            packets += encoder.encode(self.prepared(frame, pts))
            n_frames += 1
        packets += encoder.encode(None)
        if n_frames != len(times) or len(packets) != len(times):
            raise MediaError("frames at the clip's ends cannot be decoded")
        sets: list[bytes] = []
        return CodedPictures(tuple(self.piece(packet, sets) for packet in packets), tuple(sets))

    def prepared(self, frame: VideoFrame, pts: int) -> VideoFrame:
        """Return a decoded frame as the encoder takes it."""
        if (frame.width, frame.height, frame.format.name) != (
            self.video.width,
            self.video.height,
            self.video.pixel_format,
        ):
            raise MediaError("the video's pictures change their size or format")
        frame.pts, frame.time_base = pts, self.clip.time_base
        frame.pict_type = PictureType.NONE  # or the encoder would take over the source's
        return frame

    def open(self) -> VideoCodecContext:
        """Open the encoder."""
        codec, source = self.video.video_codec, self.stream.codec_context
        profile = PROFILES[codec].get(str(source.profile))
        if profile is None or ENCODERS[codec] not in av.codecs_available:
            raise MediaError(f"no encoder writes {codec} of profile {source.profile}")
        encoder = CodecContext.create(ENCODERS[codec], "w")
        assert isinstance(encoder, VideoCodecContext)
        encoder.width, encoder.height = self.video.width, self.video.height
        encoder.pix_fmt = self.video.pixel_format
        encoder.time_base = self.clip.time_base
        encoder.framerate = self.video.frame_rate
        encoder.thread_count = self.options.threads
        for name in ("color_range", "color_primaries", "color_trc", "colorspace"):
            setattr(encoder, name, getattr(source, name))
        own = {"h264": self.h264_options, "hevc": self.hevc_options}[codec]()
        encoder.options = {
            "crf": str(self.options.crf),
            "preset": self.options.preset,
            "profile": profile,
            **own,
        }
        return encoder

    def h264_options(self) -> dict[str, str]:
        """Return the options of x264: the stream's level, and a number for the parameter sets."""
        level = max(
            unit[LEVEL_BYTE] for (kind, _), unit in self.own.items() if kind == H264.sets[0]
        )
        taken = {number for _, number in self.own}
        number = next((n for n in H264_NUMBERS if n not in taken), None)
        if number is None:
            raise MediaError("all numbers of parameter sets are taken")
        return {"level": str(level), "x264-params": f"sps-id={number}"}

    def hevc_options(self) -> dict[str, str]:
        """Return the options of x265, which writes nothing to the terminal and no open groups."""
        threads = self.options.threads
        return {"x265-params": f"log-level=none:open-gop=0:info=0:pools={threads}:frame-threads=1"}

    def piece(self, packet: "Packet[Any]", sets: list[bytes]) -> Piece:
        """Return an encoded picture without its messages and parameter sets, which are gathered."""
        codec = self.video.video_codec
        syntax = SYNTAXES[codec]
        units = list(split_units(bytes(packet), 0))
        if codec == "hevc":
            units = [renumber_hevc(unit) for unit in units]
        sets += [unit for unit in units if unit_type(codec, unit) in syntax.sets]
        assert packet.pts is not None
        left_out = {*syntax.sets, *syntax.messages, *syntax.delimiters}
        kept = tuple(unit for unit in units if unit_type(codec, unit) not in left_out)
        return Piece(packet.pts, packet.is_keyframe, kept)


def copied_pieces(
    container: InputContainer, stream: VideoStream, codec: str, clip: Clip, plan: SmartPlan
) -> Iterator[Piece]:
    """Yield the packets that are copied, without the parameter sets that the file's head has."""
    n_bytes = length_bytes(codec, stream.codec_context.extradata or b"")
    syntax = SYNTAXES[codec]
    first, last = min(plan.copied), max(plan.copied)
    left_out = {*syntax.sets, *syntax.delimiters}
    for number, packet in enumerate(packets_from(container, stream, clip.start_pts)):
        if number > last:
            return
        if number not in plan.copied:
            continue
        units = list(split_units(bytes(packet), n_bytes))
        # Containers call pictures keyframes that are none.
        is_key = any(unit_type(codec, unit) in syntax.clean for unit in units)
        kept = [unit for unit in units if unit_type(codec, unit) not in left_out]
        if codec == "hevc" and number == first:
            kept = [as_first(unit) for unit in kept]
        yield Piece(plan.copied[number], is_key, tuple(kept))


def mux_pictures(
    stream: VideoStream,
    clip: Clip,
    decoding: Sequence[int],
    pieces: Iterable[Piece],
    sets: Sequence[bytes],
    out: Path,
) -> None:
    """Write coded pictures as an MP4 file, the first frame at 0.

    `decoding` are the times of their frames in the order of decoding. When they are decoded is
    worked out from that, as for a copy.
    """
    ordered = sorted(decoding)
    ends = [*ordered[1:], clip.end_pts]
    early = max(one - other for one, other in zip(ordered, decoding, strict=True))
    with av.open(url(out), "w", format="mp4", options=OPTIONS) as file:
        made = file.add_stream_from_template(stream, opaque=True)
        made.metadata.clear()
        made.codec_context.extradata = join_units(sets)
        for piece, start, end in zip(pieces, ordered, ends, strict=True):
            packet = Packet(join_units(piece.units))
            packet.stream = made
            packet.time_base = clip.time_base
            packet.pts = piece.pts - clip.start_pts
            packet.dts = start - clip.start_pts - early
            packet.duration = end - start
            packet.is_keyframe = piece.is_key
            file.mux(packet)
