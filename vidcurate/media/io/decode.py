"""The one decode of a video: every frame at native size, and a small copy of it to measure.

Time is read in integer ticks of the stream's time base.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.filter import Graph
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidcurate.media.io.colour import (
    FULL_RANGE,
    RGB,
    SCALED,
    assumed_matrix,
    colours_of,
    is_rgb,
)
from vidcurate.media.io.packets import Clock, Damage, on_clock, packets

MAX_SIDE = 256
# What devices give, whose chroma planes are one, and what the CPU gives of the same video.
NV12 = "nv12"
SEMIPLANAR = {NV12: "yuv420p", "p010le": "yuv420p10le"}
# Formats that are sampled as they are: how many of their chroma pixels down and across lie in a
# square of 2 x 2 pixels.
SAMPLED = {"yuv420p": (1, 1), "yuv422p": (2, 1), "yuv444p": (2, 2), NV12: (1, 1)}
# Small frames that are kept to be measured in one go.
KEPT = 16
TYPICAL_RATE = Fraction(25)

Plane = NDArray[np.uint8]
PacketDecoder = Callable[[Iterable["Packet[Any]"], "Faults"], Iterator[Any]]


@dataclass(slots=True)
class Faults(Damage):
    """What went wrong while a video was decoded; it grows as decoding goes on.

    `offsets` are the ticks added in each part of a video that is joined of several, the first 0.
    """

    n_damaged: int = 0
    n_out_of_order: int = 0
    offsets: Sequence[int] = (0,)


@dataclass(slots=True)
class SmallFrame:
    """A frame made small: 8-bit I420 of shape (height * 3 / 2, width), in limited range.

    `colorspace` is FFmpeg's number of the matrix that its colours are in. `luma` is the upper two
    thirds, shape (height, width), `u` and `v` are of half that size.
    """

    i420: Plane
    colorspace: int
    luma: Plane = field(init=False)
    u: Plane = field(init=False)
    v: Plane = field(init=False)

    def __post_init__(self) -> None:
        """View the planes."""
        height, width = self.i420.shape[0] * 2 // 3, self.i420.shape[1]
        self.luma = self.i420[:height]
        self.u, self.v = self.i420[height:].reshape(2, height // 2, width // 2)


@dataclass(frozen=True, slots=True)
class Steps:
    """How many pixels down and across lie between the samples of luma and of chroma.

    Of `n_interleaved` chroma values in a row one is of a plane.
    """

    luma: tuple[int, int]
    chroma: tuple[int, int]
    n_interleaved: int = 1


UNSCALED = Steps((1, 1), (1, 1))


@dataclass(slots=True)
class Shrinker:
    """Makes small frames of one size from frames that may change size or format.

    Small pictures are every `step`-th native pixel each way and not averages over areas: the
    spread of the native luma survives, and where PySceneDetect shrinks by an odd whole number, as
    from 720p, the samples are its own. 8-bit frames of the video's `native` size are sampled
    straight from the decoder's planes, which costs a fraction of what swscale takes; all
    others go through one filter graph first.
    """

    native: tuple[int, int]
    step: int
    size: tuple[int, int]
    graph: Graph | None = None
    graph_key: tuple[object, ...] = ()
    key: tuple[object, ...] = ()
    steps: Steps | None = None
    ring: deque[SmallFrame] = field(default_factory=deque)

    def shrink(self, frame: VideoFrame) -> SmallFrame:
        """Shrink a frame; the result is valid until `KEPT` calls after this one."""
        key = frame.width, frame.height, frame.format.name, frame.color_range
        if key != self.key:
            self.key, self.steps = key, self.steps_through(frame)
        matrix, planes, steps = frame.colorspace, frame.planes, self.steps
        if steps is None or planes[0].line_size <= 0:
            matrix = small_matrix(frame) if is_rgb(frame.format) else matrix
            planes, steps = self.convert(frame).planes, UNSCALED
        if not self.ring:
            self.ring.extend(empty_frame(*self.size) for _ in range(KEPT))
        self.ring.rotate()
        small = self.ring[0]
        small.colorspace = matrix
        sample(planes[0], steps.luma, small.luma)
        n_chroma = steps.n_interleaved
        sample(planes[1], steps.chroma, small.u, n_chroma)
        # The last plane is V, or the one that holds both U and V.
        sample(planes[-1], steps.chroma, small.v, n_chroma, n_chroma - 1)
        return small

    def steps_through(self, frame: VideoFrame) -> Steps | None:
        """Return the steps at which frames like this one are sampled; None if they are converted.

        Their planes are 8-bit Y, U and V in limited range.
        """
        (width, height), step = self.size, self.step
        fits = frame.width >= width * step and frame.height >= height * step
        form = frame.format.name
        if not fits or (frame.width, frame.height) != self.native or form not in SAMPLED:
            return None
        if frame.color_range == FULL_RANGE:
            return None
        # A small chroma pixel stands for two small luma pixels; the native one may already do so.
        down, across = SAMPLED[form]
        return Steps((step, step), (step * down, step * across), 2 if form == NV12 else 1)

    def convert(self, frame: VideoFrame) -> VideoFrame:
        """Convert a frame of any format to planar 8-bit limited range at the small size."""
        if (frame.width, frame.height) == self.size:
            # Where it does not scale, swscale rounds p010 otherwise than ten bits in three planes.
            frame = as_planar(frame)
        key = (frame.width, frame.height, frame.format.name, frame.color_range, frame.colorspace)
        if self.graph is None or key != self.graph_key:
            self.graph, self.graph_key = shrinking_graph(frame, *self.size), key
        self.graph.vpush(frame)
        return self.graph.vpull()


def shrinker_for(frame: VideoFrame) -> Shrinker:
    """Make a shrinker for a video that begins with this frame."""
    native = frame.width, frame.height
    return Shrinker(native, *small_shape(*native))


def small_shape(width: int, height: int) -> tuple[int, tuple[int, int]]:
    """Return the step at which native pixels are sampled, and the size that gives.

    Its long side is at most 256, as from 720p. Its width is even and its height a multiple of
    four, so that two rows of chroma fill one of I420.
    """
    step = -(-max(width, height) // MAX_SIDE)
    return step, (max(2, width // 2 // step * 2), max(4, height // step // 4 * 4))


def small_matrix(frame: VideoFrame) -> int:
    """Return the colour matrix of a frame's small copy."""
    matrix = colours_of(frame).matrix
    return assumed_matrix(frame.width, frame.height) if matrix == RGB else matrix


