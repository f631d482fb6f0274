"""How the camera and objects move, from the optical flow between two small frames.

The flow of points with texture is fitted by a similarity transform, robustly (MSAC, Torr and
Zisserman 2000): what most of the picture does is the camera's doing; what is left is motion of
objects. An object of rich texture holds more points than the plain ground behind it, so that it is
not points that vote but cells of the picture that hold any, and those at its border more, which the
ground reaches. Dense flow carries an object's motion far into plain ground; each point is therefore
tracked again by its own surroundings, starting from that flow.
"""

import math
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache, lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from vidcurate.media.io.orientation import Matrix
from vidcurate.media.visual.measures import Image

Values = NDArray[np.float32]
Points = NDArray[np.complex64]

MIN_FLOW_SIDE = 32  # pixels of the smallest picture that flow is measured on
POINT_STEP = 4  # pixels between points: about 2000 on a small picture of 256 x 144
EDGE = 6  # pixels left out along the border, where flow leads out of the picture
# Least eigenvalue of the gradients' covariance (Shi and Tomasi 1994) that holds a point in both
# directions, of 3 x 3 Sobel slopes summed over 5 x 5 pixels. Flat areas and straight edges, such as
# those of bars, have less.
MIN_TEXTURE = 78.03
SLOPE_REACH = 2  # pixels each way over which slopes are summed
MIN_POINTS = 12
BLOCK, POINTS_OF_BLOCK = 16, 3  # pixels of a block's side; its points of most texture
POINTS_ALONG = BLOCK // POINT_STEP
VOTERS = (5, 4)  # cells across and down that have one vote each
BORDER_VOTE = 1.0  # added to a block's weight at the border, with the square of its way from there
# Width and height of what is compared to track a point, of which OpenCV takes eight pixels at a
# time, and when that ends: after so many steps, or at one of under so many pixels.
TRACKED = (8, 12)
SETTLED = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 10, 0.03)
TRIALS, POLLED = 96, 128  # draws of two points, and about how many points judge each
MIN_DISTANCE = 0.15  # diagonals: two points that are nearer say little of a turn or a zoom
# A point follows within this distance, in diagonals (under half a pixel of a small picture), and
# this share of its own motion, as fast flow is measured less exactly.
INLIER_DISTANCE, INLIER_SHARE = 0.0015, 0.03
REFINEMENTS = 2
SAME_WAY = 0.5  # weight of a change of speed against one of direction
CELLS = 3


@dataclass(frozen=True, slots=True)
class View:
    """How a small frame is shown: `width` x `height` have square pixels, before `matrix`."""

    width: int
    height: int
    matrix: Matrix


@dataclass(frozen=True, slots=True)
class CameraMotion:
    """The motion measured on one pair of frames, as shown upright; speeds are per second.

    `pan` (to the right) and `tilt` (up) are of the camera, in frame diagonals; `zoom` (in) is the
    logarithm of the scale; `roll` (clockwise) of the camera in radians. `agreement` is the share of
    `votes` that follow. `object_motion` is the mean length of what the camera does not explain, in
    diagonals, by votes, `object_cells` its mean vector (right, down) in each cell of a 3 x 3 grid,
    row by row. `reached` are the places in the later picture, in pixels, of the points tracked.
    """

    pan: float
    tilt: float
    zoom: float
    roll: float
    agreement: float
    object_motion: float
    object_cells: Values
    reached: Values


@dataclass(frozen=True, slots=True)
class Similarity:
    """Points x go to turn * x + shift; `agreement` is the weight of those that do, 0..1.

    `left` is what each point's motion differs by.
    """

    turn: complex
    shift: complex
    agreement: float
    left: Points


@dataclass(slots=True)
class FlowMeter:
    """Measures dense optical flow (dense inverse search, Kroeger et al. 2016, fastest setting)."""

    flow: cv2.DISOpticalFlow = field(
        default_factory=lambda: cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    )

    def between(self, before: Image, after: Image) -> Values:
        """Return the flow in pixels, shape (height, width, 2), between two luma pictures."""
        return np.asarray(self.flow.calc(before, after, None))  # type: ignore[call-overload]

    def roughly(self, before: Image, after: Image) -> Values:
        """Return the flow at half the size, in whole pixels: enough to begin to track from."""
        if min(before.shape) < 2 * MIN_FLOW_SIDE:
            return self.between(before, after)
        return 2 * self.between(halved(before), halved(after))


