from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.split_videos import VideoWithCuts, cut_between, video_of, videos
from vidcurate.clips.reviews import Revision
from vidcurate.errors import MediaError
from vidcurate.records import ReviewedSpan, VideoCuts
from vidcurate.stages.shots.split import clips_of
from vidcurate.stages.shots.split_options import SplitConfig

SHOTS = SplitConfig(min_clip_s=3, max_clip_s=100)


def revised(
    *spans: tuple[int, int],
    replaced: tuple[str, ...] = (),
    config: SplitConfig = SHOTS,
    video: VideoWithCuts = (list(range(40)), 40, [(9, 10), (19, 20), (29, 30)]),
) -> tuple[list[tuple[int, int]], dict[str, tuple[int, float]]]:
    """Clips and losses of four shots of ten frames, of which people made these spans clips."""
    pts, end_pts, cuts = video
    found = VideoCuts("video", tuple(cut_between(*cut) for cut in cuts))
    revision = Revision(frozenset(replaced), tuple(ReviewedSpan(*span) for span in spans))
    clips, losses = clips_of(found, video_of(pts, end_pts, Fraction(1)), config, revision)
    return [(c.start_pts, c.end_pts) for c in clips], {
        loss.what: (loss.count, loss.seconds) for loss in losses
    }


def test_a_person_s_span_stands_in_the_place_of_the_clip_it_replaces() -> None:
    """It is a clip, however short or long; the frames that it leaves are a loss in review."""
    assert revised((1, 3), replaced=("video-0-10",)) == (
        [(1, 3), (10, 20), (20, 30), (30, 40)],
        {"left out of clips in review": (2, 8.0)},
    )
    long = SplitConfig(min_clip_s=3, max_clip_s=10)
    assert revised((0, 40), config=long) == ([(0, 40)], {})


def test_clips_of_which_half_is_in_a_person_s_span_go() -> None:
    """Under other options the clip that was replaced has another span; it goes all the same."""
    assert revised((5, 13))[0] == [(5, 13), (10, 20), (20, 30), (30, 40)]
    assert revised((0, 5), (6, 10))[0] == [(0, 5), (6, 10), (10, 20), (20, 30), (30, 40)]
    assert revised((5, 15))[0] == [(5, 15), (20, 30), (30, 40)]


def test_a_clip_that_is_replaced_by_nothing_is_left_out() -> None:
    """Other clips stay as they are, and an id that no clip has changes nothing."""
    assert revised(replaced=("video-10-20", "video-3-4")) == (
        [(0, 10), (20, 30), (30, 40)],
        {"left out of clips in review": (1, 10.0)},
    )


def test_a_person_s_span_may_hold_cuts_and_short_shots() -> None:
    """What split would have left out is in a clip, and no loss."""
    video = (list(range(12)), 12, [(9, 10)])
    assert revised(video=video)[1] == {"stretch under split.min_clip_s": (1, 2.0)}
    assert revised((8, 12), video=video) == ([(0, 10), (8, 12)], {})


@given(videos(), st.data())
def test_people_s_spans_are_clips_and_every_frame_is_accounted_for(
    video: VideoWithCuts, data: st.DataObject
) -> None:
    """Clips come once each and in order; seconds in clips and losses are those of the video."""
    pts, end_pts, _ = video
    edges = [*pts, end_pts]
    places = st.lists(st.integers(0, len(pts)), min_size=2, max_size=6, unique=True).map(sorted)
    marks = data.draw(places)
    spans = [(edges[a], edges[b]) for a, b in zip(marks[::2], marks[1::2], strict=False)]
    clips, losses = revised(*spans, config=SplitConfig(min_clip_s=2, max_clip_s=30), video=video)
    assert set(spans) <= set(clips)
    assert clips == sorted(set(clips))
    in_clips = {t for t in pts if any(start <= t < end for start, end in clips)}
    lengths = dict(zip(pts, (b - a for a, b in pairwise(edges)), strict=True))
    lost = sum(seconds for _, seconds in losses.values())
    assert sum(lengths[t] for t in in_clips) + lost == pytest.approx(end_pts - pts[0])


@pytest.mark.parametrize("span", [(1, 3), (0, 9), (2, 50), (50, 60), (-4, 2)])
def test_a_span_that_no_frame_begins_or_ends_is_a_fault(span: tuple[int, int]) -> None:
    """The message names the clip, and where the change can be undone."""
    video: VideoWithCuts = ([0, 2, 4, 6], 8, [])
    with pytest.raises(MediaError, match=f"video-{span[0]}-{span[1]}, made in a review"):
        revised(span, video=video)
