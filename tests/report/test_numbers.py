from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vidcurate.report.correlation import correlations
from vidcurate.report.histograms import MAX_BINS, histogram
from vidcurate.report.sampling import sample_by_fate, shares


@example([5e-324, 1.0], [])
@given(
    st.lists(st.one_of(st.just(float("nan")), st.floats(-1e9, 1e9)), max_size=60),
    st.lists(st.floats(-1e9, 1e9), max_size=2),
)
def test_every_value_is_in_a_bin_of_its_group(values: list[float], limits: list[float]) -> None:
    """Bins rise, are at most forty, and hold each value once, whatever the values are."""
    numbers = np.array(values, np.float64)
    chosen = np.arange(len(numbers)) % 2 == 0
    found = histogram(numbers, {"kept": chosen, "rejected": ~chosen}, limits)
    present = ~np.isnan(numbers)
    assert sum(found.counts["kept"]) == int((present & chosen).sum())
    assert sum(found.counts["rejected"]) == int((present & ~chosen).sum())
    assert found.missing == int((~present).sum())
    assert len(found.edges) <= MAX_BINS + 1
    assert all(low < high for low, high in pairwise(found.edges))


def test_whole_numbers_have_bins_of_their_own() -> None:
    """A few whole numbers lie in the middle of their bins."""
    found = histogram(np.array([1.0, 1, 3]), {"kept": np.ones(3, bool)})
    assert found.edges == (0.5, 1.5, 2.5, 3.5)
    assert found.counts["kept"] == (2, 0, 1)


def test_values_far_apart_have_bins_of_equal_ratio() -> None:
    """A score from 1 to 10,000 is not one bar and a long nothing."""
    found = histogram(np.geomspace(1, 10_000, 400), {"kept": np.ones(400, bool)})
    assert found.is_log
    assert min(found.counts["kept"]) > 5


def test_a_limit_among_the_values_is_among_the_bins() -> None:
    """A limit in the tail is shown, one beyond all values is not."""
    numbers = np.concatenate([np.linspace(-1, 1, 1000), [50.0]])
    whole = {"kept": np.ones(1001, bool)}
    assert histogram(numbers, whole, [40.0]).edges[-1] >= 40
    assert histogram(numbers, whole, [400.0]).edges[-1] < 50


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (range(12), [n**3 for n in range(12)], 1.0),
        (range(12), [-n for n in range(12)], -1.0),
        ([1, 1, 2, 2] * 3, [1, 1, 2, 2] * 3, 1.0),
        ([1] * 12, range(12), None),
    ],
)
def test_ranks_decide(first: list[float], second: list[float], expected: float | None) -> None:
    """Any rising curve is 1, any falling one -1; a score of one value goes with nothing."""
    scores = {"a": np.array(first, float), "b": np.array(second, float)}
    ((_, _, value, count),) = correlations(scores)
    assert value == (None if expected is None else pytest.approx(expected))
    assert count == 12


def test_only_clips_with_both_scores_count() -> None:
    """Missing values are left out, and of too few pairs nothing is said."""
    scores = {"a": np.array([np.nan, *range(11)]), "b": np.arange(12.0)}
    ((_, _, value, count),) = correlations(scores)
    assert value == pytest.approx(1.0)
    assert count == 11
    few = {name: numbers[:5] for name, numbers in scores.items()}
    assert list(correlations(few)) == [("a", "b", None, 4)]


@given(st.dictionaries(st.integers(0, 9), st.integers(0, 50), min_size=1), st.integers(1, 100))
def test_places_are_divided_by_size(sizes: dict[int, int], most: int) -> None:
    """All places are used, no group has more than it has, and none is left out while there are."""
    places = shares(sizes, most)
    assert sum(places.values()) == min(most, sum(sizes.values()))
    assert all(places[group] <= sizes[group] for group in places)
    if most >= len(places):
        assert all(places.values())


def test_a_sample_has_every_fate_by_its_share() -> None:
    """Of a million clips a thousand are chosen, the same each time, rare fates among them."""
    fates = pa.chunked_array([["kept"] * 899_999 + ["waiting"] + ["rejected"] * 100_000])
    chosen = sample_by_fate(fates, 1000)
    names = fates.take(chosen).to_pylist()
    assert len(set(chosen.tolist())) == 1000
    assert names.count("waiting") == 1
    assert names.count("rejected") == pytest.approx(100, abs=1)
    assert (chosen == sample_by_fate(fates, 1000)).all()
    assert (np.diff(chosen) > 0).all()
