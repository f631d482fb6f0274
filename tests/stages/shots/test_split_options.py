"""Split's choices: joined shots, scenes, windows, kept transitions, margins at gradual cuts."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.paths import CONFIGS
from tests.support.pipeline import process, rows, stored
from tests.support.split_videos import VideoWithCuts, spans, split_video, video_of, videos
from tests.support.videos import render
from vidcurate.clips.scenes import TimedVectors
from vidcurate.errors import EmptyResultError
from vidcurate.pipeline.config import load_config
from vidcurate.records import BOUNDS, CLIPS, CUTS, EXPORTS, VECTORS, VERIFIED, Cut, VideoCuts
from vidcurate.stages.registry import STAGES
from vidcurate.stages.shots.split import clips_of
from vidcurate.stages.shots.split_options import (
    Neighbours,
    NoStitching,
    Scenes,
    SplitConfig,
    Stride,
    TrimAll,
    TrimGradual,
    Truncate,
)

RECIPES = sorted(CONFIGS.glob("*.yaml"))


@st.composite
def choices(draw: st.DrawFn) -> SplitConfig:
    """Options that make sense together, of every kind."""
    shortest, extra = draw(st.integers(0, 20)), draw(st.integers(0, 40))
    stride_s = draw(st.none() | st.integers(1, 30))
    neighbours = Neighbours(
        max_stitch_distance=draw(st.none() | st.floats(0, 2)),
        max_stitch_change=draw(st.none() | st.floats(0, 2)),
        chop_s=draw(st.none() | st.integers(1, 30)),
    )
    return SplitConfig(
        min_clip_s=shortest,
        max_clip_s=max(1, shortest + extra),
        long_shots=draw(
            st.sampled_from([Stride(stride_s=stride_s), Truncate(), Scenes(stride_s=stride_s)])
        ),
        stitch=draw(st.sampled_from([NoStitching(), neighbours])),
        trim_s=draw(st.integers(0, 8)),
        trim_at=draw(st.sampled_from([TrimAll(), TrimGradual()])),
        transitions=draw(st.sampled_from(["drop", "keep"])),
    )


@given(videos(), choices(), st.lists(st.floats(0, 3), min_size=60, max_size=60), st.integers(1, 5))
def test_clips_are_right_whatever_is_chosen(
    video: VideoWithCuts, config: SplitConfig, angles: list[float], step: int
) -> None:
    """They are whole frames, of a length asked for, in time order, and never twice the same.

    Frames of a gradual transition are in no clip but the one that is made of it.
    """
    pts, end_pts, cuts = video
    seen = pts[::step]
    vectors = np.array([[np.cos(a), np.sin(a)] for a in angles[: len(seen)]], np.float32)
    clips = split_video(*video, config, vectors=TimedVectors(np.array(seen, np.int64), vectors))
    assert len({clip.clip_id for clip in clips}) == len(clips)
    assert all(a.start_pts < b.start_pts for a, b in pairwise(clips))
    for clip in clips:
        assert clip.start_pts in pts
        assert clip.end_pts in [*pts, end_pts]
        inside = [t for t in pts if clip.start_pts <= t < clip.end_pts]
        assert len(inside) == clip.n_frames > 0
        length = clip.end_pts - clip.start_pts
        assert length >= config.min_clip_s
        assert length <= config.max_clip_s or clip.n_frames == 1
        for start, end in cuts:
            between = [t for t in inside if start < t < end]
            assert not between or (config.transitions == "keep" and between == inside)


def test_windows_overlap() -> None:
    """Windows of 4 s every 2 s begin anew in each shot, and the last one ends with it."""
    config = SplitConfig(min_clip_s=1, max_clip_s=4, long_shots=Stride(stride_s=2))
    assert spans(list(range(13)), 13, [(6, 7)], config) == [
        *((0, 4), (2, 6), (4, 7)),
        *((7, 11), (9, 13)),
    ]


def test_transitions_are_kept() -> None:
    """A gradual transition is a clip between its shots, untrimmed; a hard cut is none."""
    config = SplitConfig(min_clip_s=0, transitions="keep", trim_s=1)
    found = spans(list(range(20)), 20, [(4, 5), (9, 14)], config)
    assert found == [(1, 4), (6, 9), (10, 14), (15, 19)]


def kinds(*cuts: tuple[int, int, str, float]) -> VideoCuts:
    """A video with transitions of these kinds and confidences."""
    return VideoCuts("video", tuple(Cut(a, b, 0.0, 0.0, k, sure, "test") for a, b, k, sure in cuts))


@pytest.mark.parametrize(("below", "second"), [(0.0, (12, 20)), (0.5, (12, 18)), (0.3, (12, 20))])
def test_only_gradual_or_unsure_ends_are_trimmed(below: float, second: tuple[int, int]) -> None:
    """Two frames go beside a dissolve, or a cut less sure than asked; not where the video ends."""
    video = kinds((6, 10, "dissolve", 1.0), (19, 20, "cut", 0.3))
    config = SplitConfig(min_clip_s=0, trim_s=2, trim_at=TrimGradual(max_trim_confidence=below))
    clips, _ = clips_of(video, video_of(list(range(30)), 30), config)
    last = (22, 30) if below > 0.3 else (20, 30)
    assert [(c.start_pts, c.end_pts) for c in clips] == [(0, 5), second, last]


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.name)
def test_the_configs_are_valid(file: Path) -> None:
    """Every file in configs/ names stages and options that there are."""
    assert load_config(file, STAGES)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 3 s of one picture and 2 s of another, cut every second, stitched and exported."""
    root = tmp_path_factory.mktemp("stitched")
    shots = [("smptehdbars", 3.0), ("mandelbrot=start_scale=0.5", 2.0)]
    options = {
        "cuts": {"detector": "fixed", "fixed_interval_s": 1},
        "split": {"stitch": "neighbours", "min_clip_s": 1},
        "bounds": {},
        "filter": {"rules": ["bounds.start_distance_frames == 0", "bounds.n_cuts_inside > 0"]},
        "export": {"preset": "ultrafast"},
    }
    process(root / "out", options, render(root / "video.mkv", shots, audio=False))
    return root / "out"


def test_false_cuts_are_healed(out: Path) -> None:
    """Of cuts every second only that between unlike pictures is left; rules see the others."""
    assert [len(video.cuts) for video in rows(out, CUTS)] == [4]
    assert sorted(round(clip.duration_s, 1) for clip in rows(out, CLIPS)) == [2, 3]
    assert sorted(row.n_cuts_inside for row in rows(out, BOUNDS)) == [1, 2]


def test_joined_shots_are_exported_and_pass(out: Path) -> None:
    """What split joined on purpose is not quarantined for it."""
    assert len(rows(out, EXPORTS)) == len(rows(out, VERIFIED)) == 2


def test_a_video_without_vectors_fails_by_name(out: Path) -> None:
    """Where the vectors of a video are gone, the reason says what to do."""
    for file in stored(out, VECTORS).files.iterdir():
        file.unlink()
    with pytest.raises(EmptyResultError, match="embed the video again"):
        process(out, {"split": {"stitch": "neighbours", "min_clip_s": 0.5}})
