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
MATCHED = (1, 2, 4, 8)
SWEPT = EDGED = (2, 4, 8, 16)
REACH = max(LAGS)

WIDTH, HEIGHT = 32, 18
ZONES_ACROSS, ZONES_DOWN = 8, 6
N_ZONES = ZONES_ACROSS * ZONES_DOWN
CHROMA_EDGES = (104, 118, 124, 128, 132, 138, 152)
MAX_SHIFT = 5
MATCH_ACROSS, MATCH_DOWN = 4, 2
RELIEF_SIZE, RELIEF_STEPS, RELIEF_HALF = (7, 5), 12.0, 32
FLAT_LUMA, FLAT_GRADIENT, FLAT_RELIEF, FLAT_CHROMA = 4.0, 2.0, 0.4, 3.0
CHANGED, UNMATCHED = 24.0, 18
NOISE, ZONE_NOISE = 4.0, 6.0

Values = NDArray[np.float32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Descriptions:
    """A run of frames as vectors, one row each, whose distances are the bands.

    `directions` are vectors of length one, by name; `zones` are Y, U and V of 48 parts of the
    picture; `relief` is luma against what lies around it, in 64 steps; `profiles` the mean luma of
    columns and of rows, `edges` the mean steps of luma from each to the next; `levels` are a few
    numbers of each frame by itself.
    """

    directions: dict[str, Values]
    zones: Values
    relief: Bytes
    profiles: tuple[Values, Values]
    edges: tuple[Values, Values]
    levels: Values

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.levels)


def small_yuv(small: SmallFrame, into: Bytes) -> None:
    """Shrink a small frame of any size to Y, U and V of 32 x 18: fills shape (3, 18, 32)."""
    for plane, row in zip((small.luma, small.u, small.v), into, strict=True):
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
    luma = image.reshape(n_frames, -1)
    mean = luma.mean(axis=1, keepdims=True)
    centred = luma - mean
    zones = pooled(planes, ZONES_DOWN, ZONES_ACROSS).reshape(n_frames, -1)
    chroma = zones[:, N_ZONES:] - 128.0
    relief = local_contrast(pictures[:, 0]).reshape(n_frames, -1)
    directions = {
        "luma": unit_rows(centred, FLAT_LUMA),
        "relief": unit_rows(relief, FLAT_RELIEF),
        "structure": unit_rows(structure(across, down), FLAT_GRADIENT),
        "colours": np.sqrt(histograms(pictures)),
        "chroma": unit_rows(chroma, FLAT_CHROMA),
    }
    squares = np.einsum("tyx,tyx->t", across, across) + np.einsum("tyx,tyx->t", down, down)
    n_slopes = across[0].size + down[0].size
    levels = [
        mean[:, 0] / 128.0 - 1.0,
        np.sqrt(np.einsum("td,td->t", centred, centred) / luma.shape[1]) / 64.0,
        np.sqrt(squares / n_slopes) / 16.0,
        np.abs(chroma).mean(axis=1) / 32.0,
    ]
    profiles = image.mean(axis=1), image.mean(axis=2)
    steps = np.clip(relief * RELIEF_STEPS + RELIEF_HALF, 0.0, 2.0 * RELIEF_HALF - 1.0)
    return Descriptions(
        directions,
        zones,
        steps.astype(np.uint8),
        profiles,
        (np.abs(across).mean(axis=1), np.abs(down).mean(axis=2)),
        np.stack(levels, axis=1),
    )


