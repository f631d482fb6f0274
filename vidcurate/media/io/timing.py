"""A video's clock, measured on its packets: its start and end, and its constant or variable rate.

Nothing is decoded. Packets are read at the head, in the middle and at the tail; only a short video,
one whose header states no length and one whose header turns out to be wrong are read through.
"""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import dropwhile, islice, pairwise
from pathlib import Path
from typing import NamedTuple

import av.error
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from vidcurate.errors import MediaError
from vidcurate.media.io.container import AV_TIME, open_video, packet_pts
from vidcurate.media.io.packets import Damage, packets

WINDOW = 160
# The last packets of a window may lack a neighbour that is stored after them but shown before.
REORDER = 20
END_S = 2
TOLERANCE_S = 1.0
ROUNDING_S = Fraction(2, 1000)
NEAR = 0.001
USUAL_DENOMINATORS = (1, 1001)
# Display times in MPEG-PS are worked out from sparse ones, and wrongly just after a seek.
GUESSED_AFTER_SEEK = "mpeg"


@dataclass(frozen=True, slots=True)
class Timing:
    """When a video's pictures are shown, in ticks of its time base, and what its header got wrong.

    `end_pts` is the end of the last frame. `n_frames` counts the frames at the head, at most
    `WINDOW`; 1 means that the video is a single picture.
    """

    start_pts: int
    end_pts: int
    frame_rate: Fraction
    is_vfr: bool
    n_frames: int
    faults: tuple[str, ...]


class PacketTimes(NamedTuple):
    """The times of one packet, in ticks of its own stream's time base."""

    stream_index: int
    pts: int | None
    duration: int
    is_keyframe: bool


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """The end of a video, read until there is nothing more.

    `frame_times` are the times of the frames and `end_pts` the end of the last one, in ticks.
    `end_s` is the end of the last packet of any stream, in seconds.
    """

    frame_times: tuple[int, ...]
    end_pts: int | None
    end_s: float


def measure_timing(container: InputContainer, stream: VideoStream, path: Path) -> Timing:
    """Measure the clock of a video that was just opened; moves the reading position.

    Raises MediaError for a video without packets or without timestamps.
    """
    base = stream.time_base or AV_TIME
    head = read_first_times(container, stream)
    header_end_s = stated_end_s(container)
    windows, ending = [head], None
    if header_end_s is not None and len(head) >= WINDOW:
        middle = int((float(head[0] * base) + header_end_s) / 2 / base)
        windows.append(read_window(container, stream, middle))
        ending = read_end(container, stream, int((header_end_s - END_S) / base))
    if (
        ending is None
        or ending.end_pts is None
        or header_disagrees(header_end_s, ending, windows, base)
    ):
        with open_video(path, makes_times=True) as (again, video):
            ending = read_to_end(again, video)
    windows.append(ending.frame_times[-WINDOW:])
    gaps = frame_gaps(windows[:1] if container.format.name == GUESSED_AFTER_SEEK else windows)
    is_vfr = is_variable(gaps, base)
    last = int(statistics.median(gaps)) if gaps else 1
    return Timing(
        start_pts=head[0],
        end_pts=max(ending.end_pts or 0, head[-1] + last),
        frame_rate=frame_rate(stream, gaps, base, is_vfr=is_vfr),
        is_vfr=is_vfr,
        n_frames=len(head),
        faults=length_faults(header_end_s, ending, windows, base),
    )


def read_first_times(container: InputContainer, stream: VideoStream) -> tuple[int, ...]:
    """Return the times of the first pictures, at most `WINDOW`, in order.

    Raises MediaError for a video without packets or without timestamps.
    """
    head = list(islice(packet_times(container, stream), WINDOW))
    if not head:
        raise MediaError("no video data: the file holds only its header")
    frame_times = display_times(head)
    if not frame_times:
        raise MediaError("no timestamps: a raw stream; put it into a container such as mkv or mp4")
    return frame_times


def read_window(container: InputContainer, stream: VideoStream, pts: int) -> tuple[int, ...]:
    """Return the times of some pictures near `pts`, in order; empty where seeking fails."""
    try:
        container.seek(pts, stream=stream)
    except av.error.FFmpegError:
        return ()
    return display_times(from_keyframe(islice(packet_times(container, stream), WINDOW)))


def read_end(container: InputContainer, stream: VideoStream, pts: int) -> StreamEnd | None:
    """Read everything after the keyframe before `pts`; None where seeking fails."""
    try:
        container.seek(pts, stream=stream)
    except av.error.FFmpegError:
        return None
    return read_to_end(container, stream)


