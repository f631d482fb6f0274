from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.support.pipeline import done, process, rows, states, stored
from tests.support.split_videos import cut_between, spans, split_video, video_of, videos
from tests.support.videos import ffmpeg, render
from vidcurate.clips.scenes import TimedVectors
from vidcurate.media.scan.files import read_frames
from vidcurate.records import CLIPS, SCANS, VideoCuts
from vidcurate.stage import Loss
from vidcurate.stages.shots.split import clips_of
from vidcurate.stages.shots.split_options import SplitConfig

TIME_BASES = [Fraction(1, 24), Fraction(1, 90000), Fraction(1001, 30000), Fraction(1, 1000)]


@st.composite
def settings_of(draw: st.DrawFn) -> SplitConfig:
    """Lengths that make sense together."""
    shortest, extra = draw(st.integers(0, 20)), draw(st.integers(0, 40))
    return SplitConfig(
        min_clip_s=shortest,
        max_clip_s=max(1, shortest + extra),
        long_shots=draw(st.sampled_from(["stride", "truncate"])),
        trim_s=draw(st.integers(0, 8)),
    )


@given(videos(), settings_of())
def test_clips_are_whole_frames_of_one_shot(
    video: tuple[list[int], int, list[tuple[int, int]]], config: SplitConfig
) -> None:
    """Clips start at frames, end where a frame ends, never overlap and never hold a transition."""
    pts, end_pts, cuts = video
    clips = split_video(pts, end_pts, cuts, config)
    for clip in clips:
        assert clip.start_pts in pts
        assert clip.end_pts in [*pts, end_pts]
        inside = [t for t in pts if clip.start_pts <= t < clip.end_pts]
        assert len(inside) == clip.n_frames > 0
        for start, end in cuts:
            assert not (inside[0] <= start and end <= inside[-1])
            assert not any(start < t < end for t in inside)
    assert all(a.end_pts <= b.start_pts for a, b in pairwise(clips))


@given(videos(), settings_of())
def test_lengths_are_held(
    video: tuple[list[int], int, list[tuple[int, int]]], config: SplitConfig
) -> None:
    """No clip is shorter than min or longer than max, nor one frame unless min is 0."""
    for clip in split_video(*video, config):
        length = clip.end_pts - clip.start_pts
        assert length >= config.min_clip_s
        assert length <= config.max_clip_s
        assert clip.n_frames > 1 or config.min_clip_s == 0


@given(videos(), st.integers(1, 40))
def test_stride_covers_every_shot(
    video: tuple[list[int], int, list[tuple[int, int]]], longest: int
) -> None:
    """With no least length and no trim, every frame that is not too long itself is in one clip.

    Those inside transitions are not.
    """
    pts, end_pts, cuts = video
    clips = split_video(pts, end_pts, cuts, SplitConfig(min_clip_s=0, max_clip_s=longest))
    short = [t for t, end in pairwise([*pts, end_pts]) if end - t <= longest]
    wanted = [t for t in short if not any(start < t < end for start, end in cuts)]
    assert [t for t in pts if any(c.start_pts <= t < c.end_pts for c in clips)] == wanted
    assert sum(c.n_frames for c in clips) == len(wanted)


@given(videos(), st.integers(1, 40), st.integers(0, 5))
def test_truncate_keeps_the_beginning_of_each_shot(
    video: tuple[list[int], int, list[tuple[int, int]]], longest: int, trim: int
) -> None:
    """Truncated clips are those of stride which begin a shot."""
    options = {"min_clip_s": 0, "max_clip_s": longest, "trim_s": trim}
    strides = spans(*video, SplitConfig(**options))
    kept = spans(*video, SplitConfig(**options, long_shots="truncate"))
    assert set(kept) <= set(strides)
    assert len(kept) <= len(video[2]) + 1
    whole = spans(*video, SplitConfig(min_clip_s=0, max_clip_s=10**6, trim_s=trim))
    ends = dict(pairwise([*video[0], video[1]]))
    begun = [start for start, _ in whole if ends[start] - start <= longest]
    assert [start for start, _ in kept] == begun


@given(videos(), st.integers(0, 8))
def test_trim_keeps_away_from_shot_ends(
    video: tuple[list[int], int, list[tuple[int, int]]], trim: int
) -> None:
    """A trimmed clip lies at least so far inside its shot, and no frame more is lost."""
    pts, end_pts, _ = video
    whole = spans(*video, SplitConfig(min_clip_s=0, max_clip_s=10**6))
    trimmed = spans(*video, SplitConfig(min_clip_s=0, max_clip_s=10**6, trim_s=trim))
    edges = [*pts, end_pts]
    expected = []
    for start, end in whole:
        inside = [t for t in edges if start + trim <= t <= end - trim]
        if len(inside) > 1:
            expected.append((inside[0], inside[-1]))
    assert trimmed == expected


@given(
    st.integers(1, 500),
    st.sampled_from(TIME_BASES),
    st.integers(1, 3000),
    st.sampled_from(["min", "max", "trim"]),
)
def test_lengths_in_seconds_are_exact(
    n_frames: int, time_base: Fraction, gap: int, which: str
) -> None:
    """A length that is a whole number of frames is met exactly, however it rounds in binary."""
    seconds = n_frames * gap * time_base
    if Fraction(str(float(seconds))) != seconds:
        return
    pts = [gap * n for n in range(2 * n_frames)]
    base = {"min_clip_s": 0.0, "max_clip_s": 1e9}
    changes = {"min": "min_clip_s", "max": "max_clip_s", "trim": "trim_s"}
    config = SplitConfig(**{**base, changes[which]: float(seconds)})
    stop = n_frames * gap
    if which == "min":
        assume(n_frames > 1)  # one frame is no clip
        assert spans(pts[:n_frames], stop, [], config, time_base) == [(0, stop)]
    elif which == "max":
        assert spans(pts, 2 * stop, [], config, time_base) == [(0, stop), (stop, 2 * stop)]
    else:
        three = [gap * n for n in range(3 * n_frames)]
        assert spans(three, 3 * stop, [], config, time_base) == [(stop, 2 * stop)]


