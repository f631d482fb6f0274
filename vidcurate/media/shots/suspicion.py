"""Where transitions are suspected by packets and keyframes alone, before other frames are decoded.

Encoders begin a shot with a keyframe that breaks their rhythm, or else with a packet far larger
than those before it; where pictures blend, the keyframes before and after differ. Three logistic
regressions, by scripts.training.fit_suspicion, say how likely each is. Frames are meant by number
in the order of time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcurate.media.shots.bands import (
    ZONES_ACROSS,
    ZONES_DOWN,
    histograms,
    pooled,
    unit_rows,
)

# How many packets around one tell what is usual there, and how many before it tell a fast blend
# from what was there before.
AROUND, BESIDE = 12, 3
JUST_BEFORE, EARLIER = 6, 30
# Up to this share of it, keyframes are off their usual distance.
RHYTHM_SLACK = 0.05
# So many frames are decoded after one in doubt.
AFTER = 16
MIN_SPIKE, MIN_SPIKE_SHARE = 1.5, 0.03
# What may be decoded besides keyframes: a share of the video, and so many frames in any case.
MAX_SHARE, MIN_BUDGET = 0.15, 100
# What is less likely to change what is found is not looked at, in transitions.
MIN_GAIN = 0.08
# Of the distances of pictures, those of slopes and of zones show motion.
MOVING = [1, 3]
# Levels from which a part counts as changed, and below which luma and its slopes say little.
CHANGED, FLAT_LUMA, FLAT_SLOPE = 24.0, 4.0, 2.0

Values = NDArray[np.float64]
Numbers = NDArray[np.intp]
Pictures = NDArray[np.uint8]

# Weights of the features in order, and the constant.
SPIKE_WEIGHTS = (0.96, 0.59, -0.70, -0.36)
KEY_WEIGHTS = (
    *(-0.13, 3.57, 7.69, 0.80, -2.23, 1.37, -2.89, 0.53),
    *(0.05, 0.11, -0.47, 0.22, 0.16, -3.46, -4.68),
)
BLEND_WEIGHTS = (
    *(-1.73, 2.79, 1.66, -2.04, -0.40, -1.11, -0.23, 3.53),
    *(-0.05, -0.05, 0.10, 0.17, -0.07, 1.33, 2.25, -1.44, -4.36),
)


@dataclass(frozen=True, slots=True)
class Packets:
    """The sizes of a video's packets in bytes, by frame, and which frames are keyframes."""

    sizes: Values
    keys: Numbers

    @property
    def ends(self) -> Numbers:
        """Where the pictures end that depend on each keyframe."""
        return np.append(self.keys[1:], len(self.sizes))


@dataclass(frozen=True, slots=True)
class Looks:
    """Tiny pictures of each keyframe, and of the last frame that was decoded soon after it."""

    first: Pictures
    last: Pictures


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch to decode: from a keyframe to before the frame `end`."""

    key: int
    end: int


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A window that goes on from the frame `begun`, and how many errors it is likely to mend."""

    window: Window
    begun: int
    gain: float

    @property
    def worth(self) -> float:
        """What is gained for a frame decoded."""
        return self.gain / max(1, self.window.end - self.begun)


def suspected_windows(video: Packets, looks: Looks) -> list[Window]:
    """Choose the windows to decode, by what is gained for their cost, within the budget."""
    budget = max(MAX_SHARE * len(video.sizes), MIN_BUDGET)
    chosen: list[Window] = []
    for one in sorted(suspicions(video, looks), key=lambda one: -one.worth):
        cost = one.window.end - one.begun
        if one.gain >= MIN_GAIN and cost <= budget:
            budget -= cost
            chosen.append(one.window)
    return joined(chosen)


def joined(windows: Sequence[Window]) -> list[Window]:
    """Join windows that begin with one keyframe, or of which one reaches into the next."""
    found: list[Window] = []
    for one in sorted(windows, key=lambda one: one.key):
        if found and one.key < found[-1].end:
            found[-1] = Window(found[-1].key, max(found[-1].end, one.end))
        else:
            found.append(one)
    return found


