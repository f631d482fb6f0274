"""PySceneDetect's detectors, on recorded signals instead of on decoded frames.

Each decides as PySceneDetect 0.7's does with the same numbers; where a video's frame rate varies,
lengths are those of the frames' real times. Confidence is 1 - threshold / (2 * score): 0.5 at the
threshold, 0.75 at twice it, towards 1 beyond.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scenedetect import FrameTimecode
from scenedetect.common import Timecode
from scenedetect.detector import FlashFilter

from vidcurate.errors import MediaError
from vidcurate.media.scan.signals import METRICS
from vidcurate.media.shots.recording import NOMINAL_FRAMES, DetectorOptions, Hit, Scores, Video


def content_values(video: Video, options: DetectorOptions) -> Scores:
    """PySceneDetect's content value of each frame: the weighted mean of its components."""
    columns = (*METRICS["content"], *METRICS["edges"])
    used = [(c, w) for c, w in zip(columns, options.weights, strict=True) if w != 0.0]
    total = sum(abs(weight) for _, weight in used)
    if total == 0.0:
        raise MediaError("all content weights are 0: give at least one of them another value")
    values: Scores = np.zeros(len(video.pts))
    for column, weight in used:
        values += video.signal(column) * (weight / total)
    return values


def content_hits(video: Video, options: DetectorOptions) -> Iterator[Hit]:
    """Frames whose content value reaches a threshold, bursts merged by PySceneDetect's filter."""
    values = content_values(video, options)
    length = NOMINAL_FRAMES if options.min_scene_s is None else float(options.min_scene_s)
    merge = FlashFilter(FlashFilter.Mode.MERGE, length)
    ticks = video.pts - video.pts[0]
    for tick, above in zip(ticks.tolist(), values >= options.content_threshold, strict=True):
        time = FrameTimecode(Timecode(tick, video.time_base), fps=video.frame_rate)
        for cut in merge.filter(time, bool(above)):
            first = int(np.searchsorted(ticks, cut.pts))
            if first > 0:
                yield Hit(first - 1, first, confidence(values[first], options.content_threshold))


def adaptive_hits(video: Video, options: DetectorOptions) -> Iterator[Hit]:
    """Frames whose content value stands out from those around it by a ratio."""
    values = content_values(video, options)
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
        video,
        np.flatnonzero(reached) + width,
        scores,
        options.adaptive_threshold,
        options.min_scene_s,
    )


def histogram_hits(video: Video, options: DetectorOptions) -> Iterator[Hit]:
    """Frames whose luma histogram correlates too little with the one before."""
    correlation = video.signal("histogram_correlation")
    reached = correlation <= 1.0 - options.histogram_threshold
    reached[0] = False
    yield from spaced(
        video,
        np.flatnonzero(reached),
        1.0 - correlation,
        options.histogram_threshold,
        options.min_scene_s,
    )


def hash_hits(video: Video, options: DetectorOptions) -> Iterator[Hit]:
    """Frames whose perceptual hash differs from the one before in too many bits."""
    distance = video.signal("hash_distance")
    reached = distance >= options.hash_threshold
    reached[0] = False
    yield from spaced(
        video, np.flatnonzero(reached), distance, options.hash_threshold, options.min_scene_s
    )


def spaced(
    video: Video,
    reached: NDArray[np.intp],
    scores: Scores,
    threshold: float,
    min_scene_s: float | None,
) -> Iterator[Hit]:
    """Frames that reached a threshold, each a scene's least length after the one kept before."""
    last = 0
    for first in reached.tolist():
        if first > 0 and video.long_enough(last, first, min_scene_s):
            last = first
            yield Hit(first - 1, first, confidence(scores[first], threshold))


def fade_hits(video: Video, options: DetectorOptions) -> Iterator[Hit]:
    """Passages through darkness, from the last bright frame before to the first one after.

    PySceneDetect's ThresholdDetector puts its cut in the middle of the dark frames; here the
    transition keeps both its ends. Confidence grows from 0.5 to 1 with the darkest frame.
    """
    level = video.signal("average_rgb")
    threshold = int(options.fade_threshold)
    dark = level < threshold
    turns = np.flatnonzero(np.diff(dark.astype(np.int8), prepend=0))
    last = 0
    for out, back in zip(turns[::2].tolist(), turns[1::2].tolist(), strict=False):
        if video.long_enough(last, back, options.min_scene_s):
            last = back
            depth = 1.0 - float(level[out:back].min()) / threshold
            yield Hit(max(0, out - 1), back, 0.5 + depth / 2.0, "fade")


def confidence(score: float, threshold: float) -> float:
    """How far a score lies over its threshold, as 0.5..1; 1 where the threshold is 0."""
    return float(1.0 - threshold / (2.0 * score)) if score > 0 else 1.0
