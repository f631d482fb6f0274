from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcurate.clips.frame_choice import METHODS, FrameRequest, allot, choose_frames, k_means
from vidcurate.clips.frame_facts import ClipFrames, Part
from vidcurate.clips.vectors import Vectors, unit_rows
from vidcurate.options import choices_of
from vidcurate.stages.selection.keyframes import KeyframesConfig

BY_TIME = ("uniform", "middle", "sharpest")
CAREFUL = tuple(name for name in METHODS if name not in BY_TIME)
DIMENSION = 4


def clip_of(
    n_frames: int,
    samples: dict[int, list[float]] | None = None,
    *,
    change: list[float] | None = None,
    intra: tuple[int, ...] = (),
    poor: tuple[int, ...] = (),
    sections: tuple[Part, ...] = (),
) -> ClipFrames:
    """A clip of frames 10 ticks apart that change by 5 levels each; samples with their vectors."""
    numbers = np.arange(n_frames)
    known = samples or {}
    vectors = np.array(list(known.values()) or np.zeros((0, DIMENSION)), np.float32)
    return ClipFrames(
        edges=100 + 10 * np.arange(n_frames + 1),
        change=np.array(change or [0.0] + [5.0] * (n_frames - 1)),
        is_intra=np.isin(numbers, intra),
        is_poor=np.isin(numbers, poor),
        samples=np.array(list(known), np.int64),
        sharpness=np.ones(len(known)),
        vectors=unit_rows(vectors),
        sections=sections or ((0, n_frames),),
    )


def unlike_ones(*numbers: int) -> dict[int, list[float]]:
    """Samples, each with a look of its own."""
    return {number: list(np.eye(len(numbers))[place]) for place, number in enumerate(numbers)}


@st.composite
def clips(draw: st.DrawFn) -> ClipFrames:
    """Any clip: frames at uneven times, of which any are poor but not all, and any are sampled."""
    n_frames = draw(st.integers(1, 40))
    dice = np.random.default_rng(draw(st.integers(0, 2**32)))
    poor = dice.random(n_frames) < draw(st.sampled_from([0, 0.3, 0.9]))
    poor &= ~poor.all()
    samples = np.flatnonzero(dice.random(n_frames) < draw(st.sampled_from([0, 0.1, 0.5, 1])))
    ends = np.unique([0, *dice.integers(0, n_frames, 4), n_frames])
    sections = [(int(a), int(b)) for a, b in pairwise(ends)]
    change = dice.exponential(draw(st.sampled_from([0, 0.1, 10])), n_frames)
    change[0] = 0
    return ClipFrames(
        edges=np.cumsum([dice.integers(1000), *dice.integers(1, 30, n_frames)]),
        change=change,
        is_intra=dice.random(n_frames) < draw(st.sampled_from([0, 0.2, 1])),
        is_poor=poor,
        samples=samples,
        sharpness=dice.random(len(samples)),
        vectors=unit_rows(dice.normal(size=(len(samples), DIMENSION)).astype(np.float32)),
        sections=sections[draw(st.integers(0, 1)) :] or sections,
    )


def query() -> Vectors:
    """A text's vector."""
    return np.array([1, 0, 0, 0], np.float32)


def test_the_options_name_every_method() -> None:
    """What the stage offers is what can be chosen by."""
    assert set(choices_of(KeyframesConfig)["method"]) == set(METHODS)


@given(clips(), st.sampled_from(sorted(METHODS)), st.integers(1, 9), st.floats(-1, 1))
def test_any_method_on_any_clip(clip: ClipFrames, name: str, count: int, alike: float) -> None:
    """At least one keyframe, each a frame of the clip, in order, and no more than asked for."""
    chosen = choose_frames(name, clip, FrameRequest(count, 20, alike, query()))
    assert chosen
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(range(len(clip.change)))
    assert len(chosen) <= {"middle": 1, "semantic-walk": len(clip.change)}.get(name, count)


@given(clips(), st.sampled_from(CAREFUL), st.integers(1, 9), st.floats(-1, 1))
def test_poor_frames_and_copies_are_left_out(
    clip: ClipFrames, name: str, count: int, alike: float
) -> None:
    """No careful method takes a black or blurred frame, or two frames that are alike.

    The last frame of a semantic walk may be like the one before.
    """
    chosen = choose_frames(name, clip, FrameRequest(count, 20, alike, query()))
    assert not clip.is_poor[chosen].any()
    if name == "semantic-walk":
        return
    looks = clip.vectors[np.isin(clip.samples, chosen)]
    likeness = np.triu(looks @ looks.T, 1)[np.triu_indices(len(looks), 1)]
    assert not np.any(likeness >= alike)
    moved = clip.change.cumsum()[chosen]
    assert np.all(np.diff(moved) > 1)


