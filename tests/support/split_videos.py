"""Videos for tests of split: frames at uneven times, cuts and vectors, without pictures."""

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from vidcurate.clips.scenes import TimedVectors
from vidcurate.records import Clip, Cut, Scan, VideoCuts
from vidcurate.stages.shots.split import SplitInput, clips_of
from vidcurate.stages.shots.split_options import SplitConfig

VideoWithCuts = tuple[list[int], int, list[tuple[int, int]]]


def scan_of(pts: list[int], end_pts: int, time_base: Fraction) -> Scan:
    """The scan of a video with these frames."""
    return Scan(
        video_id="video",
        n_frames=len(pts),
        time_base=time_base,
        first_pts=pts[0],
        end_pts=end_pts,
        duration_s=float((end_pts - pts[0]) * time_base),
        frame_rate=Fraction(24),
        is_vfr=True,
        n_samples=0,
        proxy_width=0,
        proxy_height=0,
        n_decode_errors=0,
        fault=None,
        metrics=(),
        clock_offsets=(0,),
        frames_file="",
        samples_file="",
    )


def cut_between(start_pts: int, end_pts: int) -> Cut:
    """A transition from the frame at `start_pts` to that at `end_pts`."""
    return Cut(start_pts, end_pts, 0.0, 0.0, "cut", 1.0, "test")


def video_of(
    pts: list[int],
    end_pts: int,
    time_base: Fraction = Fraction(1),
    vectors: TimedVectors | None = None,
) -> SplitInput:
    """A video with these frames, and appearance vectors."""
    edges = np.array([*pts, end_pts], np.int64)
    return SplitInput(scan_of(pts, end_pts, time_base), edges, vectors, "appearance")


def split_video(
    pts: list[int],
    end_pts: int,
    cuts: list[tuple[int, int]],
    config: SplitConfig,
    time_base: Fraction = Fraction(1),
    vectors: TimedVectors | None = None,
) -> list[Clip]:
    """The clips of a video with these frames, cuts and vectors."""
    found = VideoCuts("video", tuple(cut_between(*cut) for cut in cuts))
    return clips_of(found, video_of(pts, end_pts, time_base, vectors), config)[0]


def spans(*arguments: object, **more: object) -> list[tuple[int, int]]:
    """The spans of `split_video`."""
    return [(c.start_pts, c.end_pts) for c in split_video(*arguments, **more)]  # type: ignore[arg-type]


@st.composite
def videos(draw: st.DrawFn) -> VideoWithCuts:
    """Frames at uneven times, the video's end, and cuts in time order, some of them gradual."""
    gaps = draw(st.lists(st.integers(1, 9), min_size=1, max_size=60))
    start = draw(st.integers(-50, 50))
    edges = [start, *(start + int(t) for t in np.cumsum(gaps))]
    pts, end_pts = edges[:-1], edges[-1]
    n_marks = draw(st.integers(0, min(5, len(pts) // 2)))
    places = st.lists(
        st.integers(0, len(pts) - 1), min_size=2 * n_marks, max_size=2 * n_marks, unique=True
    )
    marks = sorted(draw(places))
    return pts, end_pts, [(pts[a], pts[b]) for a, b in zip(marks[::2], marks[1::2], strict=True)]
