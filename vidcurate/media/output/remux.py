"""A clip's packets as they are in its video, in a file of their own: no picture is encoded anew."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Any

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from vidcurate.errors import MediaError
from vidcurate.media.audio.tracks import Track
from vidcurate.media.io.container import AV_TIME, open_video, packet_pts, seek_before, url
from vidcurate.media.io.packets import reason
from vidcurate.media.io.seeking import SPARSE
from vidcurate.records import Clip

# Sound is read from so long before the clip: containers store it somewhat apart from its picture.
SOUND_RUN_UP_S = 2
OPTIONS = {"movflags": "+faststart", "fflags": "+bitexact"}


@dataclass(frozen=True, slots=True)
class Span:
    """The packets that hold a clip: those from `first` up to `stop` as they are read.

    They are those from the keyframe at or before the clip's start, shown at `key_pts`, up to the
    last that has a frame of the clip. `times` says when each is shown that is written, and
    `end_pts` when the last one ends. `n_lead` and `n_tail` are frames before and after the clip.
    """

    first: int
    stop: int
    key_pts: int
    end_pts: int
    times: tuple[int, ...]
    n_lead: int
    n_tail: int

    @property
    def is_exact(self) -> bool:
        """Whether these packets hold the clip's frames and no others."""
        return self.n_lead == self.n_tail == 0


def find_span(path: Path, clip: Clip) -> Span:
    """The packets of a video that hold a clip.

    Raises MediaError where its frames cannot be told from packets.
    """
    with open_video(path) as (container, stream):
        if container.format.name in SPARSE and stream.codec_context.has_b_frames:
            raise MediaError("AVI and MPEG-PS with B-frames store no exact display times")
        first, read = read_from_keyframe(container, stream, clip)
    if not read:
        raise MediaError(f"no keyframe at or before {clip.start_s:.3f} s was found")
    last = max((n for n, (pts, _) in enumerate(read) if pts < clip.end_pts), default=-1)
    key_pts = read[0][0]
    # Frames of an open group that are shown before its keyframe need what came before it.
    shown = [(pts, end) for pts, end in read[: last + 1] if pts >= key_pts]
    times = tuple(pts for pts, _ in shown)
    n_lead = sum(pts < clip.start_pts for pts in times)
    n_tail = sum(pts >= clip.end_pts for pts in times)
    n_inside = len(shown) - n_lead - n_tail
    if n_inside != clip.n_frames:
        raise MediaError(f"{n_inside} packets hold the clip's {clip.n_frames} frames")
    end_pts = max(shown)[1] if n_tail else clip.end_pts
    return Span(first, first + last + 1, key_pts, end_pts, times, n_lead, n_tail)


def read_from_keyframe(
    container: InputContainer, stream: VideoStream, clip: Clip
) -> tuple[int, list[tuple[int, int]]]:
    """Times (start, end) of the packets from the last keyframe at or before the clip's start on.

    They are in the order in which they are decoded, up to where none of the clip can follow. The
    first has the number that is returned too.
    """
    first, read = 0, list[tuple[int, int]]()
    for number, packet in enumerate(packets(container, stream, clip.start_pts)):
        pts = packet_pts(packet)
        assert pts is not None
        if packet.is_keyframe and pts <= clip.start_pts:
            first, read = number, []
        elif number == 0:
            return 0, []
        if (pts if packet.dts is None else packet.dts) >= clip.end_pts:
            break
        if packet.is_discard:
            raise MediaError("the video's edit list hides frames of the clip")
        read.append((pts, pts + (packet.duration or 0)))
    return first, read


def packets(
    container: InputContainer, stream: VideoStream | AudioStream, pts: int
) -> Iterator[Any]:
    """Packets that have a time and data, from a keyframe at or before `pts` on, always the same."""
    landing = seek_before(container, stream, pts)
    if landing is None:
        container.seek(0)
    else:
        yield landing.packet
    for packet in container.demux(stream):
        if packet.size and packet_pts(packet) is not None:
            yield packet


def copy_span(path: Path, clip: Clip, span: Span, out: Path, track: Track | None) -> None:
    """Write some packets of a video as an MP4 file, with those of a track of the same time.

    The first frame is at 0. Raises MediaError for what MP4 cannot hold.
    """
    # Read apart, since a seek for one stream need not land well for the other.
    with open_video(path) as (video, picture), open_video(path) as (other, _):
        sources: list[VideoStream | AudioStream] = [picture]
        moved = [moved_picture(video, picture, clip, span)]
        if track is not None:
            sound = other.streams[track.index]
            assert isinstance(sound, AudioStream)
            times = (span.key_pts * clip.time_base, span.end_pts * clip.time_base)
            sources.append(sound)
            moved.append(moved_sound(other, sound, *times))
        try:
            mux(sources, moved, out)
        except (av.error.FFmpegError, ValueError) as error:
            codecs = " and ".join(s.codec_context.name for s in sources)
            raise MediaError(f"MP4 cannot hold {codecs} as they are: {reason(error)}") from error


def mux(
    sources: Sequence[VideoStream | AudioStream], moved: Sequence[Iterator[Any]], out: Path
) -> None:
    """Write packets of several streams into one MP4 file, in the order of their time."""
    with av.open(url(out), "w", format="mp4", options=OPTIONS) as file:
        made = [file.add_stream_from_template(s, opaque=True) for s in sources]
        for stream in made:
            stream.metadata.clear()
        timed = (in_time(packets, number) for number, packets in enumerate(moved))
        for _, number, packet in heapq.merge(*timed, key=lambda one: one[:2]):
            packet.stream = made[number]
            file.mux(packet)


def in_time(packets: Iterator[Any], number: int) -> Iterator[tuple[Fraction, int, Any]]:
    """Packets, each after its time in seconds and its stream's number."""
    for packet in packets:
        yield packet.dts * packet.time_base, number, packet


def moved_picture(
    container: InputContainer, stream: VideoStream, clip: Clip, span: Span
) -> Iterator[Any]:
    """The packets of a span, their first frame at 0.

    When they are decoded is worked out from when they are shown: not every container says it.
    """
    ordered = sorted(span.times)
    ends = [*ordered[1:], span.end_pts]
    early = max(one - other for one, other in zip(ordered, span.times, strict=True))
    read = islice(packets(container, stream, clip.start_pts), span.first, span.stop)
    shown = (packet for packet in read if (packet_pts(packet) or 0) >= span.key_pts)
    for packet, start, end in zip(shown, ordered, ends, strict=True):
        packet.pts = (packet_pts(packet) or 0) - span.key_pts
        packet.dts = start - span.key_pts - early
        packet.duration = end - start
        yield packet


def moved_sound(
    container: InputContainer, stream: AudioStream, start_s: Fraction, end_s: Fraction
) -> Iterator[Any]:
    """The packets of sound that begin within a time, which itself moves to 0."""
    base = stream.time_base or AV_TIME
    start, end = ceil(start_s / base), ceil(end_s / base)
    for packet in packets(container, stream, start - int(SOUND_RUN_UP_S / base)):
        pts = packet_pts(packet)
        assert pts is not None
        if pts >= end:
            return
        if pts >= start:
            packet.pts = packet.dts = pts - round(start_s / base)
            yield packet
