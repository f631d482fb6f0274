"""The appearance of a picture as one vector, without any model, for duplicates and similar shots.

It describes colours, where they are and the direction of edges, not objects. Layout is described
by the longest cosine waves, after MPEG-7's colour layout (Kasutani and Yamada 2001); colour
by histograms (Swain and Ballard 1991); structure by gradient directions in zones (Dalal and
Triggs 2005); histograms are compared by their roots (Arandjelovic and Zisserman 2012).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidcurate.errors import UsageError
from vidcurate.media.io.images import decode_image

UNDECODABLE = "a picture cannot be decoded: it is damaged or no picture"

Bytes = NDArray[np.uint8]
Values = NDArray[np.float32]

SIDE = 32
LUMA_WAVES, CHROMA_WAVES = 6, 4
TONES, CHROMA_BINS = 3, 8
CHROMA_EDGES = (104, 116, 123, 128, 133, 140, 152)
DIRECTIONS, ZONES = 8, 4
# A line is black when at most this share of it is lighter than this level.
BLACK_LEVEL, LIGHT_SHARE = 24, 0.02
MAX_BAR = 0.3
# How much each part counts; chosen on videos that the figures in the README are not from.
LUMA_WEIGHT, CHROMA_WEIGHT, COLOURS_WEIGHT, EDGES_WEIGHT = 0.4, 0.7, 1.0, 1.0
# Below these a part says little: a wave of 4 levels, an edge of 2 levels a pixel.
FLAT_WAVE, FLAT_EDGE = 4.0 * SIDE, 2.0


@dataclass(frozen=True, slots=True)
class Appearance:
    """The embedder that needs no model."""

    def image_vectors(self, images: Sequence[bytes]) -> Values:
        """Return one vector of length one for each image file, shape (images, 390).

        Raises MediaError for bytes that are no picture.
        """
        return np.stack([appearance_vector(decode_half_size(image)) for image in images])

    def text_vectors(self, texts: Sequence[str]) -> Values:
        """Raise UsageError: this embedder reads no words."""
        del texts
        raise UsageError(
            "appearance vectors cannot be compared with words: embed with backend open_clip"
        )


def open_appearance(_wanted: object) -> Appearance:
    """Return the embedder; it loads nothing."""
    return Appearance()


def decode_half_size(image: bytes) -> Bytes:
    """Decode an image file as BGR at half its size.

    Raises MediaError for bytes that are no picture.
    """
    return decode_image(image, cv2.IMREAD_REDUCED_COLOR_2, UNDECODABLE)


def appearance_vector(bgr: Bytes) -> Values:
    """Return the vector of one picture of any size; equal black bars at its sides are ignored."""
    square = cv2.resize(without_bars(bgr), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    y, v, u = np.moveaxis(np.asarray(cv2.cvtColor(square, cv2.COLOR_BGR2YCrCb), np.uint8), 2, 0)
    luma = waves(y, LUMA_WAVES)[1:]  # without the mean, which brightening changes
    chroma = np.concatenate([waves(u, CHROMA_WAVES), waves(v, CHROMA_WAVES)])
    strengths = np.sqrt(edges(y))
    parts = (
        LUMA_WEIGHT * unit_row(signed_root(luma), FLAT_WAVE**0.5),
        CHROMA_WEIGHT * unit_row(signed_root(chroma), FLAT_WAVE**0.5),
        COLOURS_WEIGHT * np.sqrt(chroma_by_light(y, u, v)),
        EDGES_WEIGHT * unit_row(strengths - strengths.mean(), FLAT_EDGE**0.5),
    )
    whole = np.concatenate(parts)
    return np.asarray(whole / np.linalg.norm(whole), np.float32)


def mirrored(vectors: Values) -> Values:
    """Return the vectors that the same pictures would have mirrored left to right, one a row."""
    return np.asarray(vectors[:, MIRROR_PLACES] * MIRROR_SIGNS, np.float32)


def without_bars(bgr: Bytes) -> Bytes:
    """Remove black bars that are equally wide on two opposite sides."""
    light = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY) > BLACK_LEVEL
    top, left = (dark_margin(light.mean(axis=axis) > LIGHT_SHARE) for axis in (1, 0))
    height, width = light.shape
    return bgr[top : height - top, left : width - left]


def dark_margin(is_bright: NDArray[np.bool_]) -> int:
    """Return how many lines at each end are dark; 0 where they are too many to be a bar."""
    places = np.flatnonzero(is_bright)
    if not len(places):
        return 0
    width = int(min(places[0], len(is_bright) - 1 - places[-1]))
    return width if width <= MAX_BAR * len(is_bright) else 0


def waves(plane: Bytes, count: int) -> Values:
    """Return the count x count longest cosine waves of a plane about mid-grey, the mean first."""
    table = cv2.dct(plane.astype(np.float32) - 128.0)
    return np.asarray(table[:count, :count].ravel(), np.float32)


def signed_root(row: Values) -> Values:
    """Return roots that keep their sign, so that the strongest wave does not dominate."""
    return np.asarray(np.sign(row) * np.sqrt(np.abs(row)), np.float32)


def unit_row(row: Values, flat: float) -> Values:
    """Scale a row to length one, with one more number that makes nearly empty rows equal."""
    longer = np.append(row, np.float32(flat))
    return np.asarray(longer / np.linalg.norm(longer), np.float32)


def chroma_by_light(y: Bytes, u: Bytes, v: Bytes) -> Values:
    """Return shares of chroma, 8 x 8 bins, in the picture's dark, middle and light third.

    Neighbouring bins share their pixels a little, so that noise at a border changes little.
    """
    order = np.sort(y, axis=None)
    tones = np.searchsorted((order[len(order) // 3], order[2 * len(order) // 3]), y)
    index = (tones * CHROMA_BINS + BINS[u]) * CHROMA_BINS + BINS[v]
    counts = np.bincount(index.ravel(), minlength=TONES * CHROMA_BINS**2) / y.size
    shared = SHARING @ counts.reshape(TONES, CHROMA_BINS, CHROMA_BINS) @ SHARING
    return np.asarray(shared.ravel(), np.float32)


def edges(y: Bytes) -> Values:
    """Return mean edge strength by zone (4 x 4) and direction (8 in a half turn), in levels."""
    across = cv2.Sobel(y, cv2.CV_32F, 1, 0, scale=0.25)
    down = cv2.Sobel(y, cv2.CV_32F, 0, 1, scale=0.25)
    strength, angle = cv2.cartToPolar(across, down)
    turn = angle * (DIRECTIONS / np.pi)
    lower = turn.astype(np.int64)
    share = turn - lower
    sums = np.zeros(ZONES**2 * DIRECTIONS)
    for bins, weights in ((lower, strength * (1 - share)), (lower + 1, strength * share)):
        index = ZONE * DIRECTIONS + bins % DIRECTIONS
        sums += np.bincount(index.ravel(), weights.ravel(), len(sums))
    return np.asarray(sums / (SIDE // ZONES) ** 2, np.float32)


# The bin of each value of U or V; finer near grey, where most pixels lie.
BINS = np.searchsorted(CHROMA_EDGES, np.arange(256), side="right").astype(np.int64)
NEXT_BINS = np.eye(CHROMA_BINS, k=1) + np.eye(CHROMA_BINS, k=-1)
SHARING = 0.2 * NEXT_BINS + np.diag(1 - 0.2 * NEXT_BINS.sum(axis=0))
# The zone of each pixel.
ZONE = np.add.outer(*(np.arange(SIDE) * ZONES // SIDE * step for step in (ZONES, 1)))


def mirror_signs(count: int) -> list[int]:
    """Return the signs that mirroring gives count x count waves: odd ones across change."""
    return [(-1) ** (number % count) for number in range(count**2)]


EDGE_PLACES = np.arange(ZONES**2 * DIRECTIONS).reshape(ZONES, ZONES, DIRECTIONS)
N_BEFORE_EDGES = LUMA_WAVES**2 + 2 * CHROMA_WAVES**2 + 1 + TONES * CHROMA_BINS**2
DIMENSION = N_BEFORE_EDGES + EDGE_PLACES.size + 1
MIRROR_PLACES = np.arange(DIMENSION)
MIRROR_PLACES[N_BEFORE_EDGES:-1] += (
    EDGE_PLACES[:, ::-1, -np.arange(DIRECTIONS)].ravel() - EDGE_PLACES.ravel()
)
MIRROR_SIGNS = np.ones(DIMENSION, np.float32)
MIRROR_SIGNS[: LUMA_WAVES**2 - 1] = mirror_signs(LUMA_WAVES)[1:]
MIRROR_SIGNS[LUMA_WAVES**2 :][: 2 * CHROMA_WAVES**2] = 2 * mirror_signs(CHROMA_WAVES)
