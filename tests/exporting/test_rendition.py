from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vidcurate.exporting.rendition import (
    Box,
    Rendition,
    RenditionOptions,
    inside_bars,
    plan_rendition,
)
from vidcurate.exporting.training import Size

NTSC = Fraction(30_000, 1001)
WAN = (Size(832, 480), Size(624, 624), Size(480, 832))


def plan(
    display: tuple[int, int],
    options: RenditionOptions,
    box: Box | None = None,
    n_frames: int = 48,
    rate: Fraction = Fraction(24),
) -> Rendition | str:
    """The rendition of a clip of so many frames at a constant rate."""
    return plan_rendition(Size(*display), box, n_frames / rate, n_frames, options)


def planned(
    display: tuple[int, int], options: RenditionOptions, box: Box | None = None
) -> Rendition:
    """The rendition of a clip that gets one."""
    found = plan(display, options, box)
    assert isinstance(found, Rendition)
    return found


@pytest.mark.parametrize(
    ("n_frames", "rate", "expected"),
    [(121, 24, 81), (150, 30, 80), (100, 25, 64), (120, NTSC, 65), (49, 24, 33), (81, 16, 81)],
)
def test_a_file_has_a_picture_for_every_instant_of_its_clip(
    n_frames: int, rate: int | Fraction, expected: int
) -> None:
    """At 16 frames a second there are as many as k / 16 s that lie before the clip's end."""
    found = plan(
        (64, 64), RenditionOptions(fps=Fraction(16)), n_frames=n_frames, rate=Fraction(rate)
    )
    assert isinstance(found, Rendition)
    assert found.n_frames == expected


def test_a_clip_keeps_its_frames_and_size_where_nothing_is_asked() -> None:
    """By default only an odd last row or column is cut off."""
    found = planned((333, 181), RenditionOptions())
    assert found == Rendition(Box(0, 0, 332, 180), Size(332, 180), Size(332, 180), None, 48)
    assert found.facts(Fraction(24)).fps == 24


def test_a_file_is_cut_to_the_longest_trained_length() -> None:
    """A target that needs exact lengths gets the longest that the clip fills; others all."""
    whole = RenditionOptions(lengths=(17, 33, 81))
    assert getattr(plan((64, 64), whole), "n_frames", None) == 48
    cut = RenditionOptions(lengths=(17, 33, 81), cuts_to_length=True)
    assert getattr(plan((64, 64), cut), "n_frames", None) == 33


def test_a_clip_that_gets_no_file_is_told_why() -> None:
    """Too short for every length, and smaller than every size, are reasons in numbers."""
    assert (
        plan((64, 64), RenditionOptions(fps=Fraction(16), lengths=(33, 81)))
        == "fewer than 33 frames at 16 fps"
    )
    assert plan((64, 64), RenditionOptions(lengths=(81,))) == "fewer than 81 frames"
    small = plan((640, 360), RenditionOptions(sizes=WAN))
    assert small == "too small for 832x480, 624x624 or 480x832 without enlarge"
    assert (
        plan((64, 64), RenditionOptions(), Box(1, 0, 2, 64)) == "a picture of less than 2x2 pixels"
    )
    assert plan((20, 64), RenditionOptions(side_multiple=32)) == "a side of less than 32 pixels"


def test_a_clip_gets_the_size_of_the_nearest_aspect() -> None:
    """Wide, square and tall pictures land in the sizes that crop least of them."""
    sizes = {
        display: planned(display, RenditionOptions(sizes=WAN)).size
        for display in ((1920, 1080), (1080, 1080), (1080, 1920), (1440, 1080))
    }
    assert list(sizes.values()) == [WAN[0], WAN[1], WAN[2], WAN[0]]


def test_the_crop_lies_in_the_middle_inside_the_bars() -> None:
    """Of a letterboxed picture only what it shows is cropped, as much as the size's aspect."""
    box = Box(0, 140, 1920, 800)
    found = planned((1920, 1080), RenditionOptions(sizes=(Size(832, 480),)), box)
    assert found.crop == Box(266, 140, 1386, 800)


def test_what_is_padded_keeps_all_of_the_picture() -> None:
    """With pad a tall picture stands between black, undistorted and not enlarged."""
    found = planned((1080, 1920), RenditionOptions(sizes=(Size(832, 480),), fit="pad"))
    assert (found.crop, found.inner) == (Box(0, 0, 1080, 1920), Size(270, 480))
    small = planned((100, 480), RenditionOptions(sizes=(Size(832, 480),), fit="pad"))
    assert small.inner == Size(100, 480)


