"""Sizes chosen for the clips at hand, against those that a person would compute."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcurate.clips.rendition import Box, Size
from vidcurate.exporting.forecast.shape import choose_sizes, shape_losses
from vidcurate.exporting.rendition import RenditionOptions, nearest_size

PIXELS = 832 * 480
LANDSCAPE, PORTRAIT, SQUARE = Size(1920, 1080), Size(1080, 1920), Size(1000, 1000)
sides = st.integers(64, 2400)
pictures_at_hand = st.dictionaries(st.builds(Size, sides, sides), st.integers(1, 50), max_size=6)


def test_one_kind_of_picture_needs_one_size() -> None:
    """All clips are 16:9, so the size of that aspect that loses least is chosen, and no other."""
    assert choose_sizes({LANDSCAPE: 10}, 16, PIXELS) == (Size(832, 480),)


def test_each_kind_of_picture_gets_its_size() -> None:
    """Landscape, portrait and square clips get three sizes, the most used first."""
    found = choose_sizes({LANDSCAPE: 50, SQUARE: 20, PORTRAIT: 30}, 16, PIXELS)
    assert found == (Size(832, 480), Size(480, 832), Size(624, 624))


def test_rare_pictures_get_no_size_of_their_own() -> None:
    """One square clip in a thousand would save less than a size is worth."""
    assert len(choose_sizes({LANDSCAPE: 1000, SQUARE: 1}, 16, PIXELS)) == 1


def test_small_pictures_get_a_size_that_they_fill() -> None:
    """Clips are not enlarged, so that small ones would be left out by a large size alone."""
    small = Size(320, 240)
    assert Size(320, 240) in choose_sizes({LANDSCAPE: 10, small: 10}, 16, PIXELS)
    enlarged = choose_sizes({LANDSCAPE: 10, small: 10}, 16, PIXELS, enlarge=True)
    assert Size(320, 240) not in enlarged


def test_at_most_so_many_sizes() -> None:
    """Of three kinds, the two that lose least are kept where two are allowed."""
    some = {LANDSCAPE: 50.0, SQUARE: 20.0, PORTRAIT: 30.0}
    two = choose_sizes(some, 16, PIXELS, max_shapes=2)
    assert len(two) == 2
    assert (
        shape_losses(some, two, PIXELS).lost
        > shape_losses(some, choose_sizes(some, 16, PIXELS), PIXELS).lost
    )


def test_losses_are_those_of_cropping_and_scaling() -> None:
    """A 4:3 picture in a 16:9 size loses a quarter of its height; scaling loses no more."""
    losses = shape_losses({Size(1440, 1080): 4, Size(320, 180): 2}, [Size(832, 468)], PIXELS)
    [shape] = losses.shapes
    assert (shape.clips, losses.left_out) == (4, 2)
    assert shape.cropped == pytest.approx(0.25, abs=1e-4)
    assert shape.scaled_down == 0
    assert losses.lost == pytest.approx((4 * 0.25 + 2) / 6, abs=1e-4)


def test_no_pictures_no_sizes() -> None:
    """Nothing is chosen where there is nothing, or nothing large enough."""
    assert choose_sizes({}, 16, PIXELS) == ()
    assert choose_sizes({Size(8, 8): 3}, 16, PIXELS) == ()
    assert shape_losses({}, [Size(832, 480)], PIXELS).lost == 0


@given(pictures_at_hand, st.sampled_from((16, 32)), st.integers(64 * 64, 1 << 20))
def test_chosen_sizes_keep_the_rules(pictures: dict[Size, int], multiple: int, pixels: int) -> None:
    """Sides are multiples, no size has more pixels than allowed, and the choice is always one."""
    weights = {size: float(n) for size, n in pictures.items()}
    sizes = choose_sizes(weights, multiple, pixels)
    assert sizes == choose_sizes(dict(reversed(weights.items())), multiple, pixels)
    for width, height in sizes:
        assert width % multiple == height % multiple == 0
        assert width * height <= pixels


@given(
    st.builds(Size, sides, sides), st.lists(st.builds(Size, sides, sides), min_size=1, max_size=5)
)
def test_a_picture_takes_the_size_that_its_file_gets(picture: Size, sizes: list[Size]) -> None:
    """Losses are counted for the very size that the export gives to a clip."""
    even = Size(picture.width // 2 * 2, picture.height // 2 * 2)
    taken = nearest_size(Box(0, 0, *even), RenditionOptions(sizes=tuple(sizes)))
    losses = shape_losses({even: 1}, list(dict.fromkeys(sizes)), PIXELS)
    used = [shape.size for shape in losses.shapes if shape.clips]
    assert used == ([] if taken is None else [taken])