def local_contrast(luma: Bytes) -> Values:
    """Return luma less its mean around each pixel, over its spread there: light falls out of it."""
    n_frames = len(luma)
    reach = RELIEF_SIZE[1] // 2
    tall = np.concatenate(
        [luma[:, :1].repeat(reach, 1), luma, luma[:, -1:].repeat(reach, 1)], axis=1
    ).reshape(-1, WIDTH)
    border = cv2.BORDER_REPLICATE
    mean = cv2.boxFilter(tall, cv2.CV_32F, RELIEF_SIZE, borderType=border)
    square = cv2.sqrBoxFilter(tall, cv2.CV_32F, RELIEF_SIZE, borderType=border)
    spread = np.sqrt(np.maximum(square - mean * mean, 0.0) + FLAT_LUMA**2)
    relief = (tall - mean) / spread
    return np.asarray(relief.reshape(n_frames, -1, WIDTH)[:, reach:-reach], np.float32)


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
    n_frames = len(frames)
    columns = [
        column
        for vectors in frames.directions.values()
        for column in views({lag: distances(vectors, lag) for lag in LAGS}, n_frames)
    ]
    squares: dict[int, Values] = {}
    zones: dict[int, Values] = {}
    by_zone = np.ascontiguousarray(frames.zones.T)
    for lag in LAGS:
        difference = by_zone[:, lag:] - by_zone[:, :-lag]
        total = np.einsum("dt,dt->t", difference, difference)
        squares[lag] = np.asarray(total / len(difference), np.float32)
        zones[lag] = np.abs(difference, out=difference).reshape(3, N_ZONES, -1).sum(axis=0)
    columns += views({lag: share_changed(zones[lag]) for lag in LAGS}, n_frames)
    columns += views({lag: scaled_root(zones[lag].min(axis=0), 4.0) for lag in LAGS}, n_frames)
    columns += views({lag: scaled_root(squares[lag], 16.0) for lag in LAGS}, n_frames)
    columns += mixtures(squares, n_frames)
    columns += sweeps(zones, n_frames)
    for profile in frames.profiles:
        moved = {lag: shifted(profile, lag) for lag in SHIFTED}
        columns += [view for lag in SHIFTED for view in both_ways(moved[lag], lag, n_frames)]
    for edges in frames.edges:
        columns += passing(edges, n_frames)
    for lag, found in matched(frames.relief).items():
        columns += [view for part in found for view in both_ways(part, lag, n_frames)]
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
    return np.asarray(np.minimum(zones / CHANGED, 1.0).mean(axis=0), np.float32)


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


def sweeps(zones: dict[int, Values], n_frames: int) -> list[Values]:
    """Measure, zone by zone, how far a frame is from one picture to another, and where.

    In a wipe some zones are still the old picture and others the new one already, in order across
    the picture; in a dissolve all are equally far; under a moving camera they are off the way.
    """
    n_inner = n_frames - 2 * REACH
    places = zone_places()
    found = []
    for lag in SWEPT:
        before = zones[lag][:, REACH - lag :][:, :n_inner]
        after = zones[lag][:, REACH:][:, :n_inner]
        whole = zones[2 * lag][:, REACH - lag :][:, :n_inner]
        total = whole.sum(axis=0) + N_ZONES * ZONE_NOISE
        position = np.clip((before - after) / (whole + ZONE_NOISE), -1.5, 1.5)
        weighted = position * whole
        mean = weighted.sum(axis=0) / total
        spread = np.einsum("zt,zt->t", weighted, position) / total - mean**2
        off = (before + after - whole).sum(axis=0) / total
        tilt = np.einsum("pz,zt->pt", places, weighted - mean * whole) / total
        uneven = np.sqrt(N_ZONES * np.einsum("zt,zt->t", whole, whole)) / total
        found += [mean, np.sqrt(np.maximum(spread, 0.0)), np.sqrt(np.clip(off, 0.0, 4.0))]
        found += [*np.abs(tilt), uneven]
    return found


@cache
def zone_places() -> Values:
    """Return where zones lie: across, down, and away from the middle, each -1..1: shape (3, 48)."""
    y, x = np.mgrid[0:ZONES_DOWN, 0:ZONES_ACROSS].astype(np.float32)
    x, y = 2.0 * x / (ZONES_ACROSS - 1) - 1.0, 2.0 * y / (ZONES_DOWN - 1) - 1.0
    return np.stack([x, y, np.hypot(x, y) * 2.0**0.5 - 1.0]).reshape(3, -1).astype(np.float32)


