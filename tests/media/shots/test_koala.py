import numpy as np
import pytest
from numpy.typing import NDArray

from vidcurate.media.shots.koala import KoalaOptions, likeness, look, passages

Image = NDArray[np.uint8]
ALIKE = 0.98


def picture(seed: int, height: int = 144, width: int = 256) -> Image:
    """Coloured patches of 16 pixels, shape (height, width, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 16 + 1, width // 16 + 1, 3))
    return coarse.astype(np.uint8).repeat(16, 0).repeat(16, 1)[:height, :width]


def compared(first: Image, second: Image) -> tuple[float, float]:
    """How alike two pictures are, the green plane standing for luma."""
    one, two = (look(bgr, np.ascontiguousarray(bgr[:, :, 1])) for bgr in (first, second))
    return likeness(one, two)


def video(likenesses: dict[int, float], length: int = 60) -> list[tuple[int, int, str]]:
    """Transitions of a video whose frames are alike but for some: last, first frame and kind."""
    values = np.full(length, ALIKE)
    for frame, value in likenesses.items():
        values[frame] = value
    found = passages(values, values, KoalaOptions())
    return [(one.last, one.first, one.kind) for one in found]


@pytest.mark.parametrize("size", [(144, 256), (4, 2), (256, 38), (12, 254)])
def test_a_picture_is_like_itself(size: tuple[int, int]) -> None:
    """Of any size and also all black, a picture has likeness 1 to itself."""
    for bgr in (picture(1, *size), np.zeros((*size, 3), np.uint8)):
        assert compared(bgr, bgr) == pytest.approx((1.0, 1.0), abs=1e-4)


def test_structural_similarity_is_that_of_its_formula() -> None:
    """Two even pictures differ by the SSIM of their means alone: all variances are zero."""
    dark, bright = (np.full((144, 256, 3), level, np.uint8) for level in (60, 120))
    colour, structure = compared(dark, bright)
    steady = (0.01 * 255) ** 2
    assert structure == pytest.approx((2 * 60 * 120 + steady) / (60**2 + 120**2 + steady), abs=1e-5)
    assert colour < 0.01


def test_unlike_pictures_are_a_boundary() -> None:
    """Two unlike pictures score below zero; one and its copy with a mark in it do not."""
    first, second = picture(1) // 2, 128 + picture(2) // 2
    marked = first.copy()
    marked[:16, :16] = 255
    pairs = np.array([(1.0, 1.0), compared(first, marked), compared(marked, second)])
    [found] = passages(pairs[:, 0], pairs[:, 1], KoalaOptions())
    assert (found.last, found.first) == (1, 2)


def test_a_cut_is_one_boundary() -> None:
    """A pair that scores below zero is a cut, in the video's first frames as well."""
    assert video({1: 0.2, 30: 0.2, 59: 0.2}) == [
        (0, 1, "cut"),
        (29, 30, "cut"),
        (58, 59, "cut"),
    ]


def test_a_dissolve_is_lower_than_before() -> None:
    """A fall of the scores, all above zero, to three deviations below is a transition."""
    assert video(dict.fromkeys(range(30, 36), 0.72)) == [(30, 31, "gradual")]
    assert video(dict.fromkeys(range(60), 0.72)) == []


def test_the_first_frames_have_no_usual_to_be_below() -> None:
    """With fewer than eight scores before it, only a score below zero is a boundary."""
    assert video(dict.fromkeys(range(3, 8), 0.72)) == []


def test_up_to_eight_frames_between_boundaries_are_no_shot() -> None:
    """Boundaries with eight frames between them are one transition, with nine they are two."""
    assert video({20: 0.2, 29: 0.2}) == [(19, 29, "gradual")]
    assert video({20: 0.2, 30: 0.2}) == [(19, 20, "cut"), (29, 30, "cut")]


@pytest.mark.parametrize("length", [1, 2, 3, 8, 9, 10])
def test_short_videos(length: int) -> None:
    """A video shorter than what usual scores are taken from has its cut, and no other."""
    assert video({}, length) == []
    if length > 1:
        assert video({length - 1: 0.2}, length) == [(length - 2, length - 1, "cut")]
