from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcurate.clips.classes import Classes
from vidcurate.clips.quotas import NOTHING, Amount, Quota, class_counts, over_quota
from vidcurate.stages.selection.partition_options import read_amount


def quota(labels: Sequence[str | None], **words: Any) -> Quota:
    """A quota over clips with these labels."""
    names = tuple(sorted({label for label in labels if label is not None}))
    codes = [-1 if label is None else names.index(label) for label in labels]
    amounts = {n: read_amount(a) for n, a in words.items() if n != "named"}
    return Quota(
        "tags.top_name",
        Classes(names, np.array(codes, np.int32)),
        amounts.get("at_most"),
        amounts.get("at_least"),
        words.get("named", ()),
    )


def staying(quotas: list[Quota], rank: list[int] | None = None) -> list[int]:
    """The numbers of the clips that stay."""
    n = len(quotas[0].classes.codes)
    gone = over_quota(quotas, np.array(rank if rank is not None else range(n), np.int64))
    return np.flatnonzero(gone == NOTHING).tolist()


def test_the_lowest_ranks_of_each_class_stay() -> None:
    """Two a class stay, those of lowest rank; a class that has fewer loses none."""
    cats_and_dogs = quota(["cat", "cat", "dog", "cat", "cat"], at_most=2)
    assert staying([cats_and_dogs], [4, 1, 3, 0, 2]) == [1, 2, 3]


def test_a_clip_without_a_class_always_stays() -> None:
    """It is of no class that could have too many, but counts as one of all clips."""
    half_cats = quota(["cat", "cat", "cat", None], at_most="50%")
    assert staying([half_cats]) == [0, 3]


def test_a_share_is_of_the_clips_that_stay() -> None:
    """Of 90, 5 and 5 clips a third each at most leaves 5 of each, and not 30 of the first."""
    thirds = quota(["a"] * 90 + ["b"] * 5 + ["c"] * 5, at_most="34%")
    assert len(staying([thirds])) == 15


def test_a_share_that_so_few_classes_cannot_have_takes_nothing() -> None:
    """With two classes one has half of all or more, so at most 5% would leave none."""
    assert len(staying([quota(["a", "b", "b"], at_most="5%")])) == 3


def test_named_classes_alone_are_bounded() -> None:
    """A quota about some classes leaves the others as they are."""
    assert staying([quota(["a", "a", "b", "b"], at_most=1, named=("b",))]) == [0, 1, 2]


def test_a_quota_takes_from_what_the_one_before_left() -> None:
    """Each clip that goes is counted for the first quota that it is over."""
    by_video = quota(["x", "x", "y", "z"], at_most=1)
    by_tag = quota(["a", "a", "a", "b"], at_most=1)
    gone = over_quota([by_video, by_tag], np.arange(4))
    assert gone.tolist() == [NOTHING, 0, 1, NOTHING]


def test_gaps_name_what_is_missing() -> None:
    """The classes that lack clips come first, also those of which there is no clip at all."""
    wanted = quota(["cat", "cat", "dog"], at_least=2, named=("bird", "cat", "dog"))
    counts = class_counts(wanted, np.array([True, True, True]))
    assert [(c.name, c.came, c.stays, c.missing) for c in counts] == [
        ("bird", 0, 0, 2),
        ("dog", 1, 1, 1),
        ("cat", 2, 2, 0),
    ]


@pytest.mark.parametrize("amount", [0, -1, "0%", "101%", "many", "5.5", "", "\u0665"])
def test_an_amount_is_a_number_or_a_share(amount: int | str) -> None:
    """Nothing else is one."""
    with pytest.raises(ValueError, match="write 50, or 5%"):
        read_amount(amount)
    assert read_amount("50") == Amount(count=50)
    assert str(read_amount("2.5 %")) == "2.5%"


LABELS = st.lists(st.sampled_from(["a", "b", "c", "d", None]), min_size=1, max_size=60)


@given(LABELS, st.integers(1, 100), LABELS, st.integers(1, 9))
def test_no_quota_is_exceeded(
    one: list[str | None], percent: int, other: list[str | None], count: int
) -> None:
    """What stays is within every number, and within every share that so many classes can have.

    Nothing goes that was within them all from the start.
    """
    n = min(len(one), len(other))
    quotas = [quota(one[:n], at_most=f"{percent}%"), quota(other[:n], at_most=count)]
    stays = np.zeros(n, bool)
    stays[staying(quotas)] = True
    shares, counts = (np.bincount(q.bounded()[stays & (q.bounded() >= 0)]) for q in quotas)
    assert counts.max(initial=0) <= count
    n_none = int((stays & (quotas[0].bounded() < 0)).sum())
    can_be_met = percent * ((shares > 0).sum() + n_none) >= 100
    assert not can_be_met or shares.max(initial=0) * 100 <= percent * stays.sum()
    assert stays.any()
