import numpy as np
import pytest

from tests.support.split_videos import split_video, video_of
from vidcurate.records import Bounds, Cut, VideoCuts
from vidcurate.stages.shots.bounds import clip_bounds
from vidcurate.stages.shots.split import clips_of
from vidcurate.stages.shots.split_options import SplitConfig

PTS = np.arange(0, 300, 10)
CUTS_OF_VIDEO = (
    Cut(90, 100, 9.0, 10.0, "cut", 0.9, "learned"),
    Cut(190, 240, 19.0, 24.0, "dissolve", 0.6, "koala"),
)


def bounds_between(start_pts: int, end_pts: int) -> Bounds:
    """The bounds of a clip of a video with a cut and a dissolve."""
    config = SplitConfig(min_clip_s=0, max_clip_s=1000)
    [clip] = split_video([start_pts], end_pts, [], config)
    return clip_bounds(clip, VideoCuts("video", CUTS_OF_VIDEO), PTS)


def of_start(row: Bounds) -> tuple[str, str, float, int]:
    """What a row says of the clip's start."""
    return row.start_kind, row.start_detector, row.start_confidence, row.start_distance_frames


def of_end(row: Bounds) -> tuple[str, str, float, int]:
    """What a row says of the clip's end."""
    return row.end_kind, row.end_detector, row.end_confidence, row.end_distance_frames


VIDEO = ("video", "video", 1.0)
CUT = ("cut", "learned", 0.9)
DISSOLVE = ("dissolve", "koala", 0.6)


@pytest.mark.parametrize(
    ("span", "start", "end", "inside"),
    [
        ((0, 100), (*VIDEO, 0), (*CUT, 0), 0),
        ((100, 200), (*CUT, 0), (*DISSOLVE, 0), 0),
        ((240, 300), (*DISSOLVE, 0), (*VIDEO, 0), 0),
        ((120, 150), (*CUT, 2), (*DISSOLVE, 5), 0),
        ((20, 170), (*VIDEO, 2), (*DISSOLVE, 3), 1),
        ((0, 300), (*VIDEO, 0), (*VIDEO, 0), 2),
        ((200, 240), (*DISSOLVE, -4), (*DISSOLVE, -4), 1),
        ((120, 220), (*CUT, 2), (*DISSOLVE, -2), 1),
        ((90, 110), (*VIDEO, 9), (*DISSOLVE, 9), 1),
    ],
)
def test_each_end_has_its_transition(
    span: tuple[int, int],
    start: tuple[str, str, float, int],
    end: tuple[str, str, float, int],
    inside: int,
) -> None:
    """Kind, detector, confidence and frames in between; what lies inside bounds nothing."""
    row = bounds_between(*span)
    assert (of_start(row), of_end(row), row.n_cuts_inside) == (start, end, inside)


def test_whole_shots_reach_their_cuts() -> None:
    """The clips of a plain split have distance 0 at both ends and nothing inside."""
    video = VideoCuts("video", CUTS_OF_VIDEO)
    config = SplitConfig(min_clip_s=0, max_clip_s=1000)
    clips, _ = clips_of(video, video_of(PTS.tolist(), 300), config)
    found = [clip_bounds(clip, video, PTS) for clip in clips]
    ends = [(r.start_distance_frames, r.end_distance_frames, r.n_cuts_inside) for r in found]
    assert ends == [(0, 0, 0)] * 3