def halved(picture: Image) -> Image:
    """Average a picture over squares of 2 x 2 pixels."""
    small = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def flow_speed(flow: Values, elapsed_s: Fraction) -> tuple[float, float]:
    """Return mean and standard deviation of the flow's length, in diagonals a second."""
    squares = flow * flow
    # Not OpenCV's magnitude, whose last bit depends on where in memory the flow lies.
    mean, spread = cv2.meanStdDev(np.sqrt(squares[..., 0] + squares[..., 1]))
    unit = float(np.hypot(*flow.shape[:2])) * float(elapsed_s)
    return float(mean[0, 0]) / unit, float(spread[0, 0]) / unit


def camera_motion(
    flow: Values,
    before: Image,
    after: Image,
    view: View,
    elapsed_s: Fraction,
    places: Values | None = None,
) -> CameraMotion | None:
    """Measure the motion of camera and objects between two luma pictures, from the flow in pixels.

    The flow may be of less rows and columns. `places` are the points to track, in pixels (right,
    down), those of most texture if not given.
    None in pictures without texture.
    """
    places = textured(before) if places is None else inside(places, before)
    places, moves = tracked(places, moves_at(places, flow, before), before, after)
    if len(places) < MIN_POINTS:
        return None
    weights = votes(places, before)
    centre = np.array([before.shape[1] - 1, before.shape[0] - 1], np.float32) / np.float32(2)
    positions = as_shown(places - centre, before, view)
    motion = as_shown(moves, before, view)
    seconds = float(elapsed_s)
    fit = similarity(as_complex(positions), as_complex(positions + motion), weights)
    if fit is None:
        return None
    left = np.stack([fit.left.real, fit.left.imag], axis=1).astype(np.float32) / np.float32(seconds)
    return CameraMotion(
        pan=-fit.shift.real / seconds,
        tilt=fit.shift.imag / seconds,
        zoom=float(np.log(np.abs(fit.turn))) / seconds,
        roll=-float(np.angle(fit.turn)) / seconds,
        agreement=fit.agreement,
        object_motion=float(np.average(np.hypot(*left.T), weights=weights)),
        object_cells=cell_means(positions, left, view),
        reached=places + moves,
    )


