from fractions import Fraction

from vidcurate.clips.grouping import clips_by_video
from vidcurate.records import Clip


def clip(video_id: str, start_pts: int) -> Clip:
    """A clip of a video, ten ticks long."""
    return Clip(
        clip_id=f"{video_id}-{start_pts}",
        video_id=video_id,
        start_pts=start_pts,
        end_pts=start_pts + 10,
        time_base=Fraction(1, 10),
        start_s=start_pts / 10,
        end_s=start_pts / 10 + 1,
        duration_s=1.0,
        n_frames=10,
    )


def test_clips_keep_their_order_and_a_video_that_comes_back_is_a_group_of_its_own() -> None:
    """Each group is a run of clips of one video; together they are all clips in order."""
    clips = [clip("a", 20), clip("a", 0), clip("b", 0), clip("a", 40)]
    groups = list(clips_by_video(clips))
    assert groups == [("a", clips[:2]), ("b", clips[2:3]), ("a", clips[3:])]
    assert list(clips_by_video([])) == []