@given(clips(), st.integers(0, 100), st.floats(-1, 1))
def test_a_walk_keeps_its_ends(clip: ClipFrames, step: int, alike: float) -> None:
    """The first and last good samples are there; the others are a step off and unlike."""
    good = clip.samples[~clip.is_poor[clip.samples]]
    chosen = choose_frames("semantic-walk", clip, FrameRequest(1, step, alike))
    if len(good) == 0:
        assert len(chosen) == 1
        return
    assert (chosen[0], chosen[-1]) == (good[0], good[-1])
    assert set(chosen) <= set(good.tolist())
    look = dict(zip(clip.samples.tolist(), clip.vectors, strict=True))
    for before, number in pairwise(chosen[:-1]):
        assert clip.edges[number] - clip.edges[before] >= step
        assert look[before] @ look[number] < alike


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_clip_of_one_frame(name: str) -> None:
    """It gives its frame, sampled or not."""
    for samples in ({}, {0: [1.0, 0, 0, 0]}):
        assert choose_frames(name, clip_of(1, samples), FrameRequest(5, 20, 0.9, query())) == [0]


@pytest.mark.parametrize("name", ["uniform", "cluster", "scene-driven", "redundancy"])
def test_fewer_frames_than_stills(name: str) -> None:
    """A clip of five frames, none like another, gives all of them when nine are asked for."""
    assert choose_frames(name, clip_of(5, unlike_ones(1, 3)), FrameRequest(9)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", CAREFUL)
def test_a_frozen_clip_gives_one(name: str) -> None:
    """Where nothing changes one keyframe says all; a walk takes its ends."""
    samples = {number: [1.0, 0, 0, 0] for number in range(0, 40, 5)}
    clip = clip_of(40, samples, change=[0.0] * 40, intra=(0, 20))
    chosen = choose_frames(name, clip, FrameRequest(6, 20, 0.9, query()))
    assert chosen == [0, 35] if name == "semantic-walk" else len(chosen) == 1


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 9))
def test_uniform_takes_frames_on_screen(gaps: list[int], count: int) -> None:
    """Each is the frame shown at the middle of its part; frames of equal length are even."""
    edges = np.cumsum([7, *gaps])
    plain = clip_of(len(gaps))
    clip = ClipFrames(edges, *(getattr(plain, n) for n in ClipFrames.__slots__[1:]))
    chosen = choose_frames("uniform", clip, FrameRequest(count))
    middles = edges[0] + (edges[-1] - edges[0]) * (2 * np.arange(count) + 1) // (2 * count)
    shown = {next(n for n in range(len(gaps)) if time < edges[n + 1]) for time in middles}
    assert chosen == sorted(shown)
    if len(gaps) % count == 0 and len(set(gaps)) == 1:
        assert len(chosen) == count


def test_sharpest_of_each_part() -> None:
    """Each part gives its sharpest sample; a part without a sample gives its middle frame."""
    plain = clip_of(10, unlike_ones(0, 1, 2, 4, 5))
    facts = {name: getattr(plain, name) for name in ClipFrames.__slots__}
    clip = ClipFrames(**{**facts, "sharpness": np.array([1.0, 3, 2, 5, 4])})
    assert choose_frames("sharpest", clip, FrameRequest(2)) == [4, 5]
    assert choose_frames("sharpest", clip, FrameRequest(5)) == [1, 2, 4, 7, 9]


def test_a_walk_looks_every_step() -> None:
    """What is shown only between two looks is passed by; a slow change is kept when it adds up."""
    looks = {n: [float(np.cos(n / 20)), float(np.sin(n / 20))] for n in range(0, 40, 2)}
    flash: dict[int, list[float]] = {**looks, 2: [0.0, 1.0]}
    assert choose_frames("semantic-walk", clip_of(40, flash), FrameRequest(1, 40, 0.9)) == [
        0,
        12,
        24,
        36,
        38,
    ]
    assert 2 in choose_frames("semantic-walk", clip_of(40, flash), FrameRequest(1, 20, 0.9))


