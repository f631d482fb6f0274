from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcurate.clips.frame_facts import central, equal_parts, frames_of, poor_frames
from vidcurate.records import Clip, Cut, VideoCuts

N_FRAMES, TICKS = 100, 40
FRAMES = {
    "pts": TICKS * np.arange(N_FRAMES),
    "is_keyframe": np.arange(N_FRAMES) % 25 == 0,
    "luma_delta": np.full(N_FRAMES, 3.0, np.float32),
    "luma_spread": np.full(N_FRAMES, 50.0, np.float32),
    "black_share": np.zeros(N_FRAMES, np.float32),
}
SAMPLES = {
    "pts": TICKS * np.arange(5, N_FRAMES, 10),
    "sharpness": np.full(10, 100.0, np.float32),
}


def clip_of(first: int, end: int) -> Clip:
    """A clip of these frames."""
    return Clip("c", "v", TICKS * first, TICKS * end, Fraction(1, 1000), 0.0, 0.0, 0.0, end - first)


def cut(last: int, first: int) -> Cut:
    """A transition from one frame to another."""
    return Cut(TICKS * last, TICKS * first, 0.0, 0.0, "cut", 1.0, "d")


def test_a_clip_is_numbered_from_its_first_frame() -> None:
    """Frames, samples and their vectors are those of the clip; its first frame has not changed."""
    vectors = np.eye(3, dtype=np.float32)
    found = frames_of(clip_of(10, 40), pa.table(FRAMES), pa.table(SAMPLES), vectors)
    assert found.edges.tolist() == [TICKS * n for n in range(10, 41)]
    assert found.change.tolist() == [0.0] + [3.0] * 29
    assert np.flatnonzero(found.is_intra).tolist() == [15]
    assert found.samples.tolist() == [5, 15, 25]
    assert len(found.vectors) == 3
    assert found.sections == [(0, 30)]
    assert not found.is_poor.any()


def test_a_clip_between_samples_has_no_vector() -> None:
    """The vector of a neighbour is not that of any frame of the clip."""
    lent = np.ones((1, 3), np.float32)
    found = frames_of(clip_of(6, 14), pa.table(FRAMES), pa.table(SAMPLES), lent)
    assert len(found.samples) == len(found.vectors) == 0
    assert not found.is_poor.any()


def test_shots_are_the_sections() -> None:
    """Cuts inside part the clip, cuts outside do not, and a dissolve is in no shot and poor."""
    cuts = VideoCuts("v", (cut(4, 5), cut(19, 20), cut(30, 36), cut(80, 81)))
    found = frames_of(clip_of(10, 60), pa.table(FRAMES), pa.table(SAMPLES), None, cuts)
    assert found.sections == [(0, 10), (10, 21), (26, 50)]
    assert np.flatnonzero(found.is_poor).tolist() == [21, 22, 23, 24, 25]


def test_a_clip_inside_a_transition() -> None:
    """It is one shot, and not all of it is poor."""
    cuts = VideoCuts("v", (cut(5, 90),))
    found = frames_of(clip_of(10, 60), pa.table(FRAMES), pa.table(SAMPLES), None, cuts)
    assert found.sections == [(0, 50)]
    assert not found.is_poor.any()


@pytest.mark.parametrize(("column", "value"), [("black_share", 0.99), ("luma_spread", 1.0)])
def test_blank_frames_are_poor(column: str, value: float) -> None:
    """Black frames and those of one tone are poor, unless the whole clip is."""
    some = {**FRAMES, column: np.where(np.arange(N_FRAMES) < 20, value, FRAMES[column])}
    found = frames_of(clip_of(10, 40), pa.table(some), pa.table(SAMPLES))
    assert np.flatnonzero(found.is_poor).tolist() == list(range(10))
    found = frames_of(clip_of(0, 20), pa.table(some), pa.table(SAMPLES))
    assert not found.is_poor.any()


def test_blur_is_told_within_a_shot() -> None:
    """A sample far below its shot's usual sharpness is poor, a shot without texture is not."""
    blank = np.zeros(60, np.bool_)
    samples = np.arange(5, 60, 10)
    sharpness = np.array([400.0, 20, 400, 30, 30, 30])
    found = poor_frames(blank, [(0, 30), (30, 60)], samples, sharpness)
    assert found[15]
    assert np.flatnonzero(found).tolist() == list(range(13, 18))
    assert poor_frames(blank, [(0, 60)], samples, sharpness)[samples].sum() == 0


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.integers(1, 12))
def test_equal_parts_divide_a_clip(gaps: list[int], count: int) -> None:
    """Parts follow each other, and begin with the first frame of their time."""
    edges = np.cumsum([3, *gaps])
    frames = {name: values[: len(gaps)] for name, values in FRAMES.items()}
    table = pa.table({**frames, "pts": edges[:-1]})
    clip = Clip("c", "v", 3, int(edges[-1]), Fraction(1), 0.0, 0.0, 0.0, len(gaps))
    found = frames_of(clip, table, pa.table(SAMPLES).slice(0, 0))
    parts = equal_parts(found, found.whole, count)
    assert len(parts) == count
    assert [number for part in parts for number in range(*part)] == list(range(len(gaps)))
    span = int(edges[-1]) - 3
    for number, part in enumerate(parts):
        for frame in range(*part):
            after = edges[frame] - 3  # ticks are whole, and so are the parts' borders
            assert span * number // count <= after < span * (number + 1) // count


def test_the_central_frame_is_not_poor() -> None:
    """The nearest to the middle that is not poor is taken; a poor part has none."""
    some = {**FRAMES, "black_share": np.where(abs(np.arange(N_FRAMES) - 50) < 8, 1.0, 0.0)}
    found = frames_of(clip_of(0, N_FRAMES), pa.table(some), pa.table(SAMPLES))
    assert central(found, (0, 100)) == [42]
    assert central(found, (45, 55)) == []
    assert central(found, (0, 10)) == [5]