def suspicions(video: Packets, looks: Looks) -> Iterator[Suspicion]:
    """Yield for each keyframe the stretch after it that is worth most, and the rest up to the next.

    A packet that is too large is looked at by decoding up to it, a keyframe in doubt and pictures
    that may blend by decoding up to the next keyframe.
    """
    n_frames = len(video.sizes)
    spikes, features = spike_features(video)
    by_spike = logistic(features, SPIKE_WEIGHTS)
    by_key, by_blend = np.empty(0), np.empty(0)
    if len(video.keys) > 1:
        by_key = logistic(key_features(video, looks.last[:-1], looks), KEY_WEIGHTS)
        by_blend = logistic(blend_features(video, looks, by_spike, by_key), BLEND_WEIGHTS)
    at_end = np.append(np.minimum(by_key, 1.0 - by_key) + by_blend, 0.0)
    bounds = np.searchsorted(spikes, np.append(video.keys, n_frames))
    for number, (key, end) in enumerate(zip(video.keys.tolist(), video.ends.tolist(), strict=True)):
        own = slice(*bounds[number : number + 2])
        stops = [*(spikes[own] + AFTER).tolist(), end + AFTER]
        gains = np.cumsum([*by_spike[own], at_end[number]])
        found = [
            Suspicion(Window(key, min(n_frames, stop)), key, float(gain))
            for stop, gain in zip(stops, gains, strict=True)
        ]
        best, last = max(found, key=lambda one: one.worth), found[-1]
        yield best
        if best is not last:
            yield Suspicion(last.window, best.window.end, last.gain - best.gain)


def key_changes(video: Packets, looks: Looks, windows: Sequence[Window], lasts: Pictures) -> Values:
    """Return the probability that a shot begins with each keyframe.

    A keyframe is compared with the last picture before it that was decoded: the keyframe before,
    or the end of a window, whose pictures are `lasts`. NaN for the first, and for those inside of a
    window, whose frames tell it.
    """
    before = looks.last[:-1].copy()
    inside = np.zeros(len(video.keys), np.bool_)
    inside[0] = True
    for one, last in zip(windows, lasts, strict=True):
        inside |= (video.keys > one.key) & (video.keys < one.end)
        number = int(np.searchsorted(video.keys, one.end))
        if number < len(video.keys):
            before[number - 1] = last
    found = np.full(len(video.keys), np.nan)
    if len(found) > 1:
        found[1:] = logistic(key_features(video, before, looks), KEY_WEIGHTS)
    return np.where(inside, np.nan, found)


def logistic(features: Values, weights: Sequence[float]) -> Values:
    """Return probabilities of rows of features."""
    *factors, constant = weights
    return np.asarray(1.0 / (1.0 + np.exp(-(features @ np.array(factors) + constant))))


def spike_features(video: Packets) -> tuple[Numbers, Values]:
    """Return the frames whose packets are unusually large, and by how much: shape (n, 3)."""
    sizes = np.maximum(video.sizes, 1.0)
    found: list[int] = []
    rows: list[list[float]] = []
    for key, end in zip(video.keys.tolist(), video.ends.tolist(), strict=True):
        for frame in range(key + 2, end):
            size = sizes[frame]
            before = sizes[max(key + 1, frame - AROUND) : frame].max()
            if size < MIN_SPIKE * before or size < MIN_SPIKE_SHARE * sizes[key]:
                continue
            after = sizes[frame + 1 : min(end, frame + 1 + AROUND)]
            later = float(np.median(after)) if len(after) else float(before)
            found.append(frame)
            rows.append([size / before, size / sizes[key], size / later])
    return np.array(found, np.intp), np.log(np.array(rows, np.float64).reshape(-1, 3))


