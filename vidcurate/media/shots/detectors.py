"""Finding the cuts of a video by any detector, from what scan recorded."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidcurate.errors import MediaError
from vidcurate.media.scan.files import PACKET_CHANGE
from vidcurate.media.shots import koala, learned, transnet
from vidcurate.media.shots.agreement import merge_agreeing
from vidcurate.media.shots.pyscenedetect import (
    adaptive_hits,
    content_hits,
    fade_hits,
    hash_hits,
    histogram_hits,
)
from vidcurate.media.shots.recording import DetectorOptions, Hit, RecordedVideo
from vidcurate.media.shots.suspicion import LATE
from vidcurate.records import Cut

__all__ = ["DETECTORS", "DetectorOptions", "detect"]

BOTH = "both"

DetectorFunction = Callable[[RecordedVideo, DetectorOptions], Iterator[Hit]]


def detect(
    frames: pa.Table, time_base: Fraction, frame_rate: Fraction, options: DetectorOptions
) -> tuple[Cut, ...]:
    """Find the transitions of one video, in time order.

    `frames` is what scan.read_frames gives. Raises MediaError for an unknown detector, and for a
    signal that was not recorded.
    """
    names = options.both_of if options.detector == BOTH else (options.detector,)
    unknown = [name for name in names if name not in DETECTORS]
    if unknown:
        known = ", ".join([*DETECTORS, BOTH])
        raise MediaError(f"no detector {unknown[0]!r}: choose from {known}")
    pts = np.asarray(frames["pts"].to_numpy(), np.int64)
    if len(pts) == 0:
        return ()
    video = RecordedVideo(frames, pts, time_base, frame_rate)
    hits, *others = [
        sorted(
            (
                replace(hit, detector=hit.detector or name)
                for hit in DETECTORS[name](video, options)
            ),
            key=lambda hit: hit.first,
        )
        for name in names
    ]
    for second in others:
        hits = merge_agreeing(hits, second, options.max_apart_frames)
    return tuple(as_cut(video, hit) for hit in hits if hit.confidence >= options.min_confidence)


def as_cut(video: RecordedVideo, hit: Hit) -> Cut:
    """Convert a hit to the video's own time."""
    start, end = int(video.pts[hit.last]), int(video.pts[hit.first])
    seconds = float(start * video.time_base), float(end * video.time_base)
    return Cut(start, end, *seconds, hit.kind, hit.confidence, hit.detector)


def fixed_hits(video: RecordedVideo, options: DetectorOptions) -> Iterator[Hit]:
    """Yield the first frame at or after each multiple of an interval from the first frame."""
    step = Fraction(str(options.fixed_interval_s)) / video.time_base
    ticks = video.pts - video.pts[0]
    n_steps = int(int(ticks[-1]) // step)
    goals = [-(-step * k // 1) for k in range(1, n_steps + 1)]
    for first in np.unique(np.searchsorted(ticks, goals)).tolist():
        yield Hit(first - 1, first, 1.0, "fixed")


def learned_hits(video: RecordedVideo, options: DetectorOptions) -> Iterator[Hit]:
    """Yield transitions of every kind, from the network's outputs recorded by scan.

    Where scan looked at keyframes only, what packets and keyframes' pictures tell stands for it.
    """
    chosen = learned.LearnedOptions(threshold=options.learned_threshold)
    rows = signal_rows(video, learned.COLUMNS)
    for numbers in video.runs(~np.isnan(rows[:, 0])):
        for found in learned.transitions(rows[numbers], chosen):
            last, first = int(numbers[found.start]), int(numbers[found.end])
            yield Hit(last, first, found.confidence, found.kind)
    yield from packet_hits(video, options)


def packet_hits(video: RecordedVideo, options: DetectorOptions) -> Iterator[Hit]:
    """Yield transitions that packets tell: before a keyframe, or somewhere before a large one."""
    for first in video.known(PACKET_CHANGE):
        chance = float(video.frames[PACKET_CHANGE][first].as_py())
        is_key = video.frames["is_keyframe"][first].as_py()
        last = first - 1 if is_key else max(0, first - LATE - 1)
        if chance >= options.learned_threshold:
            yield Hit(last, first, chance, "cut", "packets")


def transnet_hits(video: RecordedVideo, options: DetectorOptions) -> Iterator[Hit]:
    """Yield transitions by TransNetV2's recorded probabilities, the highest as confidence."""
    rows = signal_rows(video, transnet.COLUMNS)
    for last, first, peak in transnet.transitions(rows, options.transnet_threshold):
        yield Hit(last, first, peak, "cut" if first == last + 1 else "gradual")


def koala_hits(video: RecordedVideo, options: DetectorOptions) -> Iterator[Hit]:
    """Yield transitions as Koala-36M finds them.

    The confidence is the logistic function of how far the score lies below its limit: 0.5 there.
    """
    chosen = koala.KoalaOptions(
        options.koala_threshold,
        options.koala_mean_threshold,
        options.min_koala_deviations,
        options.max_koala_gap_frames,
    )
    colour, structure = (video.signal(name) for name in koala.COLUMNS)
    for found in koala.transitions(colour, structure, chosen):
        yield Hit(found.last, found.first, 1.0 / (1.0 + math.exp(-found.margin)), found.kind)


def signal_rows(video: RecordedVideo, columns: tuple[str, ...]) -> NDArray[np.float32]:
    """Return recorded signals side by side, shape (frames, columns)."""
    return np.stack([video.signal(name) for name in columns], axis=1).astype(np.float32)


DETECTORS: dict[str, DetectorFunction] = {
    "content": content_hits,
    "adaptive": adaptive_hits,
    "histogram": histogram_hits,
    "hash": hash_hits,
    "threshold": fade_hits,
    "fixed": fixed_hits,
    "learned": learned_hits,
    "transnet": transnet_hits,
    "koala": koala_hits,
}
