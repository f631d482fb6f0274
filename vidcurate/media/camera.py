"""How the camera and the things before it move, from the optical flow between two small pictures.

The flow of points with texture is fitted by a similarity transform, robustly (RANSAC, Fischler and
Bolles 1981): what most points do is the camera's doing; what is left is motion of objects.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vidcurate.media.measures import Image
from vidcurate.media.orientation import Matrix

Values = NDArray[np.float32]

POINT_STEP = 4  # pixels between points: about 2000 on a small picture of 256 x 144
EDGE = 6  # pixels left out along the border, where flow leads out of the picture
# Least eigenvalue of the gradients' covariance (Shi and Tomasi 1994) that holds a point in both
# directions, as OpenCV scales it. Flat areas and straight edges, such as those of bars, have less.
LEAST_TEXTURE = 1e-5
LEAST_POINTS = 24
INLIER_DISTANCE = 0.0015  # diagonals: under half a pixel of a small picture
CELLS = 3


@dataclass(frozen=True, slots=True)
class View:
    """How a small picture is shown: `width` x `height` have square pixels, before `matrix`."""

    width: int
    height: int
    matrix: Matrix


@dataclass(frozen=True, slots=True)
class CameraMotion:
    """What one pair of pictures says, as shown upright; speeds are a second.

    `pan` (to the right) and `tilt` (up) are of the camera, in frame diagonals; `zoom` (in) is the
    logarithm of the scale; `roll` (clockwise) of the camera in radians. `agreement` is the share of
    points with texture that follow. `object_motion` is the mean length of what the camera does not
    explain, in diagonals, `object_cells` its mean vector (right, down) in each cell of a 3 x 3
    grid, row by row.
    """

    pan: float
    tilt: float
    zoom: float
    roll: float
    agreement: float
    object_motion: float
    object_cells: Values


@dataclass(slots=True)
class FlowMeter:
    """Measures dense optical flow (dense inverse search, Kroeger et al. 2016, fastest setting)."""

    flow: cv2.DISOpticalFlow = field(
        default_factory=lambda: cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    )

    def between(self, before: Image, after: Image) -> Values:
        """Flow in pixels, shape (height, width, 2), between two luma pictures."""
        return np.asarray(self.flow.calc(before, after, None))  # type: ignore[call-overload]


def flow_speed(flow: Values, elapsed_s: Fraction) -> tuple[float, float]:
    """Mean and standard deviation of the flow's length, in diagonals a second."""
    mean, spread = cv2.meanStdDev(cv2.magnitude(*cv2.split(flow)))
    unit = float(np.hypot(*flow.shape[:2])) * float(elapsed_s)
    return float(mean[0, 0]) / unit, float(spread[0, 0]) / unit


def camera_motion(
    flow: Values, before: Image, view: View, elapsed_s: Fraction
) -> CameraMotion | None:
    """The camera's and the objects' motion by the flow; None in a picture without texture."""
    places, moves = textured(flow, before)
    if len(places) < LEAST_POINTS:
        return None
    centre = np.array([before.shape[1] - 1, before.shape[0] - 1], np.float32) / np.float32(2)
    here = as_shown(places - centre, before, view)
    there = here + as_shown(moves, before, view)
    # OpenCV's types do not tell that there may be no fit.
    found: tuple[Any, Any] = cv2.estimateAffinePartial2D(
        here, there, method=cv2.RANSAC, ransacReprojThreshold=INLIER_DISTANCE
    )
    fit, inliers = found
    if fit is None:
        return None
    seconds = float(elapsed_s)
    left = ((there - here @ fit[:, :2].T - fit[:, 2]) / seconds).astype(np.float32)
    return CameraMotion(
        pan=-float(fit[0, 2]) / seconds,
        tilt=float(fit[1, 2]) / seconds,
        zoom=float(np.log(np.hypot(fit[0, 0], fit[1, 0]))) / seconds,
        roll=-float(np.arctan2(fit[1, 0], fit[0, 0])) / seconds,
        agreement=float(np.mean(inliers)),
        object_motion=float(np.hypot(*left.T).mean()),
        object_cells=cell_means(here, left, view),
    )


def velocity_change(first: CameraMotion, then: CameraMotion) -> float:
    """How much the camera's pan and tilt differ from one pair to the next, in diagonals a second.

    A smooth movement has little even where it is fast; a hand that shakes reverses several times
    a second.
    """
    return float(np.hypot(then.pan - first.pan, then.tilt - first.tilt))


def textured(flow: Values, before: Image) -> tuple[Values, Values]:
    """Places in pixels and flow of the grid points that have texture, each of shape (n, 2)."""
    hold = cv2.cornerMinEigenVal(before, 5)
    height, width = before.shape
    grid = np.s_[EDGE : height - EDGE : POINT_STEP, EDGE : width - EDGE : POINT_STEP]
    down, across = np.nonzero(hold[grid] >= LEAST_TEXTURE)
    places = np.stack([across, down], axis=1).astype(np.float32) * POINT_STEP + EDGE
    return places, flow[grid][down, across]


def as_shown(vectors: Values, picture: Image, view: View) -> Values:
    """Vectors in pixels of a small picture as vectors (right, down) in diagonals, upright."""
    size = np.array([view.width, view.height], np.float32)
    scaled = vectors * (size / np.hypot(*size) / (picture.shape[1], picture.shape[0]))
    a, b, c, d = view.matrix
    turned: Values = (scaled @ np.array([[a, b], [c, d]])).astype(np.float32)
    return turned


def cell_means(here: Values, left: Values, view: View) -> Values:
    """The mean vector in each cell of the upright 3 x 3 grid, row by row: 18 numbers."""
    half = as_shown_half(view)
    cells = np.clip(((here / half + 1) / 2 * CELLS).astype(int), 0, CELLS - 1)
    index = cells[:, 1] * CELLS + cells[:, 0]
    counts = np.maximum(np.bincount(index, minlength=CELLS**2), 1)
    sums = [np.bincount(index, left[:, axis], CELLS**2) for axis in (0, 1)]
    return (np.stack(sums, axis=1) / counts[:, None]).astype(np.float32).ravel()


def as_shown_half(view: View) -> Values:
    """Half the width and height as shown, in diagonals."""
    size = (view.height, view.width) if view.matrix[0] == 0 else (view.width, view.height)
    return np.array(size, np.float32) / np.float32(2 * np.hypot(*size))
