import numpy as np
import pytest
from numpy.typing import NDArray

from vidcurate.clips.mutual_neighbours import (
    Cell,
    agreement,
    agreement_table,
    chance,
    evenly,
    fit_saturation,
    neighbours,
)
from vidcurate.clips.vectors import Vectors


def at_angles(*degrees: float) -> Vectors:
    """Unit vectors of the plane."""
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def drawn(n: int, dimension: int, seed: int) -> Vectors:
    """Random vectors."""
    found: NDArray[np.float64] = np.random.default_rng(seed).normal(size=(n, dimension))
    return found.astype(np.float32)


def test_the_agreement_of_five_clips_by_hand() -> None:
    """By two neighbours each: shares of 1/2, 1/2, 0, 0 and 1 have the mean 0.4."""
    one, other = at_angles(0, 10, 25, 60, 70), at_angles(0, 10, 70, 25, 60)
    assert neighbours(one, 2).tolist() == [[1, 2], [0, 2], [1, 0], [4, 2], [3, 2]]
    assert neighbours(other, 2).tolist() == [[1, 3], [0, 3], [4, 3], [1, 0], [2, 3]]
    found = agreement(one, other, 2)
    shares = [1 / 2, 1 / 2, 0, 0, 1]
    assert found.score == pytest.approx(np.mean(shares))
    assert found.standard_error == pytest.approx(np.std(shares, ddof=1) / 5**0.5)


def test_equal_spaces_agree_and_strangers_by_chance() -> None:
    """A space agrees wholly with itself turned and scaled, and with random vectors by chance."""
    vectors = drawn(400, 16, 1)
    turned = 3 * vectors @ np.linalg.qr(drawn(16, 16, 2))[0].astype(np.float32)
    assert agreement(vectors, turned, 10).score == pytest.approx(1.0, abs=0.01)
    stranger = agreement(vectors, drawn(400, 16, 3), 10)
    assert stranger.score == pytest.approx(chance(400, 10), abs=4 * stranger.standard_error)


def test_too_few_clips_are_refused() -> None:
    """Of k + 1 clips all are neighbours of all, so that the score would be 1 for any spaces."""
    with pytest.raises(ValueError, match="10 neighbours need 12 clips or more, not 11"):
        agreement(drawn(11, 4, 1), drawn(11, 4, 2), 10)


def test_frames_are_taken_evenly() -> None:
    """Each lies in the middle of its part; a clip with fewer gives all."""
    assert evenly(10, 1).tolist() == [5]
    assert evenly(10, 2).tolist() == [2, 7]
    assert evenly(3, 8).tolist() == [0, 1, 2]


def test_more_noisy_views_agree_more() -> None:
    """Views are a clip's place with noise: the agreement rises with the number of either."""
    places = drawn(120, 8, 4)
    frames = [place + drawn(16, 8, 100 + i) for i, place in enumerate(places)]
    captions = [place + drawn(4, 8, 900 + i) for i, place in enumerate(places)]
    cells = list(agreement_table(frames, captions, 10, (1, 4, 16), (1, 2, 4)))
    table = np.array([cell.score for cell in cells]).reshape(3, 3)
    assert (np.diff(table, axis=0) > 0).all()
    assert (np.diff(table, axis=1) > 0).all()


def test_a_planted_law_is_found() -> None:
    """Scores of a known law give its parameters, since its exponents lie on the grid."""
    cells = [
        Cell(f, c, float(f), 0.6 - 0.2 * f**-0.75 - 0.1 * c**-1.25, 0.0)
        for f in (1, 2, 4, 8, 16)
        for c in (1, 2, 4)
    ]
    fit = fit_saturation(cells)
    assert fit is not None
    assert (fit.frame_exponent, fit.caption_exponent) == (0.75, 1.25)
    assert (fit.limit, fit.frame_loss, fit.caption_loss) == pytest.approx((0.6, 0.2, 0.1))
    assert fit.error == pytest.approx(0, abs=1e-6)


def test_what_cannot_be_fitted_is_null() -> None:
    """With one caption only frames are fitted, with two cells nothing; no loss is negative."""
    by_frames = [Cell(f, 1, float(f), 0.5 - 0.2 / f, 0.0) for f in (1, 2, 4, 8)]
    fit = fit_saturation(by_frames)
    assert fit is not None
    assert (fit.frame_exponent, fit.caption_loss, fit.caption_exponent) == (1.0, None, None)
    assert fit_saturation(by_frames[:2]) is None
    falling = fit_saturation([Cell(f, 1, float(f), 0.5 + 0.1 / f, 0.0) for f in (1, 2, 4, 8)])
    assert falling is not None
    assert (falling.frame_loss, falling.frame_exponent) == (0.0, None)


def test_growth_without_end_shows_no_limit() -> None:
    """Scores that rise by as much with each doubling have an exponent at the end of the grid."""
    rising = [Cell(2**n, 1, 2.0**n, 0.2 + 0.05 * n, 0.0) for n in range(6)]
    fit = fit_saturation(rising)
    assert fit is not None
    assert fit.frame_exponent == 0.05
    assert not fit.is_limit_shown
