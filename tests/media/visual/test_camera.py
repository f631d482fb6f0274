from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vidcurate.media.io.orientation import Matrix
from vidcurate.media.visual.camera import (
    EDGE,
    POINT_STEP,
    CameraMotion,
    FlowMeter,
    View,
    camera_motion,
    corner_strength,
    flow_speed,
    velocity_change,
)
from vidcurate.media.visual.measures import Image

SIZE = (256, 144)
DIAGONAL = float(np.hypot(*SIZE))
UPRIGHT = View(448, 252, (1, 0, 0, 1))
PAIR_S = Fraction(1, 12)


def texture(seed: int = 7) -> Image:
    """A picture with texture everywhere, larger than the window."""
    dice = np.random.default_rng(seed).uniform(0, 255, (100, 160)).astype(np.float32)
    return np.asarray(cv2.resize(dice, (400, 250), interpolation=cv2.INTER_CUBIC), np.uint8)


def plain_ground() -> Image:
    """A still that is flat but for small spots of texture, far apart."""
    still, spots = np.full((250, 400), 128, np.uint8), texture()
    for top in range(20, 250, 50):
        for left in range(20, 400, 50):
            spot = np.s_[top : top + 14, left : left + 14]
            still[spot] = spots[spot]
    return still


def window(*, pan: float = 0, tilt: float = 0, zoom: float = 0, roll: float = 0) -> Image:
    """What a camera sees of a still with texture that has moved by these."""
    return seen_of(texture(), pan, tilt, zoom, roll)


def seen_of(still: Image, pan: float, tilt: float, zoom: float, roll: float) -> Image:
    """What a camera sees of a still that has moved by these."""
    turn = cv2.getRotationMatrix2D((0, 0), np.degrees(roll), np.exp(zoom))
    centre = np.array(still.shape[::-1]) / 2 + np.array([pan, -tilt]) * DIAGONAL
    turn[:, 2] = np.array(SIZE) / 2 - turn[:, :2] @ centre
    return np.asarray(cv2.warpAffine(still, turn, SIZE), np.uint8)


def measured(before: Image, after: Image, view: View = UPRIGHT) -> CameraMotion:
    """What is found between two pictures."""
    found = camera_motion(FlowMeter().between(before, after), before, after, view, PAIR_S)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "speed"),
    [
        *(("pan", 0.1), ("pan", -0.03), ("tilt", 0.1), ("tilt", -0.03)),
        *(("zoom", 0.15), ("zoom", -0.15), ("roll", 0.2), ("roll", -0.2)),
    ],
)
def test_a_movement_has_its_name_sign_and_speed(name: str, speed: float) -> None:
    """A camera that moves one way is measured within a third, and nothing else is found."""
    found = measured(window(), window(**{name: speed * float(PAIR_S)}))
    assert getattr(found, name) == pytest.approx(speed, rel=0.33)
    for other in {"pan", "tilt", "zoom", "roll"} - {name}:
        assert getattr(found, other) == pytest.approx(0, abs=0.03)
    assert found.agreement > 0.9


@pytest.mark.parametrize("size", [(400, 250), (256, 144), (61, 47), (32, 32)])
def test_texture_is_opencvs(size: tuple[int, int]) -> None:
    """At each point of the grid texture is OpenCV's least eigenvalue, but for its scale."""
    picture = np.asarray(cv2.resize(texture(), size), np.uint8)
    across, down = (slice(EDGE, length - EDGE, POINT_STEP) for length in size)
    expected = cv2.cornerMinEigenVal(picture, 5)[down, across] * (4 * 5 * 255) ** 2
    found = corner_strength(picture)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-4 * expected.max()


def test_nothing_moves_in_a_still() -> None:
    """The same picture twice has no motion, of camera or object."""
    found = measured(window(), window())
    assert (found.pan, found.tilt, found.zoom) == pytest.approx((0, 0, 0), abs=1e-3)
    assert found.object_motion == pytest.approx(0, abs=1e-3)


