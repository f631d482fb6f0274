"""Measurements and proxy pictures at chosen times, so that clips are scored without decoding.

A sample is taken at least once an interval and once soon after every abrupt change, so that each
shot of 0.3 s and more has one.
"""

from dataclasses import dataclass, field
from fractions import Fraction

import cv2
import numpy as np
import pyarrow as pa
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from vidcurate.media.decode import FULL_RANGE, Small, plane_array
from vidcurate.media.measures import (
    COLOUR_NAMES,
    Image,
    Measures,
    colour_shares,
    colourfulness,
    measure,
)
from vidcurate.media.orientation import Matrix, upright

ABRUPT = 20.0
SETTLE_S = Fraction(1, 10)
LEAST_GAP_S = Fraction(1, 4)
FLOW_GAP_S = Fraction(8, 100)
FLOW_GAP_MAX_S = Fraction(1, 4)
FLOW_LEAST_SIDE = 32
EIGHT_BIT_LUMA = frozenset(
    {"yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p", "nv12", "gray"}
)

FLOATS = (
    *(name for name in Measures.__dataclass_fields__),
    "colourfulness",
    "motion_mean",
    "motion_spread",
)
SAMPLES_SCHEMA = pa.schema(
    [
        pa.field("pts", pa.int64(), False),
        *(pa.field(name, pa.float32()) for name in FLOATS),
        pa.field("colours", pa.list_(pa.float32(), len(COLOUR_NAMES)), False),
        pa.field("jpeg", pa.binary(), False),
    ]
)


@dataclass(frozen=True, slots=True)
class ProxyShape:
    """How a coded frame becomes a proxy: scaled to width x height, then set upright by `matrix`."""

    width: int
    height: int
    matrix: Matrix
    quality: int

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height of the proxy as it is stored and seen."""
        turned = self.matrix[0] == 0
        return (self.height, self.width) if turned else (self.width, self.height)


@dataclass(slots=True)
class Pending:
    """A sample that waits for a later frame to measure motion against."""

    pts: int
    luma: Image
    row: dict[str, object]


@dataclass(slots=True)
class Sampler:
    """Chooses the frames to sample and gathers their rows; times are ticks of `time_base`."""

    shape: ProxyShape
    time_base: Fraction
    interval_s: Fraction
    rows: list[dict[str, object]] = field(default_factory=list)
    due: int | None = None
    last: int | None = None
    n_samples: int = 0
    pending: Pending | None = None
    reformatter: VideoReformatter = field(default_factory=VideoReformatter)
    flow: cv2.DISOpticalFlow = field(
        default_factory=lambda: cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    )

    def step(self, pts: int, frame: VideoFrame, small: Small, change: float) -> None:
        """Take note of one frame and sample it if its time has come.

        `small` is the small picture of the frame (decode.Shrinker), `change` its difference from
        the one before, 0..255.
        """
        if change >= ABRUPT and self.last is not None:
            self.finish(None)
            soon = max(pts + self.ticks(SETTLE_S), self.last + self.ticks(LEAST_GAP_S))
            self.due = min(soon, self.last + self.ticks(self.interval_s + LEAST_GAP_S))
        if self.pending is not None and pts >= self.pending.pts + self.ticks(FLOW_GAP_S):
            self.finish((pts, small.luma))
        if self.due is None or pts >= self.due:
            self.finish(None)
            row = sample_row(pts, frame, self.shape, self.reformatter)
            self.pending = Pending(pts, small.luma.copy(), row)
            self.last, self.due = pts, pts + self.ticks(self.interval_s)

    def finish(self, later: tuple[int, Image] | None) -> None:
        """Complete the sample that waits, with motion up to a later frame or without."""
        if self.pending is None:
            return
        if later is not None:
            elapsed_s = (later[0] - self.pending.pts) * self.time_base
            if elapsed_s <= FLOW_GAP_MAX_S and min(later[1].shape) >= FLOW_LEAST_SIDE:
                mean, spread = motion(self.flow, self.pending.luma, later[1])
                self.pending.row["motion_mean"] = mean / float(elapsed_s)
                self.pending.row["motion_spread"] = spread / float(elapsed_s)
        self.rows.append(self.pending.row)
        self.n_samples += 1
        self.pending = None

    def take(self) -> pa.RecordBatch:
        """The finished rows since the last call."""
        rows, self.rows = self.rows, []
        return pa.RecordBatch.from_pylist(rows, schema=SAMPLES_SCHEMA)

    def ticks(self, seconds: Fraction) -> int:
        """A time span in ticks."""
        return round(seconds / self.time_base)


def sample_row(
    pts: int, frame: VideoFrame, shape: ProxyShape, reformatter: VideoReformatter
) -> dict[str, object]:
    """All that is measured on one frame alone, and its proxy as a JPEG.

    The reformatter keeps its scaling tables from frame to frame; making them costs more than
    scaling one frame.
    """
    picture = reformatter.reformat(
        frame, shape.width, shape.height, "bgr24", interpolation="AREA", threads=1
    ).to_ndarray()
    bgr = upright(picture, shape.matrix)
    luma, full_range = native_luma(frame)
    measures = measure(luma, full_range=full_range)
    row: dict[str, object] = {name: getattr(measures, name) for name in FLOATS[:-3]}
    row |= upright_bars(measures, shape.matrix)
    row |= {"pts": pts, "colourfulness": colourfulness(bgr), "colours": colour_shares(bgr)}
    row["jpeg"] = jpeg(bgr, shape.quality)
    return row


def upright_bars(measures: Measures, matrix: Matrix) -> dict[str, object]:
    """The letterbox bars by the sides at which they are shown."""
    across = [measures.letterbox_left, measures.letterbox_right]
    down = [measures.letterbox_top, measures.letterbox_bottom]
    a, b, c, d = matrix
    if a == 0:
        across, down = down, across
    if a < 0 or c < 0:
        across.reverse()
    if b < 0 or d < 0:
        down.reverse()
    names = ("letterbox_left", "letterbox_right", "letterbox_top", "letterbox_bottom")
    return dict(zip(names, (*across, *down), strict=True))


def native_luma(frame: VideoFrame) -> tuple[Image, bool]:
    """A frame's luma at native size, 8-bit, and whether it is full range."""
    full_range = frame.color_range == FULL_RANGE or frame.format.name.startswith("yuvj")
    if frame.format.name not in EIGHT_BIT_LUMA or frame.planes[0].line_size <= 0:
        frame = frame.reformat(format="yuv420p")
    return plane_array(frame.planes[0]), full_range


def jpeg(bgr: Image, quality: int) -> bytes:
    """A picture as JPEG bytes."""
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()


def motion(flow: cv2.DISOpticalFlow, before: Image, after: Image) -> tuple[float, float]:
    """Mean and standard deviation of optical flow between two luma pictures, in diagonals.

    Dense inverse search (Kroeger et al. 2016) at its fastest setting.
    """
    field_of_motion = flow.calc(before, after, None)  # type: ignore[call-overload]
    lengths = cv2.magnitude(*cv2.split(field_of_motion))
    mean, spread = cv2.meanStdDev(lengths)
    diagonal = float(np.hypot(*before.shape))
    return float(mean[0, 0]) / diagonal, float(spread[0, 0]) / diagonal
