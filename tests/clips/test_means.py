from dataclasses import astuple
from typing import Any

import pytest

from vidcurate.clips.means import Mean, mean_difference, weighted_mean


def numbers(found: Mean | None) -> tuple[Any, ...]:
    """Mean, error and count."""
    assert found is not None
    return astuple(found)


def test_a_mean_has_its_standard_error() -> None:
    """Of 1, 2, 3: mean 2, s = 1, 1 / √3; of one value the error is unknown, of none all is."""
    assert numbers(weighted_mean([1, 2, 3])) == (2.0, pytest.approx(3**-0.5), 3)
    assert numbers(weighted_mean([1])) == (1.0, None, 1)
    assert weighted_mean([]) is None
    assert weighted_mean([0.5], [0]) is None


def test_a_weighted_mean_is_a_ratio_of_sums() -> None:
    """Rates 0 of 1 and 1 of 3: 3/4, with residuals 1·(-3/4)/2 and 3·(1/4)/2: error 3/8."""
    assert numbers(weighted_mean([0, 1], [1, 3])) == (0.75, pytest.approx(0.375), 2)


def test_a_difference_is_paired() -> None:
    """Sets that differ by the same in every clip differ without error, however they vary."""
    assert numbers(mean_difference([1, 5, 9], [0, 4, 8])) == (1.0, 0.0, 3)
    # 1 - 0 and 5 - 6: mean 0, s = √2, over √2.
    assert numbers(mean_difference([1, 5], [0, 6])) == (0.0, pytest.approx(1.0), 2)
    weighted = mean_difference([0, 1], [0, 0], [1, 3], [1, 3])
    assert numbers(weighted) == (0.75, pytest.approx(0.375), 2)
