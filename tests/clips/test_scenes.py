from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.split_videos import cut_between
from vidcurate.clips.scenes import Looks, Values, depth_scores, stitch, tile
from vidcurate.clips.spans import Span

EDGES = np.arange(0, 210, 10)
CUT = cut_between(0, 0)


def looks(angles: dict[int, float]) -> Looks:
    """Vectors in the plane by the times of their frames; like angles are like looks."""
    turns = np.array([[np.cos(a), np.sin(a)] for a in angles.values()], np.float32)
    return Looks(np.array(list(angles), np.int64), turns.reshape(-1, 2))


def joined(spans: list[Span], angles: dict[int, float], change: float = 2.0) -> list[Span]:
    """Spans joined where the distance is at most 0.6."""
    return stitch(EDGES, spans, looks(angles), 0.6, change)


def test_neighbours_that_look_alike_are_joined() -> None:
    """The end of a shot is compared with the beginning of the next, and the new shot is a joint."""
    spans = [Span(0, 5, None, CUT), Span(5, 10, CUT, CUT), Span(10, 15, CUT, CUT)]
    spans.append(Span(15, 20, CUT, None))
    # 0.61 is the chord of 0.62 radians; 0.59 that of 0.599.
    angles = {0: 2.0, 40: 0.0, 50: 0.599, 90: 1.0, 100: 1.62, 120: 3.0, 160: 3.1}
    assert joined(spans, angles) == [
        Span(0, 10, None, CUT, (5,)),
        Span(10, 20, CUT, None, (15,)),
    ]


@pytest.mark.parametrize("missing", [0, 1])
def test_a_shot_without_a_vector_stays_alone(missing: int) -> None:
    """Nothing is known of its look."""
    spans = [Span(0, 5), Span(5, 10, CUT)]
    assert joined(spans, {[50, 0][missing]: 0.0}) == spans


def test_nothing_is_joined_over_a_gap() -> None:
    """Where a gradual transition lies between two shots, they are no neighbours."""
    spans = [Span(0, 5), Span(6, 10, CUT)]
    assert joined(spans, {0: 0.0, 90: 0.0}) == spans


def test_a_shot_that_changes_too_much_is_left_out() -> None:
    """Its neighbours are then apart."""
    spans = [Span(0, 5), Span(5, 10, CUT), Span(10, 15, CUT)]
    angles = {0: 0.0, 50: 0.0, 90: 1.6, 100: 0.0}
    assert joined(spans, angles, change=1.0) == [spans[0], spans[2]]


def test_a_chopped_shot_that_is_whole_again_has_no_joint() -> None:
    """Only cuts are joints."""
    assert joined([Span(0, 5), Span(5, 10)], {0: 0.0, 50: 0.0}) == [Span(0, 10)]


def naive_depth(curve: Values, place: int) -> float:
    """The depth of one value, by its definition."""
    peaks = []
    for step in (-1, 1):
        here = place
        while 0 <= here + step < len(curve) and curve[here + step] >= curve[here]:
            here += step
        peaks.append(curve[here])
    return float(sum(peaks) - 2 * curve[place])


@given(st.lists(st.integers(-8, 8), max_size=20))
def test_depth_is_the_climb_to_both_peaks(numbers: list[int]) -> None:
    """The depth scores of a whole curve are those of each value by definition."""
    curve = np.array(numbers, np.float64) / 8
    assert depth_scores(curve).tolist() == [naive_depth(curve, n) for n in range(len(curve))]


@given(
    st.lists(st.floats(0, 3), min_size=0, max_size=20),
    st.integers(0, 80),
    st.floats(0, 2),
    st.sets(st.integers(1, 19)),
)
def test_tiles_share_out_the_span(
    angles: list[float], shortest: int, deviations: float, joints: set[int]
) -> None:
    """They cover the span in order, and none is too short if the span is not."""
    span = Span(0, 20, CUT, CUT, tuple(sorted(joints)))
    seen = looks({10 * n: angle for n, angle in enumerate(angles)})
    found = tile(EDGES, span, seen, shortest, deviations)
    assert (found[0].first, found[-1].end) == (0, 20)
    assert all(a.end == b.first for a, b in pairwise(found))
    assert all(EDGES[part.end] - EDGES[part.first] >= max(shortest, 1) for part in found)


@pytest.mark.parametrize(("joints", "place"), [((), 12), ((10,), 10), ((12,), 12), ((13,), 12)])
def test_a_turn_divides(joints: tuple[int, ...], place: int) -> None:
    """The new part begins with the first unlike vector's frame, or with the shot before it."""
    angles = {n * 30: 0.0 if n < 4 else 1.0 for n in range(7)}
    found = tile(EDGES, Span(0, 20, joints=joints), looks(angles), 30, 0.5)
    assert [(part.first, part.end) for part in found] == [(0, place), (place, 20)]


def test_what_stays_alike_is_not_divided() -> None:
    """Neither is a span without a turn, of two vectors, of one or of none."""
    for n in (0, 1, 2, 20):
        same = looks({10 * k: 0.5 for k in range(n)})
        assert tile(EDGES, Span(0, 20), same, 0, 0.5) == [Span(0, 20)]


def test_the_deepest_turn_is_first() -> None:
    """Of two turns that lie too near each other the deeper one divides."""
    turns = {0: 0.0, 30: 0.0, 60: 0.0, 90: 1.0, 120: 2.5, 150: 2.5, 180: 2.5}
    found = tile(EDGES, Span(0, 20), looks(turns), 40, 0.0)
    assert [(part.first, part.end) for part in found] == [(0, 12), (12, 20)]
