"""Shot transitions by small networks over similarity bands: the default detector.

Each network is a dilated temporal convolution, trained by scripts.training.train_detector on
composed videos, run here in numpy. What they say of each frame together is recorded in the scan;
the transitions follow from that alone, so that thresholds need no new decode.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidcurate.media.io.decode import SmallFrame
from vidcurate.media.shots.bands import (
    HEIGHT,
    REACH,
    WIDTH,
    Descriptions,
    bands,
    picture_features,
    small_yuv,
)

KINDS = ("cut", "dissolve", "fade", "wipe")
COLUMNS = ("shot_middle", "shot_inside", *(f"shot_{kind}" for kind in KINDS))
DILATIONS = (1, 2, 4, 8, 16)
CONTEXT = sum(DILATIONS)
MARGIN = REACH + CONTEXT
BLOCK = 1024
# Pictures that are described at once: more would not stay in a processor's cache.
CHUNK = 128
SURE = 0.5
# The least probability by the first network of a frame that the others are asked about.
SUSPECTED = 0.02
# Peaks of no more than this probability count for nothing.
MIN_PROBABILITY = 1e-3
Values = NDArray[np.float32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Network:
    """A network's matrices, each with its bias; `layers` read three frames side by side."""

    entry: tuple[Values, Values]
    layers: tuple[tuple[Values, Values], ...]
    head: tuple[Values, Values]


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Networks that were trained apart and judge together.

    The first looks at every frame, the others where it suspects a transition. `calibration` is the
    scale and offset of Platt's scaling, fitted on films that they were not trained on.
    """

    networks: tuple[Network, ...]
    calibration: tuple[float, float]


@dataclass(frozen=True, slots=True)
class LearnedOptions:
    """When the networks' peaks count as transitions.

    `threshold` is the least calibrated confidence of a transition. `inside_threshold` is the
    probability at which a frame counts as part of one: where that is likelier than not. Two alarms
    closer than `min_shot_frames` are one: the stronger.
    """

    threshold: float = 0.5
    inside_threshold: float = 0.5
    min_shot_frames: int = 5


@dataclass(frozen=True, slots=True)
class Transition:
    """From the last pure frame of the old shot to the first of the new one, by frame index."""

    start: int
    end: int
    kind: str
    confidence: float


@cache
def weights() -> Ensemble:
    """Load the weights that come with the package, stored in half precision."""
    with (
        files("vidcurate.media.shots").joinpath("weights/shots.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        return weights_from(arrays)


def weights_from(arrays: Mapping[str, NDArray[Any]]) -> Ensemble:
    """Put together the arrays of a file of weights, whose first axis is that of the networks."""
    pairs = {
        name: (arrays[f"{name}_weight"], arrays[f"{name}_bias"])
        for name in ("entry", "head", *(f"layer{n}" for n in range(len(DILATIONS))))
    }
    networks = []
    for number in range(len(arrays["head_bias"])):
        own = {
            name: (matrix[number].astype(np.float32), bias[number].astype(np.float32))
            for name, (matrix, bias) in pairs.items()
        }
        layers = tuple(own[f"layer{n}"] for n in range(len(DILATIONS)))
        networks.append(Network(own["entry"], layers, own["head"]))
    scale, offset = arrays["calibration"].tolist()
    return Ensemble(tuple(networks), (scale, offset))


def logits_of(features: Values, network: Network, wanted: NDArray[np.bool_]) -> Values:
    """Run one network on the frames that are wanted, of all but the first and last CONTEXT.

    Each layer is computed only where the one after it reads. The result has a row for each frame
    that is wanted.
    """
    needed = [wanted]
    for dilation in reversed(DILATIONS):
        needed.append(read_from(needed[-1], dilation))
    known = needed.pop()
    matrix, bias = network.entry
    values = np.maximum(features[known] @ matrix + bias, 0.0)
    for (matrix, bias), dilation in zip(network.layers, DILATIONS, strict=True):
        next_known = needed.pop()
        rows = np.cumsum(known) - 1
        first = np.flatnonzero(next_known)[:, None]
        taps = values[rows[first + np.array([0, dilation, 2 * dilation])]]
        inner = taps[:, 1]
        values = inner + np.maximum(taps.reshape(-1, len(matrix)) @ matrix + bias, 0.0)
        known = next_known
    matrix, bias = network.head
    return np.asarray(np.clip(values @ matrix + bias, -30.0, 30.0), np.float32)


def read_from(wanted: NDArray[np.bool_], dilation: int) -> NDArray[np.bool_]:
    """Mark the frames that a layer reads to compute those wanted; two dilations longer."""
    found = np.zeros(len(wanted) + 2 * dilation, np.bool_)
    for shift in (0, dilation, 2 * dilation):
        found[shift : shift + len(wanted)] |= wanted
    return found


def probabilities(features: Values, ensemble: Ensemble) -> Values:
    """Run the networks on all frames but the first and last 31, with results by COLUMNS.

    `features` has shape (frames, N_FEATURES); the result (frames - 62, 6). A frame's first number
    is the probability that it is the middle of a transition, or the first frame after a cut; the
    second that it comes after the start of one and not after its end; the others are the shares
    of the kinds, which sum to one. Where the first network suspects nothing, it is believed; of
    the other frames the log odds are the mean of what all networks say.
    """
    first, *others = ensemble.networks
    logits = logits_of(features, first, np.ones(len(features) - 2 * CONTEXT, np.bool_))
    suspected = logits[:, :2].max(axis=1) > log_odds(SUSPECTED)
    said = [logits[suspected], *(logits_of(features, one, suspected) for one in others)]
    logits[suspected] = np.mean(said, axis=0)
    logits[:, :2] = 1.0 / (1.0 + np.exp(-logits[:, :2]))
    shares = np.exp(logits[:, 2:] - logits[:, 2:].max(axis=1, keepdims=True))
    logits[:, 2:] = shares / shares.sum(axis=1, keepdims=True)
    return logits


@dataclass(slots=True)
class LearnedDetector:
    """Runs the networks on a video that is given frame by frame.

    Rows come out in blocks, and 63 frames late, since a frame is judged by those after it as
    well. Blocks begin at the same frames of a video however it is fed, so that the same video gives
    the same numbers to the last bit. Memory does not grow with the video.
    """

    ensemble: Ensemble = field(default_factory=weights)
    block: int = BLOCK
    pictures: Bytes = field(init=False)
    count: int = 0
    pending: int = 0
    kept: Descriptions | None = None
    ready: list[Values] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Allocate one block."""
        self.pictures = np.empty((self.block, 3, HEIGHT, WIDTH), np.uint8)

    def add(self, small: SmallFrame) -> None:
        """Add the next frame's small copy, which may be overwritten afterwards."""
        small_yuv(small, self.pictures[self.count])
        self.count += 1
        self.pending += 1
        if self.count == self.block:
            self.describe_block()

    def describe_block(self) -> None:
        """Describe the pictures so far, and score the frames that have enough around them."""
        self.go_on(self.described())

    def described(self) -> list[Descriptions]:
        """Describe the pictures of which nothing is known yet."""
        count, self.count = self.count, 0
        return [
            picture_features(self.pictures[first : min(first + CHUNK, count)])
            for first in range(0, count, CHUNK)
        ]

    def go_on(self, described: list[Descriptions]) -> None:
        """Score the frames that have enough around them now that more are described."""
        before = self.kept if self.kept is not None else repeat_frame(described[0], 0, MARGIN)
        window = concatenate(before, *described)
        if len(window) > 2 * MARGIN:
            self.score(window)
        self.kept = slice_frames(window, max(0, len(window) - 2 * MARGIN), len(window))

    def score(self, window: Descriptions) -> None:
        """Score all frames of a window but those in its margins."""
        found = probabilities(bands(window), self.ensemble)
        self.ready.append(found[: self.pending])
        self.pending -= len(self.ready[-1])

    def take(self) -> Values:
        """Return the rows that are ready since the last call, shape (frames, 6); see COLUMNS."""
        rows, self.ready = self.ready, []
        return np.concatenate([np.empty((0, len(COLUMNS)), np.float32), *rows])

    def finish(self) -> None:
        """Score what is left, as if the last frame were repeated; nothing can be added after."""
        described = self.described()
        last = described[-1] if described else self.kept
        if last is not None:
            self.go_on([*described, repeat_frame(last, len(last) - 1, MARGIN)])


