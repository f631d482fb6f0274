"""Measurements and proxies at chosen times, so that clips are scored without decoding.

A sample is taken at least once an interval and once soon after every abrupt change, so that each
shot of 0.3 s and more has one.
"""

from dataclasses import asdict, dataclass, field
from fractions import Fraction

import cv2
import pyarrow as pa
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from vidcurate.media.io.colour import FULL_RANGE, as_rgb
from vidcurate.media.io.decode import SmallFrame, as_planar, plane_array
from vidcurate.media.io.orientation import Matrix, upright
from vidcurate.media.visual.camera import (
    CELLS,
    MIN_FLOW_SIDE,
    FlowMeter,
    View,
    camera_motion,
    flow_speed,
    velocity_change,
)
from vidcurate.media.visual.measures import (
    COLOUR_NAMES,
    Image,
    Measures,
    coarse_pixels,
    colour_shares,
    colourfulness,
    measure,
)

ABRUPT = 20.0
SETTLE_S = Fraction(1, 10)
MIN_GAP_S = Fraction(1, 4)
FLOW_GAP_S = Fraction(8, 100)
N_FOLLOWED = 2
FLOW_GAP_MAX_S = Fraction(1, 4)
LIMITED_RANGE = 1
EIGHT_BIT_LUMA = frozenset(
    {"yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p", "nv12"}
)

OF_ONE_FRAME = (*Measures.__dataclass_fields__, "colourfulness")
OBJECT_CELLS = "object_cells"
OF_CAMERA = ("pan", "tilt", "zoom", "roll", "agreement", "object_motion", OBJECT_CELLS)
OF_TWO_FRAMES = (
    *("motion_mean", "motion_spread", "pan", "tilt", "zoom", "roll"),
    *("agreement", "shake", "object_motion"),
)
SAMPLES_SCHEMA = pa.schema(
    [
        pa.field("pts", pa.int64(), False),
        *(pa.field(name, pa.float32()) for name in (*OF_ONE_FRAME, *OF_TWO_FRAMES)),
        pa.field(OBJECT_CELLS, pa.list_(pa.float32(), 2 * CELLS**2)),
        pa.field("colours", pa.list_(pa.float32(), len(COLOUR_NAMES)), False),
        pa.field("jpeg", pa.binary(), False),
    ]
)


@dataclass(frozen=True, slots=True)
class ProxyShape:
    """How a coded frame becomes a proxy: scaled to width x height, then turned by `matrix`."""

    width: int
    height: int
    matrix: Matrix
    quality: int

    @property
    def stored_size(self) -> tuple[int, int]:
        """Width and height of the proxy as it is stored."""
        turned = self.matrix[0] == 0
        return (self.height, self.width) if turned else (self.width, self.height)

    @property
    def view(self) -> View:
        """How a small copy of the same frame is shown."""
        return View(self.width, self.height, self.matrix)


@dataclass(slots=True)
class Sample:
    """A sample's row, and the times and small luma of its frame and of up to two later ones."""

    row: dict[str, object]
    seen: list[tuple[int, Image]]


