from hypothesis import given
from hypothesis import strategies as st

from vidcurate.deduplication.choice import Link, chosen, clusters

PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25)


def link(first: int, second: int) -> Link:
    """Two clips that show the same."""
    return Link(first, second, 0.9, 2.0, 2.0, is_whole=False, is_mirrored=False)


def test_the_best_of_copies_is_kept() -> None:
    """Of three copies the first in the order is kept, and the others are linked to it."""
    found = chosen([2, 0, 1], [link(0, 1), link(1, 2), link(2, 0)])
    assert {clip: link.second for clip, link in found.items()} == {0: 2, 1: 2}


def test_a_chain_loses_no_content() -> None:
    """A clip that is only like one that is not kept is kept itself."""
    assert set(chosen([0, 1, 2], [link(0, 1), link(1, 2)])) == {1}
    assert set(chosen([1, 0, 2], [link(0, 1), link(1, 2)])) == {0, 2}


def test_links_are_told_from_the_clip_that_goes() -> None:
    """Seen from the other side a clip begins before, in the other's time."""
    assert chosen([0, 1], [link(1, 0)])[1] == link(1, 0)
    turned = chosen([1, 0], [link(1, 0)])[0]
    assert (turned.first, turned.second, turned.offset_s, turned.speed) == (0, 1, -1.0, 0.5)


@given(PAIRS, st.permutations(range(10)))
def test_what_goes_has_a_better_one_that_stays(
    pairs: list[tuple[int, int]], order: list[int]
) -> None:
    """No two kept clips are linked, and each that goes is linked to a kept one before it."""
    links = [link(a, b) for a, b in pairs if a != b]
    found = chosen(order, links)
    assert not [k for k in links if k.first not in found and k.second not in found]
    for clip, kept_for in found.items():
        assert kept_for.first == clip
        assert kept_for.second not in found
        assert order.index(kept_for.second) < order.index(clip)


def test_clusters_reach_over_others() -> None:
    """Clips that are linked over others are one cluster, named by its smallest number."""
    assert clusters(6, [(5, 3), (3, 1), (4, 4)]).tolist() == [0, 1, 2, 1, 4, 1]
