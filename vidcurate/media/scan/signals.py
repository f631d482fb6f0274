"""Signals of every frame, recorded once so that detectors and thresholds need no new decode.

They are PySceneDetect's own metrics, taken from small pictures (see decode.py), so that its
thresholds hold, and four of luma that every scan has. Pixel values are 8-bit, full range.
"""

import math
from collections import deque
from dataclasses import dataclass, field

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from vidcurate.errors import MediaError
from vidcurate.media.io.decode import KEPT, SmallFrame
from vidcurate.media.shots import koala, learned, transnet

METRICS: dict[str, tuple[str, ...]] = {
    "content": ("delta_hue", "delta_sat", "delta_lum"),
    "edges": ("delta_edges",),
    "histogram": ("histogram_correlation",),
    "hash": ("hash_distance",),
    "threshold": ("average_rgb",),
    "koala": koala.COLUMNS,
    "learned": learned.COLUMNS,
    "transnet": transnet.COLUMNS,
}
DEFAULT_METRICS = ("learned",)
# These are made of colours as swscale gives them, and luma with them, by BT.601. Without them it is
# the video's own luma that is measured, which takes a tenth of the time; strong colours then differ
# by some levels.
COLOUR_METRICS = frozenset(METRICS) - {"learned", "transnet"}
LUMA_COLUMNS = ("luma_mean", "luma_spread", "black_share", "luma_delta")

# What is taken off a level, and the factor, that make it one of full range.
LIMITED, FULL = (16.0, 255 / 219), (0.0, 1.0)
BLACK_BELOW = 19.5
BINS = 128
HASH_SIDE, HASH_INPUT = 8, 16

Values = NDArray[np.float32]
Image = NDArray[np.uint8]