def test_a_walk_takes_a_last_frame_that_is_far_enough() -> None:
    """As ShareGPT4Video does it, the last frame is left out so near to the one before."""
    looks = {n: [float(np.cos(n / 20)), float(np.sin(n / 20))] for n in range(0, 40, 2)}
    clip, step = clip_of(40, looks), 40
    far = choose_frames("semantic-walk", clip, FrameRequest(1, step, 0.9, None, step))
    assert far == [0, 12, 24, 36]
    assert choose_frames("semantic-walk", clip, FrameRequest(1, step, 0.9, None, 10))[-1] == 38


def test_clusters_stand_for_their_groups() -> None:
    """Of two looks that take turns each gives one keyframe, that nearest to its group's centre."""
    one, other = [1.0, 0.1], [0.1, 1.0]
    looks = {0: one, 4: [1.0, 0.0], 8: other, 12: [1.0, 0.05], 16: [0.0, 1.0], 20: [0.05, 1.0]}
    assert choose_frames("cluster", clip_of(24, looks), FrameRequest(2)) == [12, 20]


@given(st.integers(2, 30), st.integers(1, 9), st.integers(0, 99))
def test_centres_have_length_one(n_rows: int, count: int, seed: int) -> None:
    """Whatever the rows, each of the centres is a direction, and the outcome is always the same."""
    count = min(count, n_rows - 1)
    rows = np.random.default_rng(seed).normal(size=(n_rows, DIMENSION)).astype(np.float32)
    found = k_means(unit_rows(rows), count)
    assert found.shape == (count, DIMENSION)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.array_equal(found, k_means(unit_rows(rows), count))


def test_redundancy_goes_where_the_change_is() -> None:
    """A clip that moves in its last quarter has half of its keyframes there, even ones a third."""
    clip = clip_of(80, change=[0.1] * 60 + [8.0] * 20)
    late = {
        name: np.count_nonzero(np.array(choose_frames(name, clip, FrameRequest(6))) >= 60)
        for name in ("redundancy", "uniform")
    }
    assert late == {"redundancy": 3, "uniform": 2}
    assert len(choose_frames("redundancy", clip, FrameRequest(6))) == 6


def test_redundancy_prefers_frames_coded_whole() -> None:
    """Of each part's inner half such a frame is taken, and none far from its middle."""
    assert choose_frames("redundancy", clip_of(40, intra=(8, 21)), FrameRequest(2)) == [8, 30]


def test_codec_takes_frames_coded_whole() -> None:
    """Only those, evenly many apart, without the black ones; else the middle one."""
    whole = tuple(range(0, 90, 10))
    assert choose_frames("codec", clip_of(90, intra=whole), FrameRequest(3)) == [10, 40, 70]
    assert choose_frames("codec", clip_of(90, intra=(0, 30), poor=(0,)), FrameRequest(3)) == [30]
    assert choose_frames("codec", clip_of(91), FrameRequest(3)) == [45]


def test_scenes_share_stills_by_length() -> None:
    """Each shot has keyframes by its length, and a typical frame stands for each of its parts."""
    looks = {**unlike_ones(2, 12, 22, 32), 14: [0, 1.0, 0, 0]}
    ordered = dict(sorted(looks.items()))
    clip = clip_of(40, ordered, sections=((0, 10), (10, 40)))
    assert choose_frames("scene-driven", clip, FrameRequest(4)) == [2, 12, 22, 32]
    assert choose_frames("scene-driven", clip, FrameRequest(1)) == [12]


def test_frames_between_sections_are_left_out() -> None:
    """A dissolve belongs to no shot and gives no keyframe."""
    clip = clip_of(30, unlike_ones(5, 15, 25), sections=((0, 12), (18, 30)))
    assert choose_frames("scene-driven", clip, FrameRequest(2)) == [5, 25]


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=12), st.integers(1, 30))
def test_shares_add_up(lengths: list[int], count: int) -> None:
    """All are given, one to each section while they last; a longer section never has fewer."""
    given_out = allot(lengths, count)
    assert sum(given_out) == count
    assert min(given_out) >= (count >= len(lengths))
    by_length = sorted(range(len(lengths)), key=lambda place: lengths[place])
    for one, other in pairwise(by_length):
        assert lengths[one] == lengths[other] or given_out[one] <= given_out[other]


def test_a_query_takes_the_likest_frames_apart() -> None:
    """The likest comes, its neighbour does not, and the next best elsewhere does."""
    looks = {5: [0.1, 1.0], 10: [0.9, 1.0], 30: [1.0, 0.2], 33: [1.0, 0.3], 38: [0.3, 1.0]}
    wish = FrameRequest(2, query=np.array([1, 0], np.float32))
    assert choose_frames("query", clip_of(40, looks), wish) == [10, 30]
