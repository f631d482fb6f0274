"""Koala-36M's detector of transitions: how alike neighbouring frames are, and how unlike usual.

Colour alikeness and structure alikeness of two frames enter a linear SVM; a score below zero is a
cut. A gradual transition keeps every score above zero, but lower than the scores just before it.
Source: Koala-36M (arXiv 2410.08260) and the numbers of its published code. There, colours are
those of the frame at 256 x 256; here, those of the small picture, about half as many pixels.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

COLUMNS = ("colour_likeness", "structure_likeness")

COLOUR_WEIGHT, STRUCTURE_WEIGHT, BIAS = 4.61480465, 3.75211168, -5.485968377115124
LEAST_DEVIATION = 0.2
HISTORY = 8
# Of the eight scores before, in order, the published trimming of 20 % at both ends leaves these.
USUAL = slice(1, 6)

BINS, DARKEST, END = 254, 1, 255
SIDE = 128
CANNY = 100, 200
WINDOW = 7
SAMPLE = WINDOW**2 / (WINDOW**2 - 1)
STEADY_MEAN, STEADY_SPREAD = (0.01 * 255) ** 2, (0.03 * 255) ** 2

Image = NDArray[np.uint8]
Values = NDArray[np.float32]
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KoalaOptions:
    """When frames are unlike enough, as published.

    A score below `threshold` is a boundary. So is a score that, averaged with its neighbours, lies
    below `mean_threshold` and more than `deviations` standard deviations (of at least 0.2) below
    the mean of the eight before it. Boundaries with no more than `gap_frames` other frames between
    them are one transition.
    """

    threshold: float = 0.0
    mean_threshold: float = 0.75
    deviations: float = 3.0
    gap_frames: int = 8


@dataclass(frozen=True, slots=True)
class Passage:
    """A transition by frame index; `margin` is how far the score lay below its limit at most."""

    last: int
    first: int
    margin: float
    kind: str


@dataclass(frozen=True, slots=True)
class Look:
    """A picture as it is compared with the next: colours, and structure with its local moments."""

    histogram: Values
    structure: Values
    mean: Values
    variance: Values


def look(bgr: Image, luma: Image) -> Look:
    """Describe a small picture; shapes (height, width, 3) and (height, width)."""
    counts = [cv2.calcHist([bgr], [c], None, [BINS], [DARKEST, END]) for c in range(3)]
    square = cv2.resize(luma, (SIDE, SIDE))
    structure = cv2.max(square, cv2.Canny(square, *CANNY)).astype(np.float32)
    mean = local_mean(structure)
    variance = (local_mean(structure * structure) - mean * mean) * SAMPLE
    return Look(np.concatenate(counts), structure, mean, variance.astype(np.float32))


def likeness(first: Look, second: Look) -> tuple[float, float]:
    """Correlation of two pictures' colour histograms, and their structural similarity.

    The latter is the mean SSIM of Wang et al. 2004 over windows of 7 x 7, as scikit-image has it.
    """
    colour = cv2.compareHist(first.histogram, second.histogram, cv2.HISTCMP_CORREL)
    product = first.mean * second.mean
    together = (local_mean(first.structure * second.structure) - product) * SAMPLE
    alike = (2.0 * product + STEADY_MEAN) * (2.0 * together + STEADY_SPREAD)
    power = first.mean * first.mean + second.mean * second.mean + STEADY_MEAN
    spread = first.variance + second.variance + STEADY_SPREAD
    return float(colour), float((alike / (power * spread)).mean())


def local_mean(image: Values) -> Values:
    """Means over 7 x 7 windows that lie within the picture."""
    edge = WINDOW // 2
    return np.asarray(cv2.blur(image, (WINDOW, WINDOW))[edge:-edge, edge:-edge], np.float32)


def passages(colour: Scores, structure: Scores, options: KoalaOptions) -> list[Passage]:
    """The transitions of a video, from the likeness of each frame to the one before, in time order.

    A score below `threshold` drags down the averages beside it, which the published code then
    takes for boundaries too and hides by trimming four frames off every shot. Here they are none,
    so that a hard cut is where it is.
    """
    scores = (COLOUR_WEIGHT * colour + STRUCTURE_WEIGHT * structure + BIAS)[1:]
    below = options.threshold - scores
    hard = np.pad(below > 0, 1)
    beside_hard = hard[:-2] | hard[2:]
    fallen = np.where(beside_hard, -np.inf, below_usual(scores, options))
    found: list[Passage] = []
    for pair in np.flatnonzero((below > 0) | (fallen > 0)).tolist():
        margin = float(max(below[pair], fallen[pair]))
        if found and pair - found[-1].first <= options.gap_frames:
            before = found.pop()
            found.append(Passage(before.last, pair + 1, max(margin, before.margin), "gradual"))
        else:
            kind = "cut" if below[pair] > 0 else "gradual"
            found.append(Passage(pair, pair + 1, margin, kind))
    return found


def below_usual(scores: Scores, options: KoalaOptions) -> Scores:
    """How far each averaged score lies below the limit that the eight before it set."""
    smooth, found = scores.copy(), np.full(len(scores), -np.inf)
    if len(scores) <= HISTORY:
        return found
    smooth[1:-1] = np.convolve(scores, np.full(3, 1 / 3), mode="valid")
    past = np.sort(np.lib.stride_tricks.sliding_window_view(smooth[:-1], HISTORY), axis=1)[:, USUAL]
    deviation = np.maximum(LEAST_DEVIATION, past.std(axis=1))
    limit = np.minimum(past.mean(axis=1) - options.deviations * deviation, options.mean_threshold)
    found[HISTORY:] = limit - smooth[HISTORY:]
    return found