def read_to_end(container: InputContainer, stream: VideoStream) -> StreamEnd:
    """Read all packets from here to where nothing more can be read."""
    video: list[PacketTimes] = []
    ends: dict[int, int] = {}
    streams = (*container.streams.video, *container.streams.audio)
    for packet_time in packet_times(container, *streams):
        number, pts = packet_time.stream_index, packet_time.pts
        if pts is not None:
            ends[number] = max(ends.get(number, 0), pts + packet_time.duration)
        if number == stream.index:
            video.append(packet_time)
    last_pts = (s.pts + s.duration for s in video if s.pts is not None)
    bases = {s.index: s.time_base or AV_TIME for s in streams}
    return StreamEnd(
        frame_times=display_times(from_keyframe(video)),
        end_pts=max(last_pts, default=None),
        end_s=max((float(end * bases[number]) for number, end in ends.items()), default=0.0),
    )


def packet_times(container: InputContainer, *streams: Stream) -> Iterator[PacketTimes]:
    """Yield the times of packets from here to the end of what can be read."""
    for packet in packets(container, streams, Damage()):
        if packet.size and not packet.is_discard:
            yield PacketTimes(
                packet.stream_index, packet_pts(packet), packet.duration or 0, packet.is_keyframe
            )


def from_keyframe(video: Iterable[PacketTimes]) -> Iterator[PacketTimes]:
    """Skip packets before the first keyframe, which have lost their neighbours."""
    return dropwhile(lambda packet_time: not packet_time.is_keyframe, video)


def display_times(video: Iterable[PacketTimes]) -> tuple[int, ...]:
    """Return the distinct times at which packets are shown, in order."""
    return tuple(sorted({packet_time.pts for packet_time in video if packet_time.pts is not None}))


def frame_gaps(windows: Iterable[Sequence[int]]) -> list[int]:
    """Return the ticks from frame to frame inside each window.

    The last pictures of a window are left out, and so is a gap far below the usual one: it parts
    a picture from a hidden reference picture (VP8) that is stored a tick before it.
    """
    inner = [window[: len(window) - min(REORDER, len(window) // 4)] for window in windows]
    gaps = [b - a for window in inner for a, b in pairwise(window)]
    usual = statistics.median(gaps) if gaps else 0
    return [gap for gap in gaps if gap > usual / 8]


def is_variable(gaps: Sequence[int], base: Fraction) -> bool:
    """Check whether the frame rate varies by more than rounding to ticks or milliseconds.

    Gaps of a constant rate differ by one tick, or by up to 2 ms where the times have passed
    through a container that counts in milliseconds (Matroska, FLV, ASF).
    """
    if not gaps:
        return False
    usual = statistics.median(gaps)
    rounding = 1 if usual > 1 else 0
    allowed = max(rounding, min(float(ROUNDING_S / base), usual / 4))
    return max(gaps) - min(gaps) > allowed


def frame_rate(
    stream: VideoStream, gaps: Sequence[int], base: Fraction, *, is_vfr: bool
) -> Fraction:
    """Return frames per second: the exact rate of the packets, or a mean if it varies.

    Equal gaps give it. Where gaps are rounded to ticks it is the usual rate (whole, or whole times
    1000/1001) nearest to their mean, the header's own first.
    """
    stated = [rate for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate) if rate]
    if not gaps or is_vfr:
        return stated[0] if stated else Fraction(0)
    mean = 1 / (Fraction(sum(gaps), len(gaps)) * base)
    if max(gaps) == min(gaps):
        return mean
    usual = [rate for rate in stated if rate.denominator in USUAL_DENOMINATORS]
    for rates in (usual, usual_rates(mean), stated):
        near = [rate for rate in rates if abs(rate / mean - 1) < NEAR]
        if near:
            return min(near, key=lambda rate: abs(rate - mean))
    return mean.limit_denominator(1001)


def usual_rates(rate: Fraction) -> tuple[Fraction, Fraction]:
    """Return the whole rate nearest to a measured one, and the nearest of whole times 1000/1001."""
    ntsc = Fraction(round(rate * Fraction(1001, 1000)) * 1000, 1001)
    return Fraction(round(rate)), ntsc


def stated_end_s(container: InputContainer) -> float | None:
    """Return where the header says that the video ends, in seconds; None if it does not say."""
    if container.duration is None or container.duration <= 0:
        return None
    return float(((container.start_time or 0) + container.duration) * AV_TIME)


def header_disagrees(
    header_end_s: float | None, ending: StreamEnd, windows: Iterable[Sequence[int]], base: Fraction
) -> bool:
    """Check whether the data ends over a second or two long frames from where the header says."""
    if header_end_s is None:
        return False
    longest = max(frame_gaps([*windows, ending.frame_times[-WINDOW:]]), default=0)
    return abs(ending.end_s - header_end_s) > max(TOLERANCE_S, float(2 * longest * base))


def length_faults(
    header_end_s: float | None, ending: StreamEnd, windows: Iterable[Sequence[int]], base: Fraction
) -> tuple[str, ...]:
    """Describe what the header gets wrong about the video's length."""
    if not header_disagrees(header_end_s, ending, windows, base):
        return ()
    return (f"the header says {header_end_s:.2f} s, the data ends at {ending.end_s:.2f} s",)