def concatenate(*runs: Descriptions) -> Descriptions:
    """Join runs of frames."""
    return Descriptions(
        {name: np.concatenate([r.directions[name] for r in runs]) for name in runs[0].directions},
        np.concatenate([r.zones for r in runs]),
        np.concatenate([r.relief for r in runs]),
        (
            np.concatenate([r.profiles[0] for r in runs]),
            np.concatenate([r.profiles[1] for r in runs]),
        ),
        (np.concatenate([r.edges[0] for r in runs]), np.concatenate([r.edges[1] for r in runs])),
        np.concatenate([r.levels for r in runs]),
    )


def slice_frames(frames: Descriptions, first: int, end: int) -> Descriptions:
    """Copy some frames of a run, so that the rest can be freed."""
    return Descriptions(
        {name: vectors[first:end].copy() for name, vectors in frames.directions.items()},
        frames.zones[first:end].copy(),
        frames.relief[first:end].copy(),
        (frames.profiles[0][first:end].copy(), frames.profiles[1][first:end].copy()),
        (frames.edges[0][first:end].copy(), frames.edges[1][first:end].copy()),
        frames.levels[first:end].copy(),
    )


def repeat_frame(frames: Descriptions, index: int, times: int) -> Descriptions:
    """Repeat one frame of a run."""
    one = slice_frames(frames, index, index + 1)
    return Descriptions(
        {name: vectors.repeat(times, 0) for name, vectors in one.directions.items()},
        one.zones.repeat(times, 0),
        one.relief.repeat(times, 0),
        (one.profiles[0].repeat(times, 0), one.profiles[1].repeat(times, 0)),
        (one.edges[0].repeat(times, 0), one.edges[1].repeat(times, 0)),
        one.levels.repeat(times, 0),
    )


