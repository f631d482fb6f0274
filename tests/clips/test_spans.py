from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.split_videos import cut_between
from vidcurate.clips.spans import (
    Span,
    Ticks,
    divide_span,
    shot_spans,
    transition_spans,
    trim,
    windows,
)
from vidcurate.records import VideoCuts

lengths_of_frames = st.lists(st.integers(1, 9), min_size=1, max_size=40)


def edges_of(lengths: list[int], start: int = -7) -> Ticks:
    """Times of frames that are shown so long, and of their end."""
    return np.asarray(start + np.cumsum([0, *lengths]), np.int64)


@given(lengths_of_frames, st.integers(1, 30), st.integers(1, 240))
def test_windows_begin_every_stride(lengths: list[int], longest: int, eighths: int) -> None:
    """Each begins with the first frame at or after a multiple of the stride, up to the end."""
    edges, stride = edges_of(lengths), Fraction(eighths, 8)
    found = list(windows(edges, Span(0, len(lengths)), longest, stride))
    multiples = [int(edges[0]) + k * stride for k in range(200 * 8)]
    goals = sorted({int(np.searchsorted(edges, float(m))) for m in multiples if m < edges[-1]})
    starts = [goal for goal in goals if goal < len(lengths)]
    assert [span.first for span in found] == starts[: len(found)]
    assert all(span.end < len(lengths) for span in found[:-1])
    assert found[-1].end == len(lengths) or len(found) == len(starts)
    for span in found:
        assert span.end == span.first + 1 or edges[span.end] - edges[span.first] <= longest


def test_windows_do_not_drift() -> None:
    """At 30000/1001 frames a second windows every 2 s stay within a frame of 2 s, 4 s, 6 s, ..."""
    edges = np.arange(30 * 600, dtype=np.int64) * 1001
    found = list(windows(edges, Span(0, len(edges) - 1), 4 * 30000, Fraction(2 * 30000)))
    late = [int(edges[span.first]) - 60000 * k for k, span in enumerate(found)]
    assert len(found) == 300
    assert 0 <= min(late) <= max(late) < 1001


@given(lengths_of_frames, st.integers(1, 60), st.sets(st.integers(1, 39)))
def test_pieces_follow_each_other(lengths: list[int], longest: int, joints: set[int]) -> None:
    """They cover the span; each but the last ends with a shot, or as late as it may."""
    edges, n_frames = edges_of(lengths), len(lengths)
    kept = tuple(sorted(joint for joint in joints if joint < n_frames))
    found = list(divide_span(edges, Span(0, n_frames, joints=kept), longest))
    assert [span.first for span in found] == [0, *(span.end for span in found[:-1])]
    assert found[-1].end == n_frames
    for span in found[:-1]:
        fits = [
            e for e in range(span.first + 2, n_frames) if edges[e] - edges[span.first] <= longest
        ]
        latest = max([span.first + 1, *fits])
        ends = [joint for joint in kept if span.first < joint <= latest]
        assert span.end == (ends[-1] if ends else latest)
        assert span.joints == tuple(j for j in kept if span.first < j < span.end)


def test_a_piece_keeps_the_cuts_at_its_ends() -> None:
    """Only the first piece begins at the shot's first cut, and only the last ends at its last."""
    before, after = cut_between(0, 1), cut_between(9, 10)
    found = list(divide_span(np.arange(12), Span(1, 10, before, after), 4))
    assert [(span.first, span.end) for span in found] == [(1, 5), (5, 9), (9, 10)]
    assert [span.before for span in found] == [before, None, None]
    assert [span.after for span in found] == [None, None, after]


@pytest.mark.parametrize(
    ("margins", "kept"), [((0, 0), (2, 8)), ((3, 0), (4, 8)), ((0, 3), (2, 6)), ((9, 4), None)]
)
def test_each_end_is_trimmed_by_itself(
    margins: tuple[int, int], kept: tuple[int, int] | None
) -> None:
    """Frames of 2 ticks: of those within 3 ticks of an end there are two, the second cut into."""
    found = trim(np.arange(0, 22, 2), Span(2, 8), *margins)
    assert (found and (found.first, found.end)) == kept


def test_shots_and_transitions_share_out_the_video() -> None:
    """Each frame is of one shot or inside one gradual transition, which knows its cut twice."""
    cuts = (cut_between(2, 3), cut_between(5, 9), cut_between(12, 13))
    pts, video = np.arange(16), VideoCuts("video", cuts)
    found = list(shot_spans(video, pts))
    assert [(span.first, span.end) for span in found] == [(0, 3), (3, 6), (9, 13), (13, 16)]
    assert [span.before for span in found] == [None, *cuts]
    assert [span.after for span in found] == [*cuts, None]
    assert list(transition_spans(video, pts)) == [Span(6, 9, cuts[1], cuts[1])]


def test_starts_rise() -> None:
    """A stride much shorter than a frame gives one window for each frame, none twice."""
    found = list(windows(np.arange(0, 100, 10), Span(0, 9), 30, Fraction(1, 3)))
    assert all(a.first < b.first for a, b in pairwise(found))
    assert [span.first for span in found] == list(range(7))
