import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcurate.analysis.quality_estimate import allocate, draw_sample, estimate_share
from vidcurate.errors import UsageError


def clips(**sizes: int) -> tuple[list[str], list[str]]:
    """The ids and strata of as many clips as each stratum has."""
    strata = [name for name, size in sizes.items() for _ in range(size)]
    return [f"c{number}" for number in range(len(strata))], strata


def judgements(**counts: tuple[int, int]) -> list[tuple[str, bool]]:
    """Judged clips: of each stratum so many good and so many judged."""
    return [(name, i < good) for name, (good, n) in counts.items() for i in range(n)]


def test_a_sample_is_in_proportion_and_leaves_no_stratum_out() -> None:
    """A stratum of one clip in a hundred gives one, and the others share what is left."""
    ids, strata = clips(kept=75, rejected=24, rare=1)
    stratum_of = dict(zip(ids, strata, strict=True))
    drawn = draw_sample(ids, strata, 20, 7)
    assert len(set(drawn)) == 20
    assert Counter(stratum_of[clip] for clip in drawn) == {"kept": 14, "rejected": 5, "rare": 1}


def test_a_sample_depends_on_its_seed_and_not_on_the_order_of_clips() -> None:
    """The same seed draws the same clips in the same mixed order, another seed others."""
    ids, strata = clips(a=50, b=50)
    drawn = draw_sample(ids, strata, 30, 1)
    assert draw_sample(ids[::-1], strata[::-1], 30, 1) == drawn
    assert set(draw_sample(ids, strata, 30, 2)) != set(drawn)
    stratum_of = dict(zip(ids, strata, strict=True))
    changes = sum(stratum_of[x] != stratum_of[y] for x, y in pairwise(drawn))
    assert changes > 5


def test_each_clip_of_a_stratum_is_as_likely_as_another() -> None:
    """Over many seeds every clip is drawn about as often as the stratum's rate says."""
    ids, strata = clips(a=20, b=10)
    times = Counter(clip for seed in range(2000) for clip in draw_sample(ids, strata, 6, seed))
    assert all(abs(times[clip] - 400) < 90 for clip in ids)


def test_a_sample_smaller_than_the_strata_is_drawn_from_all_clips_alike() -> None:
    """A large stratum is met as often as its share of the clips, not as its share of strata."""
    ids, strata = clips(large=80, **{f"s{i}": 1 for i in range(20)})
    first = [draw_sample(ids, strata, 1, seed)[0] for seed in range(1000)]
    assert abs(sum(clip in ids[:80] for clip in first) - 800) < 60


def test_a_sample_of_more_than_there_is_takes_all() -> None:
    """Fewer clips than were asked for are all drawn; less than one is refused."""
    ids, strata = clips(a=3, b=1)
    assert set(draw_sample(ids, strata, 9, 0)) == set(ids)
    assert draw_sample([], [], 9, 0) == []
    with pytest.raises(UsageError, match="at least 1"):
        draw_sample(ids, strata, 0, 0)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(1, 200))
def test_an_allocation_is_whole(counts: list[int], extra: int) -> None:
    """Every stratum gives from one to all of its clips, together just what is asked for."""
    sizes = {f"s{i}": count for i, count in enumerate(counts)}
    n = min(len(sizes) + extra, sum(counts))
    given_ = allocate(sizes, n)
    assert given_.total() == n
    assert all(1 <= given_[name] <= size for name, size in sizes.items())


def test_one_stratum_has_the_interval_of_wilson() -> None:
    """81 of 263: 0.255 to 0.366, as in Newcombe 1998 (Statistics in Medicine 17), table I."""
    found = estimate_share(judgements(a=(81, 263)), {"a": 10**9})
    assert found.low == pytest.approx(0.2553, abs=1e-4)
    assert found.high == pytest.approx(0.3662, abs=1e-4)
    assert (found.share, found.n, found.confidence) == (81 / 263, 263, 0.95)
    none = estimate_share(judgements(a=(0, 20)), {"a": 10**9})
    assert none.low == 0
    assert none.high == pytest.approx(0.1611, abs=1e-4)


