"""Distances of frames up to 32 apart: the features that the learned detector reads.

Each small picture is described once, by a few thousand numbers; a band is the distance between the
descriptions of frames a fixed lag apart. The first and the last
frame of a video are repeated before and after it.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from vidcurate.media.io.decode import SmallFrame

LAGS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
CENTRED = tuple(lag for lag in LAGS if lag % 2 == 0)
MIXED = tuple(lag for lag in LAGS if 2 * lag in LAGS)
SHIFTED = (1, 2, 4, 8)
REACH = max(LAGS)

WIDTH, HEIGHT = 32, 18
ZONES_ACROSS, ZONES_DOWN = 8, 6
N_ZONES = ZONES_ACROSS * ZONES_DOWN
CHROMA_EDGES = (104, 118, 124, 128, 132, 138, 152)
MAX_SHIFT = 5
FLAT_LUMA, FLAT_GRADIENT = 4.0, 2.0
CHANGED = 24.0
NOISE = 4.0

Values = NDArray[np.float32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Descriptions:
    """A run of frames as vectors, one row each, whose distances are the bands.

    `directions` are vectors of length one, by name; `zones` are Y, U and V of 48 parts of the
    picture; `profiles` the mean luma of columns and of rows; `levels` a few numbers of each frame
    by itself.
    """

    directions: dict[str, Values]
    zones: Values
    profiles: tuple[Values, Values]
    levels: Values

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.levels)


def small_yuv(small: SmallFrame, into: Bytes) -> None:
    """Shrink a small frame of any size to Y, U and V of 32 x 18: fills shape (3, 18, 32)."""
    height, width = small.luma.shape
    chroma = small.i420[height:].reshape(2, height // 2, width // 2)
    for plane, row in zip((small.luma, *chroma), into, strict=True):
        shrink(plane, row)


def shrink(plane: Bytes, into: Bytes) -> None:
    """Average a plane over whole cells of pixels; the remainder at the edges is left out.

    Averages over broken cells, taken where a plane is smaller than the result, cost ten times as
    much.
    """
    height, width = into.shape
    down, across = plane.shape[0] // height, plane.shape[1] // width
    if down and across:
        top, left = (plane.shape[0] - down * height) // 2, (plane.shape[1] - across * width) // 2
        plane = plane[top : top + down * height, left : left + across * width]
    cv2.resize(plane, (width, height), dst=into, interpolation=cv2.INTER_AREA)


def picture_features(pictures: Bytes) -> Descriptions:
    """Describe pictures of shape (frames, 3, 18, 32), each by itself."""
    n_frames = len(pictures)
    planes = pictures.astype(np.float32)
    image = planes[:, 0]
    across, down = image[:, :, 1:] - image[:, :, :-1], image[:, 1:] - image[:, :-1]
    slopes = np.concatenate([across.reshape(n_frames, -1), down.reshape(n_frames, -1)], axis=1)
    luma = image.reshape(n_frames, -1)
    mean = luma.mean(axis=1, keepdims=True)
    centred = luma - mean
    zones = pooled(planes, ZONES_DOWN, ZONES_ACROSS).reshape(n_frames, -1)
    directions = {
        "luma": unit_rows(centred, FLAT_LUMA),
        "slopes": unit_rows(slopes, FLAT_GRADIENT),
        "structure": unit_rows(structure(across, down), FLAT_GRADIENT),
        "colours": np.sqrt(histograms(pictures)),
    }
    levels = [
        mean[:, 0] / 128.0 - 1.0,
        np.sqrt(np.einsum("td,td->t", centred, centred) / luma.shape[1]) / 64.0,
        np.sqrt(np.einsum("td,td->t", slopes, slopes) / slopes.shape[1]) / 16.0,
        np.abs(zones[:, N_ZONES:] - 128.0).mean(axis=1) / 32.0,
    ]
    profiles = pooled(image, 1, WIDTH), pooled(image, HEIGHT, 1)
    return Descriptions(
        directions,
        zones,
        (profiles[0].reshape(n_frames, -1), profiles[1].reshape(n_frames, -1)),
        np.stack(levels, axis=1),
    )


def pooled(image: Values, down: int, across: int) -> Values:
    """Return means over down x across parts of pictures, the last two axes."""
    *rest, height, width = image.shape
    narrow = image.reshape(*rest, height, across, width // across)
    sums = np.einsum("...yxk->...yx", narrow)
    tall = sums.reshape(*rest, down, height // down, across)
    share = down * across / (height * width)
    return np.asarray(np.einsum("...ykx->...yx", tall) * share, np.float32)


def unit_rows(rows: Values, flat: float) -> Values:
    """Scale rows to length one, with one more number that makes nearly empty rows equal.

    `flat` is the root mean square below which a row counts for little.
    """
    constant = np.full((len(rows), 1), flat * rows.shape[1] ** 0.5, np.float32)
    longer = np.concatenate([rows, constant], axis=1)
    lengths = np.sqrt(np.einsum("td,td->t", longer, longer))
    return np.asarray(longer / lengths[:, None], np.float32)


def structure(across: Values, down: Values) -> Values:
    """Return mean rising and falling slopes of luma in 4 x 3 parts, robust to small movements."""
    parts = []
    for slope in (across[:, :, : WIDTH - 4], down[:, : HEIGHT - 3]):
        whole = pooled(slope, 3, 4)
        size = pooled(np.abs(slope), 3, 4)
        parts += [(size + whole).reshape(len(slope), -1), (size - whole).reshape(len(slope), -1)]
    return np.concatenate(parts, axis=1)


@cache
def chroma_bins() -> NDArray[np.int64]:
    """Return the bin, 0..7, of each 8-bit U or V; finer near grey, where most pixels are."""
    return np.searchsorted(CHROMA_EDGES, np.arange(256), side="right").astype(np.int64)


def histograms(pictures: Bytes) -> Values:
    """Return joint histograms of Y, U and V, 8 bins each, as shares: shape (frames, 512)."""
    bins = chroma_bins()
    n_frames = len(pictures)
    y, u, v = np.moveaxis(pictures.reshape(n_frames, 3, -1), 1, 0)
    index = (y >> 5).astype(np.int64) * 64
    index += bins[u] * 8 + bins[v]
    index += np.arange(n_frames)[:, None] * 512
    counts = np.bincount(index.ravel(), minlength=n_frames * 512)
    return np.asarray(counts.reshape(n_frames, 512) / y.shape[1], np.float32)


def bands(frames: Descriptions) -> Values:
    """Compute features of all frames but the first and last 32: shape (frames - 64, N_FEATURES)."""
    columns = [
        column
        for vectors in frames.directions.values()
        for column in views({lag: distances(vectors, lag) for lag in LAGS}, len(frames))
    ]
    squares: dict[int, Values] = {}
    by_zone: dict[int, list[Values]] = {lag: [] for lag in LAGS}
    for lag in LAGS:
        difference = frames.zones[lag:] - frames.zones[:-lag]
        total = np.einsum("td,td->t", difference, difference)
        squares[lag] = np.asarray(total / difference.shape[1], np.float32)
        zone = np.abs(difference).reshape(len(difference), 3, N_ZONES).sum(axis=1)
        by_zone[lag] += [share_changed(zone), scaled_root(zone.min(axis=1), 4.0)]
    for part in range(2):
        columns += views({lag: by_zone[lag][part] for lag in LAGS}, len(frames))
    columns += views({lag: scaled_root(squares[lag], 16.0) for lag in LAGS}, len(frames))
    columns += mixtures(squares, len(frames))
    for profile in frames.profiles:
        moved = {lag: shifted(profile, lag) for lag in SHIFTED}
        columns += [view for lag in SHIFTED for view in both_ways(moved[lag], lag, len(frames))]
    columns += list(frames.levels[REACH:-REACH].T)
    return np.stack(columns, axis=1)


def distances(vectors: Values, lag: int) -> Values:
    """Return the distance of each vector of length one to that `lag` rows later, 0..1."""
    similarity = np.einsum("td,td->t", vectors[:-lag], vectors[lag:])
    return scaled_root(np.clip(1.0 - similarity, 0.0, 1.0), 1.0)


def scaled_root(values: Values, unit: float) -> Values:
    """Return square roots over a unit, which separate small distances better."""
    return np.asarray(np.sqrt(values) / unit, np.float32)


def share_changed(zones: Values) -> Values:
    """Return the share of zones that changed, weighting small changes less."""
    return np.asarray(np.minimum(zones / CHANGED, 1.0).mean(axis=1), np.float32)


def both_ways(later: Values, lag: int, n_frames: int) -> list[Values]:
    """Return a band to the frames `lag` later and earlier, for frames with 32 on both sides."""
    return [later[first : first + n_frames - 2 * REACH] for first in (REACH, REACH - lag)]


def views(later: dict[int, Values], n_frames: int) -> list[Values]:
    """Return bands forwards, backwards, and across: between frames half a lag before and after."""
    around = [view for lag in LAGS for view in both_ways(later[lag], lag, n_frames)]
    n_inner = n_frames - 2 * REACH
    across = [later[lag][REACH - lag // 2 :][:n_inner] for lag in CENTRED]
    return around + across


def mixtures(squares: dict[int, Values], n_frames: int) -> list[Values]:
    """Measure how far a frame lies between two around it, and how far off the line between them.

    Between the frames `lag` before and after, a dissolve lies half way and not off it; both
    follow from the three distances between them.
    """
    n_inner = n_frames - 2 * REACH
    found = []
    for lag in MIXED:
        before = squares[lag][REACH - lag :][:n_inner]
        after = squares[lag][REACH:][:n_inner]
        whole = squares[2 * lag][REACH - lag :][:n_inner]
        position = (before - after) / (whole + NOISE)
        share = np.clip((1.0 + position) / 2.0, 0.0, 1.0)
        off = np.maximum(before - share**2 * whole, 0.0) / (whole + NOISE)
        found += [np.clip(position, -2.0, 2.0), np.sqrt(np.minimum(off, 4.0))]
    return found


def shifted(profiles: Values, lag: int) -> Values:
    """Return the least difference of profiles `lag` frames apart over shifts: small for a pan."""
    before, after = profiles[:-lag], profiles[lag:]
    least = np.full(len(before), np.inf, np.float32)
    width = profiles.shape[1]
    for shift in range(-MAX_SHIFT, MAX_SHIFT + 1):
        one = before[:, max(0, shift) : width + min(0, shift)]
        other = after[:, max(0, -shift) : width + min(0, -shift)]
        np.minimum(least, np.abs(one - other).mean(axis=1), out=least)
    return scaled_root(least, 4.0)


N_FEATURES = 7 * (2 * len(LAGS) + len(CENTRED)) + 2 * len(MIXED) + 4 * len(SHIFTED) + 4
