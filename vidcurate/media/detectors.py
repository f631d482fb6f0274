"""Cuts from recorded signals: PySceneDetect's detectors without decoding the film again.

Each detector decides as PySceneDetect 0.7's does with the same numbers; where a film's frame rate
varies, lengths are those of the frames' real times. Confidence is 1 - threshold / (2 * score):
0.5 at the threshold, 0.75 at twice it, towards 1 beyond.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scenedetect import FrameTimecode
from scenedetect.common import Timecode
from scenedetect.detector import FlashFilter

from vidcurate.errors import MediaError
from vidcurate.media.learned import COLUMNS, LearnedOptions, transitions
from vidcurate.media.signals import METRICS
from vidcurate.records import Cut

NOMINAL_FRAMES = 15
CERTAIN = 1.0

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """Which detector finds cuts, and the parameters of each, PySceneDetect's own by default.

    `min_scene_s` is the least time between cuts; None is PySceneDetect's 15 frames of the film's
    mean rate. `weights` are those of delta_hue, delta_sat, delta_lum and delta_edges.
    """

    detector: str = "adaptive"
    min_scene_s: float | None = None
    weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 0.0)
    content_threshold: float = 27.0
    adaptive_threshold: float = 3.0
    adaptive_window: int = 2
    adaptive_min_content: float = 15.0
    histogram_threshold: float = 0.20
    hash_threshold: float = 0.35
    fade_threshold: float = 12.0
    fixed_interval_s: float = 10.0
    learned_threshold: float = 0.7


@dataclass(frozen=True, slots=True)
class Film:
    """The recorded frames of one film, as the detectors read them."""

    frames: pa.Table
    pts: NDArray[np.int64]
    time_base: Fraction
    frame_rate: Fraction

    def signal(self, column: str) -> Scores:
        """One recorded signal; MediaError names the scan option that records a missing one."""
        if column not in self.frames.column_names:
            metric = next((name for name, columns in METRICS.items() if column in columns), column)
            raise MediaError(f"{column!r} was not recorded: scan with {metric!r} in scan.metrics")
        return np.asarray(self.frames[column].to_numpy(), np.float64)

    def long_enough(self, first: int, second: int, min_scene_s: float | None) -> bool:
        """Whether two frames, by index, lie a scene's least length apart."""
        elapsed_s = int(self.pts[second] - self.pts[first]) * self.time_base
        if min_scene_s is None:
            return round(elapsed_s * self.frame_rate) >= NOMINAL_FRAMES
        return elapsed_s >= Fraction(str(min_scene_s))


@dataclass(frozen=True, slots=True)
class Hit:
    """A transition by frame index: the old shot's last frame and the new one's first."""

    last: int
    first: int
    confidence: float
    kind: str | None = None


def detect(
    frames: pa.Table, time_base: Fraction, frame_rate: Fraction, options: DetectorOptions
) -> tuple[Cut, ...]:
    """The transitions of one film, in time order.

    `frames` is what scan.read_frames gives. Raises MediaError for an unknown detector, and for a
    signal that was not recorded.
    """
    if options.detector not in DETECTORS:
        known = ", ".join(DETECTORS)
        raise MediaError(f"no detector {options.detector!r}: choose from {known}")
    find, kind = DETECTORS[options.detector]
    pts = np.asarray(frames["pts"].to_numpy(), np.int64)
    film = Film(frames, pts, time_base, frame_rate)
    if len(pts) == 0:
        return ()
    hits = find(film, options)
    return tuple(as_cut(film, hit, hit.kind or kind, options.detector) for hit in hits)


def as_cut(film: Film, hit: Hit, kind: str, detector: str) -> Cut:
    """A hit in the film's own time."""
    start, end = int(film.pts[hit.last]), int(film.pts[hit.first])
    seconds = float(start * film.time_base), float(end * film.time_base)
    return Cut(start, end, *seconds, kind, hit.confidence, detector)


def content_values(film: Film, options: DetectorOptions) -> Scores:
    """PySceneDetect's content value of each frame: the weighted mean of its components."""
    columns = (*METRICS["content"], *METRICS["edges"])
    used = [(c, w) for c, w in zip(columns, options.weights, strict=True) if w != 0.0]
    total = sum(abs(weight) for _, weight in used)
    if total == 0.0:
        raise MediaError("all content weights are 0: give at least one of them another value")
    values: Scores = np.zeros(len(film.pts))
    for column, weight in used:
        values += film.signal(column) * (weight / total)
    return values


def content_hits(film: Film, options: DetectorOptions) -> Iterator[Hit]:
    """Frames whose content value reaches a threshold, bursts merged by PySceneDetect's filter."""
    values = content_values(film, options)
    length = NOMINAL_FRAMES if options.min_scene_s is None else float(options.min_scene_s)
    merge = FlashFilter(FlashFilter.Mode.MERGE, length)
    ticks = film.pts - film.pts[0]
    for tick, above in zip(ticks.tolist(), values >= options.content_threshold, strict=True):
        time = FrameTimecode(Timecode(tick, film.time_base), fps=film.frame_rate)
        for cut in merge.filter(time, bool(above)):
            first = int(np.searchsorted(ticks, cut.pts))
            if first > 0:
                yield Hit(first - 1, first, confidence(values[first], options.content_threshold))