def test_strata_count_by_their_sizes() -> None:
    """A stratum of which more was judged weighs no more than its clips."""
    found = estimate_share(judgements(a=(9, 10), b=(1, 10)), {"a": 900, "b": 100})
    assert found.share == pytest.approx(0.82)
    assert [(s.stratum, s.share) for s in found.by_stratum] == [("a", 0.9), ("b", 0.1)]


def test_what_was_judged_whole_is_known() -> None:
    """No chance is left where every clip was judged."""
    found = estimate_share(judgements(a=(2, 3), b=(4, 4)), {"a": 3, "b": 4})
    assert found.share == found.low == found.high == pytest.approx(6 / 7)


def test_a_stratum_without_a_judged_clip_is_told_and_not_guessed() -> None:
    """The share speaks of the strata that were looked at, and says how many clips these are."""
    found = estimate_share(judgements(a=(5, 10)), {"a": 30, "unseen": 70})
    assert (found.share, found.clips, found.covered) == (0.5, 100, 30)
    assert [(s.stratum, s.judged, s.share) for s in found.by_stratum][1] == ("unseen", 0, None)
    nothing = estimate_share([], {"a": 30})
    assert (nothing.share, nothing.low, nothing.high, nothing.covered) == (None, None, None, 0)


def test_more_judged_clips_than_there_are_is_refused() -> None:
    """A stratum that no size is given for is named, and so is one that is too small."""
    with pytest.raises(UsageError, match="stratum 'b', which has 0"):
        estimate_share(judgements(b=(1, 1)), {"a": 3})
    with pytest.raises(UsageError, match="4 clips are judged of stratum 'a', which has 3"):
        estimate_share(judgements(a=(1, 4)), {"a": 3})


@given(st.lists(st.tuples(st.integers(1, 8), st.integers(0, 8), st.integers(0, 50)), min_size=1))
def test_an_interval_holds_its_share(strata: list[tuple[int, int, int]]) -> None:
    """0 ≤ low ≤ share ≤ high ≤ 1, whatever was judged."""
    counts = {f"s{i}": (min(good, n), n) for i, (n, good, _) in enumerate(strata)}
    found = estimate_share(
        judgements(**counts), {f"s{i}": n + more for i, (n, _, more) in enumerate(strata)}
    )
    assert found.low is not None
    assert found.high is not None
    assert found.share is not None
    assert 0 <= found.low <= found.share <= found.high <= 1


@pytest.mark.parametrize(
    ("sizes", "shares", "n"),
    [
        ([5000], [0.5], 200),
        ([5000], [0.97], 200),
        ([3000, 7000], [0.95, 0.1], 200),
        ([100, 5000, 300, 2000, 50], [0.5, 0.95, 0.7, 0.9, 0.1], 200),
        ([60] * 50, [0.9] * 50, 50),
        ([60] * 50, [0.9] * 50, 100),
        ([100] * 20, [0.97] * 20, 60),
        ([3, 5, 500], [0.34, 0.8, 0.9], 50),
    ],
)
def test_the_interval_holds_the_true_share_as_often_as_it_says(
    sizes: list[int], shares: list[float], n: int
) -> None:
    """Over 2,000 samples about 95 %, and never below 92 %, also with one clip a stratum."""
    names = [f"s{i}" for i in range(len(sizes))]
    size_of = dict(zip(names, sizes, strict=True))
    good = [round(size * share) for size, share in zip(sizes, shares, strict=True)]
    truth = sum(good) / sum(sizes)
    wanted = [allocate(size_of, n)[name] for name in names]
    dice = np.random.default_rng(5)
    drawn = [
        dice.hypergeometric(g, size - g, k, 2000)
        for g, size, k in zip(good, sizes, wanted, strict=True)
    ]
    n_held = 0
    for counts in np.stack(drawn, axis=1).tolist():
        of_each = dict(zip(names, zip(counts, wanted, strict=True), strict=True))
        found = estimate_share(judgements(**of_each), size_of)
        assert found.low is not None
        assert found.high is not None
        n_held += found.low <= math.nextafter(truth, 1) and truth <= math.nextafter(found.high, 1)
    assert n_held / 2000 >= 0.92