def test_a_short_side_bounds_and_does_not_enlarge() -> None:
    """480p makes the shorter side 480 pixels, and leaves smaller pictures as they are."""
    bounded = RenditionOptions(short_side=480, side_multiple=16)
    assert planned((1920, 1080), bounded).size == Size(848, 480)
    assert planned((1080, 1920), bounded).size == Size(480, 848)
    assert planned((640, 360), bounded).size == Size(640, 352)
    enlarged = RenditionOptions(short_side=480, side_multiple=16, enlarge=True)
    assert planned((640, 360), enlarged).size == Size(848, 480)


def test_bars_leave_a_box() -> None:
    """Shares of bars become a box in pixels; without bars there is none."""
    assert inside_bars(Size(1920, 1080), (0, 0.1296, 0, 0.1296)) == Box(0, 140, 1920, 800)
    assert inside_bars(Size(1920, 1080), (0, 0, 0, 0)) is None


sides = st.integers(2, 4000)
even_sides = st.integers(1, 60).map(lambda n: 16 * n)
size_lists = st.lists(st.builds(Size, even_sides, even_sides), max_size=4).map(tuple)
options = st.builds(
    RenditionOptions,
    fps=st.none() | st.fractions(Fraction(1), Fraction(60), max_denominator=1001),
    sizes=size_lists,
    short_side=st.none() | st.integers(16, 1200),
    side_multiple=st.sampled_from([2, 8, 16]),
    fit=st.sampled_from(["crop", "pad"]),
    enlarge=st.booleans(),
    lengths=st.lists(st.integers(1, 200), max_size=3).map(lambda n: tuple(sorted(n))),
    cuts_to_length=st.booleans(),
)


@st.composite
def pictures(draw: st.DrawFn) -> tuple[Size, Box | None]:
    """A picture, and perhaps what bars leave of it."""
    size = Size(draw(sides), draw(sides))
    if not draw(st.booleans()):
        return size, None
    width, height = draw(st.integers(1, size.width)), draw(st.integers(1, size.height))
    left = draw(st.integers(0, size.width - width))
    return size, Box(left, draw(st.integers(0, size.height - height)), width, height)


@given(picture=pictures(), asked=options, n_frames=st.integers(1, 400), rate=st.integers(1, 120))
def test_a_rendition_keeps_its_laws(
    picture: tuple[Size, Box | None], asked: RenditionOptions, n_frames: int, rate: int
) -> None:
    """Crops lie in the box, sides are multiples, nothing is enlarged unasked, lengths are right."""
    display, box = picture
    duration_s = Fraction(n_frames, rate)
    found = plan_rendition(display, box, duration_s, n_frames, asked)
    assume(isinstance(found, Rendition))
    assert isinstance(found, Rendition)
    left, top, width, height = box or Box(0, 0, *display)
    crop = found.crop
    assert left <= crop.left < crop.left + crop.width <= left + width
    assert top <= crop.top < crop.top + crop.height <= top + height
    assert not any(side % 2 for side in (*crop, *found.inner))
    assert not any(side % asked.side_multiple for side in found.size)
    assert all(i <= s for i, s in zip(found.inner, found.size, strict=True))
    assert not asked.sizes or found.size in asked.sizes
    if not asked.enlarge:
        assert all(i <= c for i, c in zip(found.inner, crop[2:], strict=True))
    if asked.fit == "crop":
        assert found.inner == found.size
    # Shapes are kept to the pair of pixels that colour shares.
    skew = Fraction(crop.width * found.inner.height, crop.height * found.inner.width)
    slack = 2 / Fraction(min(crop[2:])) + 2 / Fraction(min(found.inner))
    assert max(skew, 1 / skew) <= (1 + slack) ** 2
    if asked.fps:
        assert (found.n_frames - 1) / asked.fps < duration_s
    if asked.lengths and asked.cuts_to_length:
        assert found.n_frames in asked.lengths
    assert not asked.lengths or found.n_frames >= asked.lengths[0]


def test_the_longest_length_is_exact() -> None:
    """A clip that ends exactly at an instant has no picture there."""
    asked = RenditionOptions(fps=Fraction(24_000, 1001))
    found = plan((64, 64), asked, n_frames=48, rate=Fraction(24_000, 1001))
    assert isinstance(found, Rendition)
    assert found.n_frames == 48
