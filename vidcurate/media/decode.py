"""The one decode of a film: every frame at native size, and a small copy of it for measuring.

Time is read in integer ticks of the stream's time base.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import av
import av.error
import cv2
import numpy as np
from av.container import InputContainer
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.stream import VideoStream
from numpy.typing import NDArray

SMALL_SIDE = 256
PLANAR = frozenset({"yuv420p", "yuv422p", "yuv444p"})
FULL_RANGE = 2
TYPICAL_RATE = Fraction(25)

Plane = NDArray[np.uint8]


@dataclass(slots=True)
class Faults:
    """What went wrong while a film was decoded; grows as decoding goes on."""

    n_damaged: int = 0
    n_out_of_order: int = 0
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class Small:
    """A small picture: 8-bit I420 of shape (height * 3 / 2, width), in limited range.

    `colorspace` is FFmpeg's number of the matrix that its colours are in.
    """

    i420: Plane
    colorspace: int

    @property
    def luma(self) -> Plane:
        """The upper two thirds, shape (height, width)."""
        return self.i420[: self.i420.shape[0] * 2 // 3]


@dataclass(slots=True)
class Shrinker:
    """Makes small pictures of frames that may change size or format in mid-stream.

    Their pixels are samples of the native ones, two by two interpolated and not averaged over an
    area, as PySceneDetect's are: the spread of the native luma survives. Planar 8-bit frames,
    those of nearly all films, are sampled straight from the decoder's planes, which measured at
    less than half of what a filter graph costs; all others go through one filter graph first.
    """

    width: int
    height: int
    graph: Graph | None = None
    key: tuple[object, ...] = ()
    buffers: list[Plane] = field(default_factory=list)

    def shrink(self, frame: VideoFrame) -> Small:
        """The small picture of a frame; valid until the second call after this one."""
        if not is_plain(frame):
            frame = self.convert(frame)
        if not self.buffers:
            shape = (self.height * 3 // 2, self.width)
            self.buffers = [np.empty(shape, np.uint8) for _ in range(2)]
        self.buffers.reverse()
        small = self.buffers[0]
        luma, size = self.height, (self.width, self.height)
        half = (self.width // 2, self.height // 2)
        chroma = small[luma:].reshape(2, half[1], half[0])
        planes = frame.planes
        cv2.resize(plane_array(planes[0]), size, dst=small[:luma])
        cv2.resize(plane_array(planes[1]), half, dst=chroma[0])
        cv2.resize(plane_array(planes[2]), half, dst=chroma[1])
        return Small(small, frame.colorspace)

    def convert(self, frame: VideoFrame) -> VideoFrame:
        """A frame of any format as planar 8-bit limited range, already of the small size."""
        key = (frame.width, frame.height, frame.format.name, frame.color_range, frame.colorspace)
        if self.graph is None or key != self.key:
            self.graph, self.key = shrinking_graph(frame, self.width, self.height), key
        self.graph.vpush(frame)
        return self.graph.vpull()


def shrinking_graph(frame: VideoFrame, width: int, height: int) -> Graph:
    """A filter graph that samples frames like this one down to I420 of the given size."""
    graph = Graph()
    base = frame.time_base or Fraction(1, 1000)
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=base
    )
    scale = graph.add("scale", f"{width}:{height}:flags=neighbor:out_range=tv")
    form = graph.add("format", "yuv420p")
    graph.link_nodes(source, scale, form, graph.add("buffersink")).configure()
    return graph


def is_plain(frame: VideoFrame) -> bool:
    """Whether a frame's own planes are 8-bit Y, U and V in limited range, stored top down."""
    planar = frame.format.name in PLANAR and frame.color_range != FULL_RANGE
    return planar and frame.planes[0].line_size > 0


def plane_array(plane: VideoPlane) -> Plane:
    """The decoder's own pixels of one 8-bit plane, not copied: shape (height, width)."""
    pixels: Plane = np.frombuffer(memoryview(plane), np.uint8)
    return pixels.reshape(plane.height, plane.line_size)[:, : plane.width]


def small_size(width: int, height: int) -> tuple[int, int]:
    """The size of small pictures: long side 256, never enlarged, even for the chroma's sake."""
    factor = max(1.0, max(width, height) / SMALL_SIDE)
    return even(width / factor), even(height / factor)


def even(length: float) -> int:
    """The nearest even number of pixels, at least 2."""
    return max(2, 2 * round(length / 2))


def decode(
    container: InputContainer, stream: VideoStream, faults: Faults
) -> Iterator[tuple[int, VideoFrame]]:
    """Every decoded frame with its pts, which always advances.

    The pts is FFmpeg's best guess where the packet has none, else one nominal frame after the
    last. A packet that cannot be decoded is counted and skipped. A frame whose timestamp does not
    advance has no place in the film's time: it is counted and left out, as a player drops it.
    """
    base = stream.time_base or Fraction(1, 1000)
    nominal = max(1, round(1 / (nominal_rate(stream) * base)))
    last: int | None = None
    for frame in decoded_frames(container, stream, faults):
        pts = frame.pts
        if pts is None:
            pts = 0 if last is None else last + nominal
        if last is not None and pts <= last:
            faults.n_out_of_order += 1
            continue
        last = pts
        yield pts, frame


def decoded_frames(
    container: InputContainer, stream: VideoStream, faults: Faults
) -> Iterator[VideoFrame]:
    """Every frame that the decoder gives, going on after packets that it refuses."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.error.FFmpegError, OSError) as error:
            faults.stopped = reason(error)
            return
        if packet is None:
            return
        try:
            frames = packet.decode()
        except (av.error.FFmpegError, ValueError):
            faults.n_damaged += 1
            continue
        for frame in frames:
            faults.n_damaged += frame.is_corrupt
            yield frame


def nominal_rate(stream: VideoStream) -> Fraction:
    """Frames a second as the header gives them; 25 where it gives none."""
    return stream.average_rate or stream.guessed_rate or stream.base_rate or TYPICAL_RATE


def reason(error: Exception) -> str:
    """FFmpeg's own words without its error number and file name."""
    return str(getattr(error, "strerror", None) or error)