def signal_columns(metrics: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns that some metrics record, in order; those of luma come first.

    Raises MediaError for a metric that does not exist.
    """
    unknown = [name for name in metrics if name not in METRICS]
    if unknown:
        raise MediaError(f"no metric {unknown[0]!r}: choose from {', '.join(METRICS)}")
    chosen = [column for name in METRICS if name in metrics for column in METRICS[name]]
    return (*LUMA_COLUMNS, *chosen)


@dataclass(slots=True)
class ComparedFrame:
    """What the next frame's colours are compared with."""

    hsv: Image
    edges: Image | None = None
    description: koala.FrameDescription | None = None


@dataclass(slots=True)
class SignalMeter:
    """Measures small frames one by one and returns the numbers in blocks.

    What the next frame need not know is worked out for a few frames at once, which is faster
    than between two frames that a decoder works on; hashes and correlations of histograms are
    worked out when the block is taken.
    """

    metrics: tuple[str, ...]
    capacity: int
    count: int = 0
    previous_luma: Image | None = None
    previous: ComparedFrame | None = None
    reusable: ComparedFrame | None = None
    delta: Image | None = None
    waiting: list[Image] = field(default_factory=list)
    ring: deque[Image] = field(default_factory=deque)
    black: NDArray[np.bool_] | None = None
    scale: tuple[float, float] = field(init=False)
    reformatter: VideoReformatter = field(default_factory=VideoReformatter)
    levels: NDArray[np.float64] = field(init=False)
    deltas: NDArray[np.float64] = field(init=False)
    histograms: Values = field(init=False)
    hashes: Values = field(init=False)
    last_histogram: Values | None = None
    last_hash: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        """Allocate one block."""
        signal_columns(self.metrics)
        self.scale = LIMITED if COLOUR_METRICS.isdisjoint(self.metrics) else FULL
        self.levels = np.empty((self.capacity, 4))
        self.deltas = np.zeros((self.capacity, 7))
        self.histograms = np.empty((self.capacity, 256), np.float32)
        self.hashes = np.empty((self.capacity, HASH_SIDE, HASH_SIDE), np.float32)

    def add(self, small: SmallFrame) -> float:
        """Measure one frame, and return how much it differs from the one before, 0..255.

        That is PySceneDetect's content value with its default weights, or the mean change of luma
        where the content metric is not recorded.
        """
        bgr = None if self.scale is LIMITED else self.to_bgr(small)
        luma = small.luma if bgr is None else self.grey(bgr)
        change = 0.0
        if self.previous_luma is not None:
            levels = cv2.norm(luma, self.previous_luma, cv2.NORM_L1)
            change = levels / luma.size * self.scale[1]
        self.levels[self.count, 3] = change
        if bgr is not None:
            change = self.compare(bgr, luma, change)
        self.previous_luma = luma
        self.waiting.append(luma)
        self.count += 1
        if len(self.waiting) == KEPT:
            self.measure_waiting()
        return change

    def grey(self, bgr: Image) -> Image:
        """Return the luma of a picture in BGR, which is kept as long as a small frame is."""
        if not self.ring:
            self.ring.extend(np.empty(bgr.shape[:2], np.uint8) for _ in range(KEPT + 1))
        self.ring.rotate()
        return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY, dst=self.ring[0]))

    def measure_waiting(self) -> None:
        """Measure the luma of the frames that wait: mean, standard deviation, share of black."""
        offset, factor = self.scale
        black_code = math.ceil(offset + BLACK_BELOW / factor)
        for row, luma in enumerate(self.waiting, self.count - len(self.waiting)):
            if self.black is None:
                self.black = np.empty(luma.shape, bool)
            mean, spread = cv2.meanStdDev(luma)
            black = np.count_nonzero(np.less(luma, black_code, out=self.black)) / luma.size
            level = min(max(0.0, (mean[0, 0] - offset) * factor), 255.0)
            self.levels[row, :3] = level, spread[0, 0] * factor, black
            if "histogram" in self.metrics:
                counts = cv2.calcHist([luma], [0], None, [256], [0, 256])
                self.histograms[row] = counts.ravel()
            if "hash" in self.metrics:
                self.hashes[row] = low_frequencies(luma)
        self.waiting.clear()

    def to_bgr(self, small: SmallFrame) -> Image:
        """Convert a small frame to BGR, shape (height, width, 3), by swscale.

        OpenCV's own conversion is brighter by a level or two than what swscale gives to those
        programs that decode with OpenCV, such as PySceneDetect, and histograms show that.
        """
        frame = VideoFrame.from_numpy_buffer(small.i420, "yuv420p")
        frame.colorspace = small.colorspace
        plane = self.reformatter.reformat(frame, format="bgr24", threads=1).planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        return rows[:, : 3 * plane.width].reshape(plane.height, plane.width, 3)

    def compare(self, bgr: Image, luma: Image, luma_delta: float) -> float:
        """Fill in the differences in colour to the frame before; all are 0 for the first one.

        Returns the content value, or the mean change of luma where that is not recorded.
        """
        previous, change = self.previous, luma_delta
        current = self.reusable or ComparedFrame(np.empty_like(bgr))
        row, n_pixels = self.deltas[self.count], luma.size
        row[:] = 0.0
        if "content" in self.metrics:
            cv2.cvtColor(bgr, cv2.COLOR_BGR2HSV, dst=current.hsv)
            if previous is not None:
                delta = self.delta = np.empty_like(bgr) if self.delta is None else self.delta
                cv2.absdiff(current.hsv, previous.hsv, dst=delta)
                hue, saturation, value, _ = cv2.sumElems(delta)
                row[:3] = hue / n_pixels, saturation / n_pixels, value / n_pixels
                change = (hue + saturation + value) / (3.0 * n_pixels)
        if "edges" in self.metrics:
            current.edges = edges_of(bgr)
            if previous is not None and previous.edges is not None:
                row[3] = cv2.norm(current.edges, previous.edges, cv2.NORM_L1) / n_pixels
        if "threshold" in self.metrics:
            row[4] = sum(cv2.mean(bgr)) / 3.0
        if "koala" in self.metrics:
            current.description = koala.describe_frame(bgr, luma)
            before = None if previous is None else previous.description
            row[5:] = koala.similarities(before or current.description, current.description)
        self.previous, self.reusable = current, previous
        return change

    def take(self) -> dict[str, Values]:
        """Return the columns of all frames since the last call, by name, and start anew."""
        self.measure_waiting()
        rows, self.count = self.deltas[: self.count], 0
        columns = dict(zip(LUMA_COLUMNS, self.levels[: len(rows)].T, strict=True))
        if "content" in self.metrics:
            columns |= dict(zip(METRICS["content"], rows[:, :3].T, strict=True))
        if "edges" in self.metrics:
            columns["delta_edges"] = rows[:, 3]
        if "histogram" in self.metrics:
            columns["histogram_correlation"] = self.correlations(self.histograms[: len(rows)])
        if "hash" in self.metrics:
            columns["hash_distance"] = self.hash_distances(self.hashes[: len(rows)])
        if "threshold" in self.metrics:
            columns["average_rgb"] = rows[:, 4]
        if "koala" in self.metrics:
            columns |= dict(zip(METRICS["koala"], rows[:, 5:].T, strict=True))
        return {name: values.astype(np.float32) for name, values in columns.items()}

    def correlations(self, histograms: Values) -> NDArray[np.float64]:
        """Correlate each frame's 128-bin luma histogram with the one before (Pearson).

        As OpenCV's HISTCMP_CORREL: 1 for the first picture and where both histograms are flat.
        """
        bins = histograms.reshape(len(histograms), BINS, -1).sum(axis=2)
        before = bins[:1] if self.last_histogram is None else self.last_histogram
        if len(bins):
            self.last_histogram = bins[-1:]
        centred = np.concatenate([before, bins]).astype(np.float64)
        centred -= centred.mean(axis=1, keepdims=True)
        power = (centred**2).sum(axis=1)
        norm = np.sqrt(power[1:] * power[:-1])
        together = (centred[1:] * centred[:-1]).sum(axis=1)
        correlated: NDArray[np.float64] = np.ones_like(norm)
        np.divide(together, norm, out=correlated, where=norm > np.finfo(float).eps)
        return correlated

    def hash_distances(self, frequencies: Values) -> NDArray[np.float64]:
        """Return the share of perceptual hash bits that differ from the frame before."""
        flat = frequencies.reshape(len(frequencies), -1)
        bits = flat > np.median(flat, axis=1, keepdims=True)
        before = bits[:1] if self.last_hash is None else self.last_hash
        if len(bits):
            self.last_hash = bits[-1:]
        joined = np.concatenate([before, bits])
        distances: NDArray[np.float64] = (joined[1:] != joined[:-1]).mean(axis=1)
        return distances