def transitions(
    recorded: Values, options: LearnedOptions, calibration: tuple[float, float] | None = None
) -> tuple[Transition, ...]:
    """Find the transitions in the recorded rows, shape (frames, 6), in time order.

    The surest alarm is taken first; what lies within it or too near to it is the same one. The
    calibration is that of the package's weights unless another is given.
    """
    scaling = calibration or weights().calibration
    inside = recorded[:, 1] >= options.inside_threshold
    alarms = [(peak, grow_transition(recorded, peak, inside, scaling)) for peak in peaks(recorded)]
    taken: list[tuple[int, Transition]] = []
    for peak, found in sorted(alarms, key=lambda alarm: -alarm[1].confidence):
        if found.confidence < options.threshold:
            break
        clashes = (
            abs(peak - place) < options.min_shot_frames
            or (found.start < other.end and found.end > other.start)
            for place, other in taken
        )
        if not any(clashes):
            taken.append((peak, found))
    ordered = sorted((found for _, found in taken), key=lambda found: found.end)
    return joined(ordered, options.min_shot_frames)


def joined(found: list[Transition], near: int) -> tuple[Transition, ...]:
    """Join a fade and a transition less than `near` frames apart: no shot lies between.

    So it is with a fade out and the fade in after it, through a moment of black. Doubtful alarms
    are left by themselves: they would move the end of what is sure.
    """
    together: list[Transition] = []
    for one in found:
        last = together[-1] if together else None
        if (
            last
            and min(last.confidence, one.confidence) >= SURE
            and "fade" in (last.kind, one.kind)
            and one.start - last.end < near
        ):
            surer = max(last, one, key=lambda each: each.confidence)
            together[-1] = Transition(last.start, one.end, "fade", surer.confidence)
        else:
            together.append(one)
    return tuple(together)


def peaks(recorded: Values) -> list[int]:
    """Return frames, not the first, that are middles no less likely than their neighbours are."""
    middle = recorded[:, 0]
    around = np.concatenate([[-1.0], middle, [-1.0]])
    highest = (middle >= around[:-2]) & (middle > around[2:]) & (middle > MIN_PROBABILITY)
    return [frame for frame in np.flatnonzero(highest).tolist() if frame]


def grow_transition(
    recorded: Values, peak: int, inside: NDArray[np.bool_], scaling: tuple[float, float]
) -> Transition:
    """Extend a peak to a transition: as far as frames count as inside of one.

    A hard cut has no frame inside; its kind says so.
    """
    first = end = peak
    while first > 1 and inside[first - 1]:
        first -= 1
    while end + 1 < len(inside) and inside[end + 1]:
        end += 1
    kind = KINDS[int(recorded[first : end + 1, 2:].mean(axis=0).argmax())]
    if first == end or kind == KINDS[0]:
        first, end, kind = peak, peak, KINDS[0]
    span = float(recorded[first : end + 1, 1].mean())
    confidence = calibrate(strength(float(recorded[peak, 0]), span), scaling)
    return Transition(first - 1, end, kind, confidence)


def strength(middle: float, inside: float) -> float:
    """Return one probability for an alarm: the mean, by log odds, of the two that speak for it.

    They are that its peak is the middle of a transition and that its frames are inside of one.
    Where the middle of a long transition is, nobody can tell to a frame: its peak alone is low.
    """
    return 1.0 / (1.0 + math.exp(-(log_odds(middle) + log_odds(inside)) / 2.0))


def log_odds(probability: float) -> float:
    """Return the logarithm of the odds, of probabilities that are neither nothing nor sure."""
    kept = min(1.0 - MIN_PROBABILITY, max(MIN_PROBABILITY, probability))
    return math.log(kept / (1.0 - kept))


def calibrate(probability: float, scaling: tuple[float, float]) -> float:
    """Return the share of alarms of such a probability that are right, by Platt's scaling."""
    scale, offset = scaling
    return 1.0 / (1.0 + math.exp(-scale * log_odds(probability) - offset))
