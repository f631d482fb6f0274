import numpy as np
import pytest
from numpy.typing import NDArray

from vidcurate.deduplication.luma_sequence import (
    NEUTRAL_AGREEMENT,
    agreements,
    luma_agreement,
    luma_sequence,
    resampled,
)

Values = NDArray[np.float64]


def walk(seed: int, n_steps: int) -> Values:
    """A course that goes its own way."""
    return np.cumsum(np.random.default_rng(seed).normal(0, 1, (3, n_steps)), axis=1)


def test_frames_count_for_as_long_as_they_are_shown() -> None:
    """A frame shown for three quarters of a second fills six of eight steps."""
    values = np.array([[0.0, 8.0], [1.0, 1.0], [2.0, 4.0]])
    found = luma_sequence(np.array([0.0, 0.75]), values, 1.0)
    assert found.shape == (3, 8)
    assert found[0].tolist() == [0.0] * 6 + [8.0] * 2
    assert found[:, 0].tolist() == [0, 1, 2]
    assert luma_sequence(np.array([0.0]), values[:, :1], 0.04).shape == (3, 2)


def test_another_number_of_steps_keeps_the_mean() -> None:
    """Playing faster or slower loses nothing of what was shown on the whole."""
    whole = walk(1, 40)
    for n_steps in (13, 20, 40, 77):
        found = resampled(whole, n_steps)
        assert found.shape == (3, n_steps)
        np.testing.assert_allclose(found.mean(axis=1), whole.mean(axis=1))
    np.testing.assert_allclose(resampled(whole, 40), whole)


def test_brightness_and_contrast_do_not_matter() -> None:
    """A course that is scaled and moved agrees fully; one that goes another way does not."""
    one = walk(2, 60)
    assert luma_agreement(one, 0.7 * one + 30) == pytest.approx(1, abs=0.02)
    assert luma_agreement(one, walk(3, 60)) < 0.7
    assert luma_agreement(one, -one) < -0.9


def test_a_part_is_found_where_it_lies() -> None:
    """The agreement of a part is highest at its place, and next to 1 there."""
    whole = walk(4, 200)
    found = agreements(whole[:, 70:110], whole)
    assert found.shape == (161,)
    assert int(found.argmax()) == 70
    assert found[70] == pytest.approx(1, abs=0.02)


def test_still_courses_say_nothing() -> None:
    """Where nothing moves there is no evidence, neither for a copy nor against it."""
    flat = np.full((3, 30), 90.0)
    assert luma_agreement(flat, flat + 5) == pytest.approx(NEUTRAL_AGREEMENT)
    assert luma_agreement(flat, walk(5, 30)) == pytest.approx(NEUTRAL_AGREEMENT, abs=0.01)