@dataclass(slots=True)
class Sampler:
    """Chooses the frames to sample and collects their rows; times are ticks of `time_base`.

    Motion is measured when the rows are taken: in one go, that is faster than between two frames
    that a decoder works on.
    """

    shape: ProxyShape
    time_base: Fraction
    interval_s: Fraction
    samples: list[Sample] = field(default_factory=list)
    due: int | None = None
    last: int | None = None
    flow_due: int = 0
    n_samples: int = 0
    is_changing: bool = False
    pending: Sample | None = None
    reformatter: VideoReformatter = field(default_factory=VideoReformatter)
    flow: FlowMeter = field(default_factory=FlowMeter)

    def step(self, pts: int, frame: VideoFrame, small: SmallFrame, change: float) -> None:
        """Take one frame, and sample it if its time has come.

        `small` is the small picture of the frame (decode.Shrinker), `change` its difference from
        the one before, 0..255.
        """
        was_changing, self.is_changing = self.is_changing, change >= ABRUPT
        # A change that goes on from frame to frame is fast motion, whose flow is worth having.
        if self.is_changing and not was_changing and self.last is not None:
            self.finish()
            soon = max(pts + self.ticks(SETTLE_S), self.last + self.ticks(MIN_GAP_S))
            self.due = min(soon, self.last + self.ticks(self.interval_s + MIN_GAP_S))
        if self.pending is not None and pts >= self.flow_due:
            self.follow(self.pending, pts, small.luma)
        if self.due is None or pts >= self.due:
            self.finish()
            row = sample_row(pts, frame, small, self.shape, self.reformatter)
            self.pending = Sample(row, [(pts, small.luma.copy())])
            self.flow_due = pts + self.ticks(FLOW_GAP_S)
            self.last, self.due = pts, pts + self.ticks(self.interval_s)

    def follow(self, sample: Sample, pts: int, luma: Image) -> None:
        """Keep what a later frame shows; a second such frame shows how steady the motion is."""
        elapsed_s = (pts - sample.seen[-1][0]) * self.time_base
        if elapsed_s <= FLOW_GAP_MAX_S and min(luma.shape) >= MIN_FLOW_SIDE:
            sample.seen.append((pts, luma.copy()))
            self.flow_due = pts + self.ticks(FLOW_GAP_S)
            if len(sample.seen) <= N_FOLLOWED:
                return
        self.finish()

    def finish(self) -> None:
        """Complete the waiting sample with what is known of it."""
        if self.pending is not None:
            self.samples.append(self.pending)
            self.n_samples += 1
            self.pending = None

    def take(self) -> pa.RecordBatch:
        """Return the finished rows since the last call."""
        samples, self.samples = self.samples, []
        for sample in samples:
            sample.row |= self.motion(sample)
        return pa.RecordBatch.from_pylist([one.row for one in samples], schema=SAMPLES_SCHEMA)

    def motion(self, sample: Sample) -> dict[str, object]:
        """Measure how all that is seen moves, what of it the camera does, and how steadily."""
        (begins, before), *later = sample.seen
        if not later:
            return {}
        (then, after), *last = later
        elapsed_s = (then - begins) * self.time_base
        flow = self.flow.between(before, after)
        speed = flow_speed(flow, elapsed_s)
        found: dict[str, object] = dict(zip(("motion_mean", "motion_spread"), speed, strict=True))
        camera = camera_motion(flow, before, after, self.shape.view, elapsed_s)
        if camera is None:
            return found
        found |= {name: getattr(camera, name) for name in OF_CAMERA}
        for ends, luma in last:
            elapsed_s = (ends - then) * self.time_base
            flow, places = self.flow.roughly(after, luma), camera.reached
            onward = camera_motion(flow, after, luma, self.shape.view, elapsed_s, places)
            found["shake"] = velocity_change(camera, onward) if onward else None
        return found

    def ticks(self, seconds: Fraction) -> int:
        """Convert seconds to ticks."""
        return round(seconds / self.time_base)


def sample_row(
    pts: int,
    frame: VideoFrame,
    small: SmallFrame,
    shape: ProxyShape,
    reformatter: VideoReformatter,
) -> dict[str, object]:
    """Measure one frame by itself, and encode its proxy as a JPEG.

    The reformatter keeps its scaling tables from frame to frame; making them costs more than
    scaling one frame.
    """
    frame = as_planar(frame)
    picture = as_rgb(frame, shape.width, shape.height, "bgr24", "AREA", reformatter)
    bgr = upright(picture.to_ndarray(), shape.matrix)
    luma, full_range = native_luma(frame)
    measures = measure(luma, small.luma, full_range=full_range)
    row: dict[str, object] = asdict(measures)
    row |= upright_bars(measures, shape.matrix)
    coarse = coarse_pixels(bgr)
    row |= {"pts": pts, "colourfulness": colourfulness(coarse), "colours": colour_shares(coarse)}
    row["jpeg"] = jpeg(bgr, shape.quality)
    return row


def upright_bars(measures: Measures, matrix: Matrix) -> dict[str, object]:
    """Return the letterbox bars by the sides at which they are shown."""
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
    """Return a frame's luma at native size, 8-bit, and whether it is full range."""
    if frame.format.name == "gray":  # without a range, swscale takes it as full
        return plane_array(frame.planes[0]), frame.color_range != LIMITED_RANGE
    full_range = frame.color_range == FULL_RANGE or frame.format.name.startswith("yuvj")
    if frame.format.name not in EIGHT_BIT_LUMA or frame.planes[0].line_size <= 0:
        frame = frame.reformat(format="yuv420p", threads=1)
    return plane_array(frame.planes[0]), full_range


def jpeg(bgr: Image, quality: int) -> bytes:
    """Encode a picture as JPEG."""
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()