def test_an_object_is_not_the_camera() -> None:
    """A patch that moves down at the top right, while the camera pans, is object motion there."""
    before, after = window(), window(pan=0.01)
    patch = texture(8)[:48, :60]
    before[0:48, 190:250], after[5:53, 190:250] = patch, patch
    found = measured(before, after)
    assert found.pan == pytest.approx(0.12, rel=0.1)
    assert found.tilt == pytest.approx(0, abs=0.01)
    cells = found.object_cells.reshape(3, 3, 2)
    assert np.hypot(*np.moveaxis(cells, 2, 0)).argmax() == 2
    right, down = cells[0, 2]
    assert right > 0  # it goes with the camera, whose picture goes left
    assert down == pytest.approx(5 / DIAGONAL * 12, rel=0.5)


def crossed(at: tuple[int, int], **moved: float) -> Image:
    """A plain ground as a camera sees it that has moved, and a large object of rich texture."""
    moves = (moved.get(name, 0) for name in ("pan", "tilt", "zoom", "roll"))
    seen, (left, top) = seen_of(plain_ground(), *moves), at
    seen[top : top + 58, left : left + 104] = texture(8)[:58, :104]
    return seen


@pytest.mark.parametrize("to", [(82, 43), (86, 47), (69, 46)])
@pytest.mark.parametrize(
    ("name", "speed"), [("pan", -0.06), ("zoom", -0.15), ("roll", 0.2), ("roll", -0.2)]
)
def test_an_object_before_a_plain_ground_is_not_the_camera(
    name: str, speed: float, to: tuple[int, int]
) -> None:
    """An object of 40 % of the height that moves faster has most texture, and still no say."""
    found = measured(crossed((76, 43)), crossed(to, **{name: speed * float(PAIR_S)}))
    assert getattr(found, name) == pytest.approx(speed, rel=0.1)
    for other in {"pan", "tilt", "zoom", "roll"} - {name}:
        assert getattr(found, other) == pytest.approx(0, abs=0.01)


def test_shake_shows_behind_an_object() -> None:
    """A plain ground that goes to and fro changes its velocity, however steady the object."""
    places = ((70, 43), (76, 43), (82, 43))
    pictures = [crossed(at, tilt=tilt) for at, tilt in zip(places, (0, 0.01, 0), strict=True)]
    there, back = (measured(*pair) for pair in pairwise(pictures))
    assert velocity_change(there, back) == pytest.approx(0.24, rel=0.1)


@pytest.mark.parametrize(
    ("matrix", "name", "sign"),
    [((0, 1, -1, 0), "tilt", -1), ((-1, 0, 0, -1), "pan", -1), ((0, -1, 1, 0), "tilt", 1)],
)
def test_movements_are_as_shown(matrix: Matrix, name: str, sign: int) -> None:
    """A pan of a video that is stored on its side or its head is what the viewer sees."""
    found = measured(window(), window(pan=0.01), View(448, 252, matrix))
    assert getattr(found, name) == pytest.approx(sign * 0.12, rel=0.1)


def test_pixels_that_are_not_square_count_as_shown() -> None:
    """Where pixels are twice as wide, a pan of as many of them is a larger share of the picture."""
    found = measured(window(), window(pan=0.01), View(448, 126, (1, 0, 0, 1)))
    wide = 0.12 * DIAGONAL / SIZE[0] * 448 / float(np.hypot(448, 126))
    assert found.pan == pytest.approx(wide, rel=0.1)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_says_nothing(level: int) -> None:
    """Without texture there is no camera to be seen, and no flow."""
    flat: NDArray[np.uint8] = np.full(SIZE[::-1], level, np.uint8)
    flow = FlowMeter().between(flat, flat)
    assert camera_motion(flow, flat, flat, UPRIGHT, PAIR_S) is None
    assert flow_speed(flow, PAIR_S) == (0, 0)


def test_a_change_of_velocity_is_told_from_speed() -> None:
    """A steady pan changes nothing however fast; one that turns back changes by twice its speed."""
    there = measured(window(), window(pan=0.01))
    onward = measured(window(pan=0.01), window(pan=0.02))
    back = measured(window(pan=0.01), window())
    assert velocity_change(there, onward) < 0.02
    assert velocity_change(there, back) == pytest.approx(0.24, rel=0.1)
