import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vidcurate.clips.rank_correlation import pearson, ranks, spearman
from vidcurate.clips.weight_fit import (
    WeightFit,
    fit_quality,
    fit_weights,
    folds,
    non_negative_least_squares,
    predicted,
)

BOUNDS = (1.0, 5.0)
seeds = st.integers(0, 10_000)


@given(seeds, st.integers(1, 9), st.integers(0, 30))
def test_no_other_weights_fit_better(seed: int, n_weights: int, n_more: int) -> None:
    """The conditions of Karush, Kuhn and Tucker hold: free weights have no slope, others a fall."""
    numbers = np.random.default_rng(seed)
    matrix = numbers.normal(size=(n_weights + n_more, n_weights))
    target = numbers.normal(size=n_weights + n_more)
    weights = non_negative_least_squares(matrix, target)
    slope = matrix.T @ (target - matrix @ weights)
    assert (weights >= 0).all()
    assert np.abs(slope[weights > 0]).max(initial=0) < 1e-6
    assert slope.max() < 1e-6


def test_weights_by_hand() -> None:
    """Of two columns the one that would count against the target is left at 0."""
    matrix = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    found = non_negative_least_squares(matrix, np.array([2.0, -1.0, 0.0]))
    assert found.tolist() == [2.0, 0.0]
    doubled = np.array([[1.0, 1.0], [2.0, 2.0]])
    assert np.allclose(doubled @ non_negative_least_squares(doubled, np.array([1.0, 2.0])), [1, 2])


def test_planted_ratings_are_recovered_in_order() -> None:
    """Ratings by hidden weights, with people's noise, are ranked at Spearman 0.95 or more."""
    numbers = np.random.default_rng(5)
    parts = numbers.uniform(size=(200, 4))
    hidden = WeightFit(1.2, {"a": 2.0, "b": 0.0, "c": 1.0, "d": 0.5})
    truth = predicted(hidden, parts, *BOUNDS)
    ratings = np.clip(np.round(truth + numbers.normal(0, 0.3, 200)), *BOUNDS)
    fit = fit_weights(parts[:100], ratings[:100], list(hidden.weights))
    found = spearman(predicted(fit, parts[100:], *BOUNDS), truth[100:])
    assert found is not None
    assert found >= 0.95
    assert fit.weights["a"] > fit.weights["c"] > fit.weights["d"] > fit.weights["b"]


def test_what_a_fit_is_worth_is_told_of_other_clips() -> None:
    """Parts that say nothing are told apart from those that do by the error of held-out clips."""
    numbers = np.random.default_rng(6)
    parts, videos = numbers.uniform(size=(60, 3)), [str(n // 6) for n in range(60)]
    honest = fit_quality(parts, 1 + 4 * parts[:, 0], videos, BOUNDS)
    assert honest.by_video
    assert (honest.spearman or 0) > 0.99
    assert honest.error < 0.1 < honest.mean_error
    noise = fit_quality(parts, numbers.uniform(1, 5, 60), videos, BOUNDS)
    assert noise.error > 0.9 * noise.mean_error
    assert not fit_quality(parts, numbers.uniform(1, 5, 60), ["v"] * 60, BOUNDS).by_video


def test_clips_of_a_video_are_in_one_fold() -> None:
    """Folds are of nearly equal size and cut no group."""
    groups = [str(n % 12) for n in range(60)]
    found = folds(groups)
    assert all(len(set(found[np.array(groups) == group])) == 1 for group in set(groups))
    assert np.bincount(found).tolist() == [15, 15, 10, 10, 10]


def test_correlations_by_hand() -> None:
    """Equal values share a rank; one value alone has no correlation."""
    a, b = np.array([1.0, 2.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0, 10.0])
    assert ranks(a).tolist() == [1, 2.5, 2.5, 4]
    assert spearman(a, b) is not None
    assert abs((spearman(a, b) or 0) - 0.9486832980505138) < 1e-12
    assert pearson(a, np.ones(4)) is None
