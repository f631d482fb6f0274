import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcurate.clips.splits import TEST, TRAIN, VALIDATION, dealt, drawn, split_codes

IDS = [f"video {n}" for n in range(20_000)]


def test_drawn_numbers_are_spread_and_depend_on_the_seed() -> None:
    """Of many ids each twentieth of the line has its share, and another seed draws others."""
    numbers = drawn(IDS, 0)
    assert np.histogram(numbers, 20, (0, 1))[0] == pytest.approx(1000, abs=130)
    assert abs(np.corrcoef(numbers, drawn(IDS, 1))[0, 1]) < 0.03


@given(st.lists(st.text(max_size=5), max_size=20), st.text(max_size=5))
def test_a_new_video_changes_no_earlier_number(strata: list[str], new: str) -> None:
    """Neither the numbers that are drawn nor those that are dealt in strata."""
    assert dealt([*strata, new], 3)[: len(strata)].tolist() == dealt(strata, 3).tolist()
    assert drawn([*strata, new], 3)[: len(strata)].tolist() == drawn(strata, 3).tolist()


def test_dealt_numbers_fill_each_stratum_evenly() -> None:
    """Each stratum has its share of a split, to within two videos."""
    strata = ["day", "night", "night", "dusk"] * 50
    codes = split_codes(dealt(strata, 0), 0.1, 0.2)
    for stratum, n in (("day", 50), ("night", 100), ("dusk", 50)):
        own = codes[np.array(strata) == stratum]
        assert (own == VALIDATION).sum() == pytest.approx(0.1 * n, abs=2)
        assert (own == TEST).sum() == pytest.approx(0.2 * n, abs=2)


def test_a_larger_share_takes_from_train_alone() -> None:
    """More validation moves nothing out of test or validation."""
    numbers = drawn(IDS, 0)
    before, after = split_codes(numbers, 0.05, 0.05), split_codes(numbers, 0.1, 0.05)
    moved = before != after
    assert moved.any()
    assert set(before[moved]) == {TRAIN}
    assert set(after[moved]) == {VALIDATION}