def key_features(video: Packets, before: Pictures, looks: Looks) -> Values:
    """Return what tells whether shots begin with keyframes but the first: shape (n - 1, 14).

    How each differs from the picture `before` it, how much moves after it and after the keyframe
    before, how large the packets around are beside its own, how much they have grown just before
    it, as in a fast blend, and whether it stands where the rhythm of the keyframes puts one.
    """
    sizes = np.maximum(video.sizes, 1.0)
    rows = []
    for key in video.keys[1:].tolist():
        own, last = sizes[key], len(sizes) - 1
        beside = [sizes[max(0, key - BESIDE) : key], sizes[min(last, key + 1) : key + 1 + BESIDE]]
        around = [sizes[max(0, key - AROUND) : key], sizes[min(last, key + 1) : key + 1 + AROUND]]
        early = np.median(sizes[max(0, key - EARLIER) : max(1, key - JUST_BEFORE)])
        grown = np.median(sizes[max(0, key - JUST_BEFORE) : key]) / early
        others = *(part.max() for part in beside), *(np.median(part) for part in around)
        rows.append([*(size / own for size in others), grown])
    shares = np.log(np.array(rows, np.float64).reshape(-1, 5))
    moved = picture_distances(looks.first, looks.last)[:, MOVING]
    differs = picture_distances(before, looks.first[1:])
    return np.column_stack([differs, moved[1:], moved[:-1], shares, in_rhythm(video.keys)])


def in_rhythm(keys: Numbers) -> Values:
    """Return how near keyframes but the first stand to where the rhythm puts one, 1 for there.

    The rhythm is the most frequent distance of neighbouring keyframes, if it occurs three times;
    some encoders begin it anew with each shot, others go on with it.
    """
    apart = keys[1:, None] - keys[None, :]
    lengths, counts = np.unique(np.diff(keys), return_counts=True)
    if not len(counts) or counts.max() < 3:  # noqa: PLR2004 - see above
        return np.zeros(len(keys) - 1)
    usual = int(lengths[counts == counts.max()].max())
    off = np.abs(apart - usual).min(axis=1) / (RHYTHM_SLACK * usual)
    return np.asarray(np.maximum(0.0, 1.0 - off))


def blend_features(video: Packets, looks: Looks, by_spike: Values, by_key: Values) -> Values:
    """Return what tells whether pictures blend between keyframes: shape (n - 1, 16)."""
    spikes, _ = spike_features(video)
    owners = np.searchsorted(video.keys, spikes, "right") - 1
    highest = np.zeros(len(video.keys))
    np.maximum.at(highest, owners, by_spike)
    return np.column_stack([key_features(video, looks.last[:-1], looks), by_key, highest[:-1]])


def picture_distances(before: Pictures, after: Pictures) -> Values:
    """Compare pictures of shape (n, 3, 18, 32) pair by pair: shape (n, 4), 0 for equal ones.

    By what luma shows, by its slopes, by colours, and the share of 48 parts that changed.
    """
    pairs = [vectors_of(pictures) for pictures in (before, after)]
    columns = [
        np.sqrt(np.clip(1.0 - np.einsum("td,td->t", one, other), 0.0, 1.0))
        for one, other in zip(*pairs, strict=True)
    ]
    zones = [pooled(p.astype(np.float32), ZONES_DOWN, ZONES_ACROSS) for p in (before, after)]
    parts = np.abs(zones[0] - zones[1]).sum(axis=1).reshape(len(before), -1)
    changed = np.minimum(parts / CHANGED, 1.0).mean(axis=1)
    return np.stack([*columns, changed], axis=1).astype(np.float64)


def vectors_of(pictures: Pictures) -> list[Values]:
    """Describe pictures by three vectors of length one each."""
    luma = pictures[:, 0].astype(np.float32)
    slopes = [np.diff(luma, axis=axis).reshape(len(luma), -1) for axis in (1, 2)]
    centred = (luma - luma.mean(axis=(1, 2), keepdims=True)).reshape(len(luma), -1)
    return [
        unit_rows(centred, FLAT_LUMA),
        unit_rows(np.concatenate(slopes, axis=1), FLAT_SLOPE),
        np.sqrt(histograms(pictures)),
    ]