def empty_frame(width: int, height: int) -> SmallFrame:
    """Allocate a small frame."""
    return SmallFrame(np.empty((height * 3 // 2, width), np.uint8), 0)


def sample(
    plane: VideoPlane, steps: tuple[int, int], into: Plane, n_interleaved: int = 1, number: int = 0
) -> None:
    """Copy the middle pixel of each cell of down x across pixels.

    A pixel may have several values in a row, of which the one of this number is taken.
    """
    (down, across), line = steps, plane.line_size
    first = down // 2 * line + across // 2 * n_interleaved + number
    # One view straight on the decoder's memory: Python's share of a frame counts.
    strides = down * line, across * n_interleaved
    np.copyto(into, np.ndarray(into.shape, np.uint8, memoryview(plane), first, strides))


def shrinking_graph(frame: VideoFrame, width: int, height: int) -> Graph:
    """Build a filter graph that samples frames like this one down to I420 of a size."""
    graph = Graph()
    graph.threads = 1
    base = frame.time_base or Fraction(1, 1000)
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=base
    )
    name = SCALED[small_matrix(frame)][1]
    own = "" if is_rgb(frame.format) else f"in_color_matrix={name}:"
    matrices = f"{own}out_color_matrix={name}"
    scale = graph.add("scale", f"{width}:{height}:flags=neighbor:out_range=tv:{matrices}")
    form = graph.add("format", "yuv420p")
    graph.link_nodes(source, scale, form, graph.add("buffersink")).configure()
    return graph


def plane_array(plane: VideoPlane) -> Plane:
    """View the decoder's pixels of one 8-bit plane without a copy: shape (height, width)."""
    pixels: Plane = np.frombuffer(memoryview(plane), np.uint8)
    return pixels.reshape(plane.height, plane.line_size)[:, : plane.width]


def as_planar(frame: VideoFrame) -> VideoFrame:
    """Return a frame with planes as the CPU decodes it, pixel by pixel the same."""
    form = SEMIPLANAR.get(frame.format.name)
    return frame if form is None else frame.reformat(format=form, threads=1)


@dataclass(slots=True)
class TimestampGuess:
    """Guesses when frames are shown: by their packet's time, or by the packet that released them.

    It decides as libavcodec's guess_correct_pts does, and so as the ffmpeg program: AVI and ASF
    store no display times, and those of some files go back where the others do not.
    """

    last_pts: int | None = None
    last_dts: int | None = None
    n_faulty_pts: int = 0
    n_faulty_dts: int = 0

    def time(self, frame: VideoFrame) -> int | None:
        """Return the time of the next frame; None where its packets have none."""
        pts, dts = frame.pts, frame.dts
        if dts is not None:
            self.n_faulty_dts += self.last_dts is not None and dts <= self.last_dts
            self.last_dts = dts
        elif pts is not None:
            self.last_dts = pts
        if pts is not None:
            self.n_faulty_pts += self.last_pts is not None and pts <= self.last_pts
            self.last_pts = pts
        elif dts is not None:
            self.last_pts = dts
        trusts_pts = self.n_faulty_pts <= self.n_faulty_dts or dts is None
        return pts if trusts_pts and pts is not None else dts


def decode_video(
    container: InputContainer,
    stream: VideoStream,
    faults: Faults,
    offsets: Sequence[int] = (),
    decode: "PacketDecoder | None" = None,
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield every frame of a video that was just opened with its pts, which always advances.

    A video joined of several recordings, each with a clock of its own, goes on where the clock
    begins again (`packets.Clock`); `offsets` are those of its parts where they are known. A packet
    that cannot be decoded is counted and skipped, unless `decode` does otherwise. A frame whose
    timestamp does not advance has no place in the video's time: it is counted and left out, as a
    player drops it.
    """
    base = stream.time_base or Fraction(1, 1000)
    clock = Clock(list(offsets) or [0])
    faults.offsets = clock.offsets
    found = on_clock(packets(container, stream, faults), clock, base)
    last: int | None = None
    for pts, frame in with_times((decode or decode_packets)(found, faults), stream):
        if last is not None and pts <= last:
            faults.n_out_of_order += 1
            continue
        last = pts
        yield pts, frame


def with_times(
    frames: Iterable[VideoFrame], stream: VideoStream
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield decoded frames with guessed times; without one, a frame begins where the last ends."""
    base = stream.time_base or Fraction(1, 1000)
    nominal = max(1, round(1 / (nominal_rate(stream) * base)))
    guess = TimestampGuess()
    due = 0
    for frame in frames:
        guessed = guess.time(frame)
        pts = due if guessed is None else guessed
        due = pts + (frame.duration or nominal)
        frame.pts = pts
        yield pts, frame


def decode_packets(found: Iterable["Packet[Any]"], faults: Faults) -> Iterator[Any]:
    """Yield the frames of packets, skipping packets that the decoder refuses."""
    for packet in found:
        try:
            frames: list[Any] = packet.decode()
        except (av.error.FFmpegError, ValueError):
            faults.n_damaged += 1
            continue
        for frame in frames:
            faults.n_damaged += frame.is_corrupt
            yield frame


def nominal_rate(stream: VideoStream) -> Fraction:
    """Return the frames per second of the header; 25 where it states none."""
    return stream.average_rate or stream.guessed_rate or stream.base_rate or TYPICAL_RATE