def adaptive_hits(film: Film, options: DetectorOptions) -> Iterator[Hit]:
    """Frames whose content value stands out from those around it by a ratio."""
    values = content_values(film, options)
    width = options.adaptive_window
    if len(values) <= 2 * width:
        return
    around = np.lib.stride_tricks.sliding_window_view(values, 2 * width + 1)
    centre = values[width : len(values) - width]
    average = (around.sum(axis=1) - centre) / (2.0 * width)
    flat = np.abs(average) < 1e-5  # noqa: PLR2004 - what PySceneDetect takes for zero
    ratio = np.minimum(centre / np.where(flat, 1.0, average), 255.0)
    enough = centre >= options.adaptive_min_content
    ratio[flat] = np.where(enough[flat], 255.0, 0.0)
    reached = (ratio >= options.adaptive_threshold) & enough
    scores = np.concatenate([np.zeros(width), ratio])
    yield from spaced(
        film,
        np.flatnonzero(reached) + width,
        scores,
        options.adaptive_threshold,
        options.min_scene_s,
    )


def histogram_hits(film: Film, options: DetectorOptions) -> Iterator[Hit]:
    """Frames whose luma histogram correlates too little with the one before."""
    correlation = film.signal("histogram_correlation")
    reached = correlation <= 1.0 - options.histogram_threshold
    reached[0] = False
    yield from spaced(
        film,
        np.flatnonzero(reached),
        1.0 - correlation,
        options.histogram_threshold,
        options.min_scene_s,
    )


def hash_hits(film: Film, options: DetectorOptions) -> Iterator[Hit]:
    """Frames whose perceptual hash differs from the one before in too many bits."""
    distance = film.signal("hash_distance")
    reached = distance >= options.hash_threshold
    reached[0] = False
    yield from spaced(
        film, np.flatnonzero(reached), distance, options.hash_threshold, options.min_scene_s
    )


def spaced(
    film: Film,
    reached: NDArray[np.intp],
    scores: Scores,
    threshold: float,
    min_scene_s: float | None,
) -> Iterator[Hit]:
    """Frames that reached a threshold, each a scene's least length after the one kept before."""
    last = 0
    for first in reached.tolist():
        if first > 0 and film.long_enough(last, first, min_scene_s):
            last = first
            yield Hit(first - 1, first, confidence(scores[first], threshold))


def fade_hits(film: Film, options: DetectorOptions) -> Iterator[Hit]:
    """Passages through darkness, from the last bright frame before to the first one after.

    PySceneDetect's ThresholdDetector puts its cut in the middle of the dark frames; here the
    transition keeps both its ends. Confidence grows from 0.5 to 1 with the darkest frame.
    """
    level = film.signal("average_rgb")
    threshold = int(options.fade_threshold)
    dark = level < threshold
    turns = np.flatnonzero(np.diff(dark.astype(np.int8), prepend=0))
    last = 0
    for out, back in zip(turns[::2].tolist(), turns[1::2].tolist(), strict=False):
        if film.long_enough(last, back, options.min_scene_s):
            last = back
            depth = 1.0 - float(level[out:back].min()) / threshold
            yield Hit(max(0, out - 1), back, 0.5 + depth / 2.0)


def fixed_hits(film: Film, options: DetectorOptions) -> Iterator[Hit]:
    """The first frame at or after each multiple of an interval, counted from the first frame."""
    step = Fraction(str(options.fixed_interval_s)) / film.time_base
    ticks = film.pts - film.pts[0]
    n_steps = int(int(ticks[-1]) // step)
    goals = [-(-step * k // 1) for k in range(1, n_steps + 1)]
    for first in np.unique(np.searchsorted(ticks, goals)).tolist():
        yield Hit(first - 1, first, CERTAIN)


def learned_hits(film: Film, options: DetectorOptions) -> Iterator[Hit]:
    """Transitions of every kind, as the network judged them while the film was scanned."""
    recorded = np.stack([film.signal(name) for name in COLUMNS], axis=1).astype(np.float32)
    chosen = LearnedOptions(threshold=options.learned_threshold)
    for found in transitions(recorded, chosen):
        yield Hit(found.start, found.end, found.confidence, found.kind)


def confidence(score: float, threshold: float) -> float:
    """How far a score lies over its threshold, as 0.5..1; 1 where the threshold is 0."""
    return float(1.0 - threshold / (2.0 * score)) if score > 0 else CERTAIN


Finder = Callable[[Film, DetectorOptions], Iterator[Hit]]

DETECTORS: dict[str, tuple[Finder, str]] = {
    "content": (content_hits, "cut"),
    "adaptive": (adaptive_hits, "cut"),
    "histogram": (histogram_hits, "cut"),
    "hash": (hash_hits, "cut"),
    "threshold": (fade_hits, "fade"),
    "fixed": (fixed_hits, "fixed"),
    "learned": (learned_hits, "cut"),
}