def passing(edges: Values, n_frames: int) -> list[Values]:
    """Measure the strongest straight edge that is neither there before nor after: a wipe's."""
    n_inner = n_frames - 2 * REACH
    now = edges[REACH:][:n_inner]
    found = []
    for lag in EDGED:
        around = np.maximum(edges[REACH - lag :][:n_inner], edges[REACH + lag :][:n_inner])
        most = np.maximum((now - around).max(axis=1), 0.0)
        found.append(scaled_root(most, 4.0))
    return found


def shifted(profiles: Values, lag: int) -> Values:
    """Return the least difference of profiles `lag` frames apart over shifts: small for a pan."""
    turned = np.ascontiguousarray(profiles.T)
    before, after = turned[:, :-lag], turned[:, lag:]
    least = np.full(before.shape[1], np.inf, np.float32)
    width = len(turned)
    for shift in range(-MAX_SHIFT, MAX_SHIFT + 1):
        one = before[max(0, shift) : width + min(0, shift)]
        other = after[max(0, -shift) : width + min(0, -shift)]
        np.minimum(least, np.abs(one - other).mean(axis=0), out=least)
    return scaled_root(least, 4.0)


def matched(relief: Bytes) -> dict[int, tuple[Values, Values]]:
    """Match cells of 2 x 2 pixels to a later frame, moved by up to four pixels: what is left.

    Neither light nor a moving camera nor a thing that crosses leaves much; a cut does. By lag: the
    mean difference left, and the share of cells that nothing matches.
    """
    n_frames = len(relief)
    wide = WIDTH + 2 * MATCH_ACROSS
    pixels = np.ascontiguousarray(relief.T).reshape(HEIGHT, WIDTH, n_frames)
    rows = np.clip(np.arange(HEIGHT + 2 * MATCH_DOWN) - MATCH_DOWN, 0, HEIGHT - 1)
    columns = np.clip(np.arange(wide) - MATCH_ACROSS, 0, WIDTH - 1)
    padded = pixels[rows][:, columns].reshape(-1, n_frames)
    # From the first pixel within the margins to the last, so that a move is an offset of rows.
    first, size = MATCH_DOWN * wide + MATCH_ACROSS, HEIGHT * wide - 2 * MATCH_ACROSS
    moves = [
        down * wide + across
        for down in range(-MATCH_DOWN, MATCH_DOWN + 1)
        for across in range(-MATCH_ACROSS, MATCH_ACROSS + 1)
    ]
    found = {}
    for lag in MATCHED:
        n_pairs = n_frames - lag
        before = padded[first : first + size, :-lag]
        difference = np.zeros((HEIGHT * wide, n_pairs), np.uint8)
        pairs = np.empty((HEIGHT * wide // 2, n_pairs), np.uint8)
        cells = np.empty((HEIGHT // 2, wide // 2 * n_pairs), np.uint8)
        least = np.full_like(cells, 255)
        side_by_side = difference.reshape(-1, 2 * n_pairs)
        one_over_other = pairs.reshape(HEIGHT // 2, -1)
        for move in moves:
            after = padded[first + move : first + move + size, lag:]
            cv2.absdiff(before, after, dst=difference[:size])
            cv2.add(side_by_side[:, :n_pairs], side_by_side[:, n_pairs:], dst=pairs)
            middle = one_over_other.shape[1] // 2
            cv2.add(one_over_other[:, :middle], one_over_other[:, middle:], dst=cells)
            cv2.min(least, cells, dst=least)
        inside = least.reshape(HEIGHT // 2, wide // 2, n_pairs)[:, : WIDTH // 2]
        inside = np.ascontiguousarray(inside).reshape(-1, n_pairs)
        mean = np.add.reduce(inside, axis=0, dtype=np.uint16) / np.float32(len(inside))
        many = np.add.reduce(inside > UNMATCHED, axis=0, dtype=np.uint16)
        found[lag] = scaled_root(mean, 6.0), np.asarray(many / np.float32(len(inside)), np.float32)
    return found


N_DIRECTIONS = 5
N_FEATURES = (
    (N_DIRECTIONS + 3) * (2 * len(LAGS) + len(CENTRED))
    + 2 * len(MIXED)
    + 7 * len(SWEPT)
    + 4 * len(SHIFTED)
    + 2 * len(EDGED)
    + 4 * len(MATCHED)
    + 4
)