def similarity(before: Points, after: Points, weights: Values) -> Similarity | None:
    """Fit the similarity transform that most weight follows; None where points are too close.

    Points are complex numbers, right + down i, so that a turn and a zoom are one factor.
    """
    reach = INLIER_DISTANCE + INLIER_SHARE * np.abs(after - before)
    total = np.cumsum(weights)
    first, second = np.searchsorted(total, trial_draws() * total[-1]).clip(max=len(before) - 1)
    apart = before[second] - before[first]
    far = np.abs(apart) > MIN_DISTANCE
    if not far.any():
        return None
    turns = (after[second] - after[first])[far] / apart[far]
    shifts = after[first][far] - turns * before[first][far]
    polled = slice(None, None, -(-len(before) // POLLED))
    missed = misses(turns, shifts, before[polled], after[polled], reach[polled])
    best = int((np.maximum(0, 1 - missed) @ weights[polled]).argmax())
    turn, shift = complex(turns[best]), complex(shifts[best])
    for _ in range(REFINEMENTS):
        follows = np.abs(turn * before + shift - after) < reach
        turn, shift = least_squares(before[follows], after[follows], weights[follows])
    left = after - turn * before - shift
    agreement = float(weights[np.abs(left) < reach].sum() / total[-1])
    return Similarity(turn, shift, agreement, left.astype(np.complex64))


def misses(turns: Points, shifts: Points, before: Points, after: Points, reach: Values) -> Values:
    """Return how far each trial leaves each point from where it goes, squared, in reaches.

    In real numbers, one product of matrices: complex ones take four times as long.
    """
    zero, one = np.zeros_like(turns.real), np.ones_like(turns.real)
    across = np.stack([turns.real, -turns.imag, shifts.real, -one, zero], axis=1)
    down = np.stack([turns.imag, turns.real, shifts.imag, zero, -one], axis=1)
    places = np.stack([before.real, before.imag, np.ones_like(reach), after.real, after.imag])
    places /= reach
    squares = np.square(across @ places)
    squares += np.square(down @ places)
    return squares


def least_squares(sources: Points, targets: Points, weights: Values) -> tuple[complex, complex]:
    """Fit the factor and shift that bring points nearest to their targets, by weights."""
    shares = weights / weights.sum()
    middle, goal = shares @ sources, shares @ targets
    arms = sources - middle
    weighted = shares * arms
    turn = np.vdot(weighted, targets - goal) / np.vdot(weighted, arms).real
    return complex(turn), complex(goal - turn * middle)


@cache
def trial_draws() -> NDArray[np.float64]:
    """Return fixed pseudo-random numbers in 0..1 that choose two points for each trial."""
    return np.random.default_rng(0).random((2, TRIALS))


def as_complex(vectors: Values) -> Points:
    """Return vectors (right, down) as complex numbers."""
    return np.ascontiguousarray(vectors).view(np.complex64)[:, 0]


def velocity_change(first: CameraMotion, then: CameraMotion) -> float:
    """Measure how much the camera's pan and tilt change between pairs, in diagonals a second.

    A smooth movement has little even where it is fast; a hand that shakes turns aside or back
    several times a second. A camera that follows something slows down and quickens on its way, so
    that this part of the change counts by half, unless the camera turns back.
    """
    before, after = complex(first.pan, first.tilt), complex(then.pan, then.tilt)
    way = before + after
    if not way:
        return abs(after - before)
    change = (after - before) * way.conjugate() / abs(way)
    turns_back = min((v * way.conjugate()).real for v in (before, after)) < 0
    return math.hypot(change.real if turns_back else SAME_WAY * change.real, change.imag)


def inside(places: Values, picture: Image) -> Values:
    """Leave out places that lie along the border of a picture or out of it."""
    height, width = picture.shape
    least, most = np.float32(EDGE), np.array([width, height], np.float32) - np.float32(EDGE)
    return places[((places >= least) & (places < most)).all(axis=1)]


def moves_at(places: Values, flow: Values, picture: Image) -> Values:
    """Return the flow at some places of a picture, shape (n, 2)."""
    scale = np.array([flow.shape[1], flow.shape[0]], np.float32) / picture.shape[::-1]
    columns, rows = ((places + 0.5) * scale).astype(int).T
    moves: Values = flow[rows, columns]
    return moves


def textured(picture: Image) -> Values:
    """Choose each block's points of most texture: places in pixels, shape (n, 2)."""
    hold = corner_strength(picture)
    down, across = hold.shape
    # Blocks begin at the picture's corner, the grid one point after it.
    n_down, n_across = (-(-(length + 1) // POINTS_ALONG) for length in hold.shape)
    padded = np.full((n_down * POINTS_ALONG, n_across * POINTS_ALONG), -1.0, np.float32)
    padded[1 : down + 1, 1 : across + 1] = hold
    parts = padded.reshape(n_down, POINTS_ALONG, n_across, POINTS_ALONG)
    blocks = parts.swapaxes(1, 2).reshape(n_down * n_across, -1)
    best = np.argsort(-blocks, axis=1, kind="stable")[:, :POINTS_OF_BLOCK]
    block, rank = np.nonzero(np.take_along_axis(blocks, best, 1) >= MIN_TEXTURE)
    point = best[block, rank]
    rows = block // n_across * POINTS_ALONG + point // POINTS_ALONG - 1
    columns = block % n_across * POINTS_ALONG + point % POINTS_ALONG - 1
    return (np.stack([columns, rows], axis=1) * POINT_STEP + EDGE).astype(np.float32)


def corner_strength(picture: Image) -> Values:
    """Return how well a point is held at every fourth pixel each way, but for the border.

    As OpenCV's cornerMinEigenVal, but for its scale, and worked out only where it is looked at.
    """
    rows, columns = (len(range(EDGE, length - EDGE, POINT_STEP)) for length in picture.shape)
    across = cv2.Sobel(picture, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(picture, cv2.CV_32F, 0, 1)
    xx, xy, yy = (
        sums(sums(product, rows).T, columns).T
        for product in (across * across, across * down, down * down)
    )
    return np.asarray((xx + yy - np.sqrt((xx - yy) ** 2 + 4 * xy * xy)) / 2, np.float32)


def sums(values: Values, count: int) -> Values:
    """Add up the rows around each of the grid's `count` rows."""
    first = EDGE - SLOPE_REACH
    total = values[first::POINT_STEP][:count].copy()
    for n in range(1, 2 * SLOPE_REACH + 1):
        total += values[first + n :: POINT_STEP][:count]
    return total


def tracked(places: Values, moves: Values, before: Image, after: Image) -> tuple[Values, Values]:
    """Track points: positions and motion, both of shape (n, 2) in pixels, of those found again.

    Lucas and Kanade's method (Bouguet 2000) at full size, from `moves` on.
    """
    if not len(places):
        return places, moves
    tracked_places, found, _ = cv2.calcOpticalFlowPyrLK(
        before,
        after,
        places,
        places + moves,
        winSize=TRACKED,
        maxLevel=0,
        criteria=SETTLED,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    again = found.ravel() > 0
    return places[again], np.asarray(tracked_places, np.float32)[again] - places[again]


def votes(places: Values, picture: Image) -> Values:
    """Weigh each point: a cell's vote is shared by its blocks, a block's by its points.

    However much of a cell is textured, it has one vote, and up to `BORDER_VOTE` more by where its
    blocks lie.
    """
    height, width = picture.shape
    cells, votes_of_cell = block_votes(height, width)
    column, row = (places // BLOCK).astype(int).T
    block_of_point = row * -(-width // BLOCK) + column
    points = np.bincount(block_of_point, minlength=len(cells))
    used = points > 0
    blocks_of_cell = np.bincount(cells[used], minlength=math.prod(VOTERS))
    with np.errstate(divide="ignore", invalid="ignore"):  # of blocks without a point
        shares = votes_of_cell / blocks_of_cell[cells] / points
    return np.asarray(shares[block_of_point], np.float32)


@lru_cache(maxsize=8)
def block_votes(height: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return each block's cell and its vote, which is the larger the nearer it lies to the border.

    Blocks are numbered row by row.
    """
    down, across = np.mgrid[0 : -(-height // BLOCK), 0 : -(-width // BLOCK)].reshape(2, -1)
    middles = np.stack([across, down], axis=1) + 0.5
    middles = np.minimum(middles * BLOCK / np.array([width, height], np.float32), 1)
    cells = np.minimum((middles * VOTERS).astype(int), np.array(VOTERS) - 1) @ (1, VOTERS[0])
    outward = np.abs(2 * middles - 1).max(axis=1)
    return cells, 1 + BORDER_VOTE * outward**2


def as_shown(vectors: Values, picture: Image, view: View) -> Values:
    """Convert vectors in pixels of a small frame to upright vectors (right, down) in diagonals."""
    size = np.array([view.width, view.height], np.float32)
    scaled = vectors * (size / np.hypot(*size) / (picture.shape[1], picture.shape[0]))
    a, b, c, d = view.matrix
    turned: Values = (scaled @ np.array([[a, b], [c, d]])).astype(np.float32)
    return turned


def cell_means(positions: Values, left: Values, view: View) -> Values:
    """Return the mean vector in each cell of the upright 3 x 3 grid, row by row: 18 numbers."""
    half = as_shown_half(view)
    cells = np.clip(((positions / half + 1) / 2 * CELLS).astype(int), 0, CELLS - 1)
    index = cells[:, 1] * CELLS + cells[:, 0]
    counts = np.maximum(np.bincount(index, minlength=CELLS**2), 1)
    sums = [np.bincount(index, left[:, axis], CELLS**2) for axis in (0, 1)]
    return (np.stack(sums, axis=1) / counts[:, None]).astype(np.float32).ravel()


def as_shown_half(view: View) -> Values:
    """Return half the width and height as shown, in diagonals."""
    size = (view.height, view.width) if view.matrix[0] == 0 else (view.width, view.height)
    return np.array(size, np.float32) / np.float32(2 * np.hypot(*size))
