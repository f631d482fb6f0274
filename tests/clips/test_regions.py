import pytest

from vidcurate.clips.regions import Box


@pytest.mark.parametrize(
    ("box", "word"),
    [
        (Box(0.0, 0.0, 0.2, 0.1), "top left"),
        (Box(0.3, 0.85, 0.7, 0.95), "bottom"),
        (Box(0.0, 0.0, 1.0, 1.0), "centre"),
        (Box(0.9, 0.4, 1.0, 0.6), "right"),
        (Box(1.0, 1.0, 1.0, 1.0), "bottom right"),
    ],
)
def test_a_place_is_where_the_middle_lies(box: Box, word: str) -> None:
    """The middle of a box falls into one cell of a 3 x 3 grid, at the far edge too."""
    assert box.region == word


def test_an_area_is_a_share_of_the_picture() -> None:
    """Half the width times a quarter of the height is an eighth."""
    assert Box(0.25, 0.5, 0.75, 0.75).area == pytest.approx(1 / 8)
