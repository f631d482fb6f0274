"""A video's clock, measured on its packets: where it starts and ends, its rate, constant or not.

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
TAIL_S = 2
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


class Stamp(NamedTuple):
    """The times of one packet, in ticks of its own stream's time base, without its data."""

    stream_index: int
    pts: int | None
    duration: int
    time_base: Fraction
    is_keyframe: bool


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a video, read until there is nothing more.

    `shown`: times of the pictures; `video_end`: end of the last one; both in ticks. `end_s`: end
    of the last packet of any stream.
    """

    shown: tuple[int, ...]
    video_end: int | None
    end_s: float


def measure(container: InputContainer, stream: VideoStream, path: Path) -> Timing:
    """The clock of a video that was just opened; moves the container's reading position.

    Raises MediaError for a video without packets or without timestamps.
    """
    base = stream.time_base or AV_TIME
    head = read_head(container, stream)
    stated_s = stated_end_s(container)
    windows, tail = [head], None
    if stated_s is not None and len(head) >= WINDOW:
        middle = int((float(head[0] * base) + stated_s) / 2 / base)
        windows.append(read_window(container, stream, middle))
        tail = read_tail(container, stream, int((stated_s - TAIL_S) / base))
    if tail is None or tail.video_end is None or disagree(stated_s, tail, windows, base):
        with open_video(path, makes_times=True) as (again, video):
            tail = read_on(again, video)
    windows.append(tail.shown[-WINDOW:])
    gaps = frame_gaps(windows[:1] if container.format.name == GUESSED_AFTER_SEEK else windows)
    is_vfr = varies(gaps, base)
    last = int(statistics.median(gaps)) if gaps else 1
    return Timing(
        start_pts=head[0],
        end_pts=max(tail.video_end or 0, head[-1] + last),
        frame_rate=frame_rate(stream, gaps, base, is_vfr=is_vfr),
        is_vfr=is_vfr,
        n_frames=len(head),
        faults=length_faults(stated_s, tail, windows, base),
    )


def read_head(container: InputContainer, stream: VideoStream) -> tuple[int, ...]:
    """The times of the first pictures, at most `WINDOW`, in order.

    Raises MediaError for a video without packets or without timestamps.
    """
    head = list(islice(stamps(container, stream), WINDOW))
    if not head:
        raise MediaError("no video data: the file holds only its header")
    shown = shown_times(head)
    if not shown:
        raise MediaError("no timestamps: a raw stream; put it into a container such as mkv or mp4")
    return shown


def read_window(container: InputContainer, stream: VideoStream, pts: int) -> tuple[int, ...]:
    """The times of some pictures near `pts`, in order; none where the video cannot be sought."""
    try:
        container.seek(pts, stream=stream)
    except av.error.FFmpegError:
        return ()
    return shown_times(from_keyframe(islice(stamps(container, stream), WINDOW)))


def read_tail(container: InputContainer, stream: VideoStream, pts: int) -> Tail | None:
    """All that follows the keyframe before `pts`; None where the video cannot be sought there."""
    try:
        container.seek(pts, stream=stream)
    except av.error.FFmpegError:
        return None
    return read_on(container, stream)


def read_on(container: InputContainer, stream: VideoStream) -> Tail:
    """All packets from here to where nothing more can be read."""
    video: list[Stamp] = []
    end_s = 0.0
    for stamp in stamps(container, *container.streams.video, *container.streams.audio):
        if stamp.pts is not None:
            end_s = max(end_s, float((stamp.pts + stamp.duration) * stamp.time_base))
        if stamp.stream_index == stream.index:
            video.append(stamp)
    ends = [s.pts + s.duration for s in video if s.pts is not None]
    return Tail(shown_times(from_keyframe(video)), max(ends, default=None), end_s)


def stamps(container: InputContainer, *streams: Stream) -> Iterator[Stamp]:
    """The times of packets from here on, to the end of what can be read of the file."""
    for packet in packets(container, streams, Damage()):
        if packet.size and not packet.is_discard:
            yield Stamp(
                packet.stream_index,
                packet_pts(packet),
                packet.duration or 0,
                packet.time_base,
                packet.is_keyframe,
            )


def from_keyframe(video: Iterable[Stamp]) -> Iterator[Stamp]:
    """Packets from the first keyframe on: what is before it has lost its neighbours."""
    return dropwhile(lambda stamp: not stamp.is_keyframe, video)


def shown_times(video: Iterable[Stamp]) -> tuple[int, ...]:
    """The distinct times at which packets are shown, in order."""
    return tuple(sorted({stamp.pts for stamp in video if stamp.pts is not None}))


def frame_gaps(windows: Iterable[Sequence[int]]) -> list[int]:
    """Ticks from frame to frame inside each window.

    The last pictures of a window are left out, and so is a gap far below the usual one: it parts
    a picture from a hidden reference picture (VP8) that is stored a tick before it.
    """
    inner = [window[: len(window) - min(REORDER, len(window) // 4)] for window in windows]
    gaps = [b - a for window in inner for a, b in pairwise(window)]
    usual = statistics.median(gaps) if gaps else 0
    return [gap for gap in gaps if gap > usual / 8]


def varies(gaps: Sequence[int], base: Fraction) -> bool:
    """Whether frames come at a variable rate, beyond what rounding to ticks or ms explains.

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
    """Frames a second: the exact rate that the packets were made for, a mean if it varies.

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
    """The whole rate nearest to a measured one, and the nearest of whole times 1000/1001."""
    ntsc = Fraction(round(rate * Fraction(1001, 1000)) * 1000, 1001)
    return Fraction(round(rate)), ntsc


def stated_end_s(container: InputContainer) -> float | None:
    """Where the header says that the video ends, in seconds; None where it does not say."""
    if container.duration is None or container.duration <= 0:
        return None
    return float(((container.start_time or 0) + container.duration) * AV_TIME)


def disagree(
    stated_s: float | None, tail: Tail, windows: Iterable[Sequence[int]], base: Fraction
) -> bool:
    """Whether the data ends elsewhere than the header says, by a second or two long frames."""
    if stated_s is None:
        return False
    longest = max(frame_gaps([*windows, tail.shown[-WINDOW:]]), default=0)
    return abs(tail.end_s - stated_s) > max(TOLERANCE_S, float(2 * longest * base))


def length_faults(
    stated_s: float | None, tail: Tail, windows: Iterable[Sequence[int]], base: Fraction
) -> tuple[str, ...]:
    """What the header says wrongly about the video's length."""
    if not disagree(stated_s, tail, windows, base):
        return ()
    return (f"the header says {stated_s:.2f} s, the data ends at {tail.end_s:.2f} s",)