def test_no_upper_length() -> None:
    """An infinite longest length leaves shots whole."""
    config = SplitConfig(min_clip_s=0, max_clip_s=float("inf"))
    assert spans([0, 1, 2, 3], 4, [(1, 2)], config) == [(0, 2), (2, 4)]


def test_a_clip_says_its_span_twice() -> None:
    """Ticks are exact and seconds follow from them; the id is the video and the span."""
    [clip] = split_video([90, 180, 270], 360, [], SplitConfig(min_clip_s=0), Fraction(1, 90))
    assert (clip.clip_id, clip.start_s, clip.end_s, clip.duration_s) == ("video-90-360", 1, 4, 3)


def test_lengths_that_contradict_are_refused() -> None:
    """Min above max is a fault of the options."""
    with pytest.raises(ValidationError, match=r"min_clip_s 3\.0 is above max_clip_s 2\.0"):
        SplitConfig(min_clip_s=3, max_clip_s=2)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, video: Path) -> Path:
    """A data set of two videos: three shots of 2 s, and two of 1.5 s whose frames come unevenly."""
    root = tmp_path_factory.mktemp("split")
    shots = [("testsrc2", 1.5), ("rgbtestsrc", 1.5)]
    even = render(root / "even.mkv", shots, encode=("-c:v", "ffv1"), audio=False)
    bend = "settb=1/12000,setpts='500*(N+mod(N,2)/2)/TB/12000'"
    uneven = (
        "-fps_mode",
        "passthrough",
        "-enc_time_base",
        "1/12000",
        "-c:v",
        "libx264",
        "-bf",
        "2",
    )
    ffmpeg("-i", str(even), "-vf", bend, *uneven, str(root / "uneven.mkv"))
    options = {"split": {"min_clip_s": 0.5, "trim_s": 0.1}}
    process(root / "out", options, video, root / "uneven.mkv")
    return root / "out"


def test_real_videos_split_at_their_cuts(out: Path) -> None:
    """Each rendered shot is one clip on times of real frames, less 0.1 s and a frame an end."""
    assert [scan.is_vfr for scan in rows(out, SCANS)].count(True) == 1
    for scan in rows(out, SCANS):
        clips = [c for c in rows(out, CLIPS) if c.video_id == scan.video_id]
        shot_s = 1.5 if scan.is_vfr else 2.0
        assert len(clips) == (2 if scan.is_vfr else 3)
        folder = stored(out, SCANS).files
        pts = read_frames(folder / scan.frames_file, ("pts",))["pts"].to_pylist()
        for clip in clips:
            assert clip.start_pts in pts
            assert clip.end_pts in pts
            assert shot_s - 0.2 - 2.5 / 24 <= clip.duration_s <= shot_s - 0.2
            assert clip.n_frames == len([t for t in pts if clip.start_pts <= t < clip.end_pts])


def test_min_length_drops_a_video_with_its_reason(out: Path) -> None:
    """A video of which no shot is long enough is dropped, not failed, and not scanned again."""
    before = states(stored(out, SCANS).folder)
    process(out, {"split": {"min_clip_s": 1.9}})
    statuses = sorted(done(out, CLIPS).values())
    assert statuses == [("dropped", "no shot is 1.9 s long"), ("ok", None)]
    assert states(stored(out, SCANS).folder) == before


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"trim_share": 0.1}, [(10, 90)]),
        ({"trim_share": 0.1, "trim_s": 15}, [(15, 85)]),
        ({"trim_share": 0.1, "trim_s": 5}, [(10, 90)]),
        ({"trim_share": 0.1, "trim_at": "gradual"}, [(0, 100)]),
    ],
)
def test_a_share_is_trimmed_where_it_is_more(
    options: dict[str, object], expected: list[tuple[int, int]]
) -> None:
    """A shot loses a tenth of its length at each end that is trimmed, or trim_s if that is more."""
    config = SplitConfig.model_validate({"min_clip_s": 0, "max_clip_s": 1000, **options})
    clips = split_video([*range(100)], 100, [], config)
    assert [(clip.start_pts, clip.end_pts) for clip in clips] == expected


def test_a_shot_that_ends_as_it_began_stands_still() -> None:
    """It is left out and counted; one with a single vector is not known to stand still."""
    looks = np.array([[1, 0], [1, 0], [0, 1], [1, 0], [0, 1]], np.float32)
    vectors = TimedVectors(np.array([1, 8, 11, 18, 21], np.int64), looks)
    video = video_of([*range(30)], 30, vectors=vectors)
    cuts = VideoCuts("video", (cut_between(9, 10), cut_between(19, 20)))
    clips, losses = clips_of(cuts, video, SplitConfig(min_clip_s=1, min_change=0.15))
    assert [(clip.start_pts, clip.end_pts) for clip in clips] == [(10, 20), (20, 30)]
    assert losses == (Loss("shot that stands still, left out by split.min_change", 1, 10.0),)
