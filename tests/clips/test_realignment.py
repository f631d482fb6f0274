import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcurate.clips.realignment import Cosines, Place, best_place, per_second, smoothed


def planted(seconds: int, second: int, span_s: int = 8) -> Cosines:
    """Cosines of 0 but for 1 in the span of 8 s around a second."""
    found = np.zeros(seconds)
    found[max(0, second - span_s // 2) : second + span_s // 2] = 1.0
    return found


@given(st.integers(0, 60), st.integers(-10, 10))
def test_a_planted_span_is_found_exactly(true: int, shift: int) -> None:
    """A span that shows the sentence is found from a guess up to 10 s beside it.

    Near the ends, where frames count twice, another second may fit as well.
    """
    guess = min(max(true + shift, 0), 60)
    found = best_place([planted(60, true)], guess, 10, 8)
    assert found.similarity == pytest.approx(smoothed(planted(60, true), 8).max())
    if 5 <= true <= 55:
        assert found == Place(true, 1.0)


def test_a_span_farther_away_is_not_sought() -> None:
    """Beyond 10 s the sentence stays near its guess, and its similarity tells that it fits less."""
    found = best_place([planted(100, 50)], 25, 10, 8)
    assert found.second <= 35
    assert found.similarity == 0.0


def test_the_mean_is_reflected_at_both_ends() -> None:
    """Second t stands for the frames t-4 to t+3; beyond the ends the nearest ones count again."""
    rising = np.arange(12.0)
    found = smoothed(rising, 8)
    assert len(found) == 13
    assert found[4] == np.mean(rising[0:8])
    assert found[0] == np.mean([4, 3, 2, 1, 0, 1, 2, 3])
    assert found[12] == np.mean([8, 9, 10, 11, 10, 9, 8, 7])


def test_a_video_shorter_than_the_span() -> None:
    """A video of one or of three seconds has a place all the same."""
    assert best_place([np.array([0.5])], 4, 10, 8) == Place(0, 0.5)
    assert best_place([np.array([0.1, 0.2, 0.3])], 6, 10, 8).similarity == pytest.approx(
        0.2, abs=0.03
    )


def test_sets_of_vectors_are_added() -> None:
    """Two sets that know a span each find where their sum is greatest."""
    one, other = planted(60, 20), planted(60, 28) * 0.9
    assert best_place([one], 24, 10, 8) == Place(20, 1.0)
    assert best_place([one, other], 24, 10, 8).second == 20
    both = best_place([one, other, planted(60, 28)], 24, 10, 8)
    assert both.second == 28
    assert both.similarity == pytest.approx(1.9)


def test_seconds_without_a_vector_do_not_count() -> None:
    """A mean goes over the seconds that have one; with none nearby the guess stays."""
    gaps = planted(60, 30)
    gaps[26:29] = np.nan
    assert best_place([gaps], 25, 10, 8).second in range(29, 31)
    assert best_place([np.full(60, np.nan)], 25, 10, 8) == Place(25, None)


def test_each_second_has_the_nearest_frame() -> None:
    """Frames at odd times stand for the seconds that they are nearest to, up to the video's end."""
    vectors = np.array([[1.0], [2.0], [3.0]], np.float32)
    assert per_second([0.4, 1.7, 4.0], vectors, 5.5)[:, 0].tolist() == [1, 1, 2, 3, 3, 3]
