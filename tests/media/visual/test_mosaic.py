import numpy as np
import pytest

from vidcurate.errors import MediaError
from vidcurate.media.visual.mosaic import ACROSS, PATCH, mosaics, patches


def flat(rows: int, columns: int, levels: dict[tuple[int, int], int]) -> np.ndarray:
    """A black picture of patches, some of which have one level."""
    image = np.zeros((rows * PATCH, columns * PATCH, 3), np.uint8)
    for (row, column), value in levels.items():
        image[row * PATCH : (row + 1) * PATCH, column * PATCH : (column + 1) * PATCH] = value
    return image


def levels_of(mosaic: np.ndarray) -> list[int]:
    """The level of each patch of a mosaic, row by row."""
    return [int(part[0, 0, 0]) for part in patches(mosaic)]


def test_a_mosaic_has_the_largest_differences_in_the_order_of_their_places() -> None:
    """Of 15 x 20 patches that differ by 1 to 255 the smallest 104 are gone, by hand."""
    numbers = np.random.default_rng(3).permutation(300)
    change = {divmod(int(place), 20): int(n * 255 // 299) for place, n in enumerate(numbers)}
    before, after = flat(15, 20, dict.fromkeys(change, 255)), flat(15, 20, {})
    for (row, column), value in change.items():
        after[row * 16 : row * 16 + 16, column * 16 : column * 16 + 16] = 255 - value
    made = mosaics(before, after)
    assert made.residual.shape == made.fragment.shape == (224, 224, 3)
    by_size = sorted(range(300), key=lambda place: (-change[divmod(place, 20)], place))
    wanted = sorted(by_size[:196])
    assert levels_of(made.residual) == [change[divmod(place, 20)] for place in wanted]
    assert levels_of(made.fragment) == [255 - change[divmod(place, 20)] for place in wanted]


def test_differences_count_without_sign_and_by_their_sum() -> None:
    """A fall counts like a rise; one bright pixel counts less than a patch that changes a bit."""
    before = flat(1, 400, {(0, 7): 200, (0, 399): 10})
    after = flat(1, 400, {(0, 7): 150, (0, 399): 12})
    after[0, 80:83] = 255  # in patch 5: 3 pixels, 2,295 in sum; patch 399 has 768 * 2 = 1,536
    found = mosaics(before, after)
    assert patches(found.residual)[5].max() == 255
    assert levels_of(found.residual)[7] == 50
    # Of the 397 that do not change, the first ones fill the mosaic.
    assert levels_of(found.residual)[-1] == 2
    assert levels_of(found.fragment)[-1] == 12
    assert levels_of(found.residual)[8:-1] == [0] * 187


def test_small_frames_leave_the_rest_black_and_edges_are_cut() -> None:
    """Of 40 x 50 pixels there are 2 x 3 whole patches; the rest of the frame does not count."""
    before = np.zeros((40, 50, 3), np.uint8)
    found = mosaics(before, before + 9)
    assert levels_of(found.residual) == [9] * 6 + [0] * (ACROSS * ACROSS - 6)


def test_frames_that_cannot_be_compared_are_refused() -> None:
    """Other sizes, and pictures below a patch, are said to be so."""
    small = np.zeros((15, 99, 3), np.uint8)
    with pytest.raises(MediaError, match="smaller than 16x16"):
        mosaics(small, small)
    with pytest.raises(MediaError, match="changes its size"):
        mosaics(small, np.zeros((16, 99, 3), np.uint8))