def low_frequencies(luma: Image) -> Values:
    """Return the 8 x 8 lowest DCT coefficients whose signs against their median are the hash.

    As PySceneDetect's HashDetector with its defaults (size 8, lowpass 2), on whole cells of
    pixels: what is over at the edges is left out, since area averages of broken cells take ten
    times as long.
    """
    height, width = (length // HASH_INPUT * HASH_INPUT for length in luma.shape)
    if height and width:
        top, left = (luma.shape[0] - height) // 2, (luma.shape[1] - width) // 2
        luma = luma[top : top + height, left : left + width]
    tiny = cv2.resize(luma, (HASH_INPUT, HASH_INPUT), interpolation=cv2.INTER_AREA)
    scaled = tiny.astype(np.float32) / np.float32(max(1, tiny.max()))
    return np.asarray(cv2.dct(scaled)[:HASH_SIDE, :HASH_SIDE], np.float32)


def edges_of(bgr: Image) -> Image:
    """Return widened Canny edges of the HSV value, as PySceneDetect's ContentDetector does."""
    value = bgr.max(axis=2)
    median = float(np.median(value))
    low, high = int(max(0.0, median * 2 / 3)), int(min(255.0, median * 4 / 3))
    side = 4 + round(math.sqrt(value.size) / 192)
    kernel = np.ones((side + (side + 1) % 2,) * 2, np.uint8)
    return np.asarray(cv2.dilate(cv2.Canny(value, low, high), kernel), np.uint8)
