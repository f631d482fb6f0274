import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from scripts.training import compose_videos as compose_videos_script
from tests.support.still_shots import still_shots

SIZE = (96, 64)


@pytest.fixture(scope="module")
def compose() -> ModuleType:
    """The script as a module."""
    return compose_videos_script


@pytest.fixture(scope="module")
def shots(compose: ModuleType) -> ModuleType:
    """The module of single shots, which the script takes in."""
    return sys.modules[compose.Look.__module__]


def composed(compose: ModuleType, seed: int) -> tuple[list[NDArray[np.uint8]], ModuleType]:
    """The frames of a video and its truth."""
    rng, truth = np.random.default_rng(seed), compose.Truth()
    shots = compose.plan(rng, still_shots(), 500, SIZE)
    return list(compose.render(rng, shots, truth)), truth


@pytest.mark.parametrize("seed", range(12))
def test_truth_is_what_the_frames_show(compose: ModuleType, seed: int) -> None:
    """Frames outside of transitions and disturbances are pure, those inside of them are mixed."""
    frames, truth = composed(compose, seed)
    assert truth.n_frames == len(frames)
    begun = 0
    for spans in (*truth.transitions, {"start": len(frames) - 1, "end": len(frames)}):
        baited = {k for b in truth.baits for k in range(b["start"], b["end"])}
        lasting = {k for b in truth.lasting for k in range(b["start"], b["end"])}
        if spans["start"] in lasting or spans["end"] in lasting:
            begun = spans["end"]
            continue
        pure = [k for k in range(begun, spans["start"] + 1) if k not in baited]
        assert {begun, spans["start"]} <= set(pure) | lasting
        assert all(np.array_equal(frames[k], frames[begun]) for k in pure)
        if spans["end"] < len(frames):
            one, other = frames[spans["start"]], frames[spans["end"]]
            for k in range(spans["start"] + 1, spans["end"]):
                assert not np.array_equal(frames[k], one)
                assert not np.array_equal(frames[k], other)
        begun = spans["end"]


@pytest.mark.parametrize("seed", range(12))
def test_lengths_are_those_promised(compose: ModuleType, seed: int) -> None:
    """Shots have 8 pure frames or more, gradual transitions 3 to 150 mixed ones, cuts none."""
    _, truth = composed(compose, seed)
    begun = 0
    for one in truth.transitions:
        assert one["start"] + 1 - begun >= 8 or (begun == 0 and one["kind"] == "fade")
        mixed = one["end"] - one["start"] - 1
        assert mixed == 0 if one["kind"] in ("cut", "jump") else 3 <= mixed <= 150
        begun = one["end"]


def test_baits_stay_inside_shots(compose: ModuleType) -> None:
    """A disturbance begins and ends two frames or more away from every transition."""
    for seed in range(12):
        _, truth = composed(compose, seed)
        for bait in truth.baits:
            for one in truth.transitions:
                assert bait["end"] + 1 < one["start"] + 1 or bait["start"] - 2 >= one["end"]


def moving(shots: ModuleType, step: int) -> Any:
    """A shot of 300 frames in which a picture slides by `step` pixels a frame."""
    rng = np.random.default_rng(2)
    coarse = rng.integers(0, 255, (9, 16, 3)).astype(np.uint8)
    wide = cv2.resize(coarse, (128, 96), interpolation=cv2.INTER_NEAREST)
    frames = [np.roll(wide, step * k, axis=1) for k in range(300)]
    return shots.random_look(np.random.default_rng(0), shots.Source("f-0", "f", frames), SIZE)


def test_jump_stays_in_the_take(shots: ModuleType) -> None:
    """A jump shows the same take later, by 12 frames or in another framing: another picture."""
    look = moving(shots, 1)
    found = [shots.jumped(np.random.default_rng(seed), look, 20) for seed in range(20)]
    later = [one for one in found if one is not None]
    assert later
    for one in later:
        assert one.source is look.source
        gap = one.first - look.first - round(20 * look.speed)
        assert gap >= 12 or (gap == 0 and one.box[2] != look.box[2])
        assert shots.difference(look.at(19), one.at(0)) > shots.VISIBLE


def test_no_jump_that_nobody_sees(shots: ModuleType) -> None:
    """A take that stands still, or is at its end, has no jump unless it is framed anew."""
    still = moving(shots, 0)
    found = [shots.jumped(np.random.default_rng(seed), still, 20) for seed in range(20)]
    assert all(one is None or one.box[2] != still.box[2] for one in found)
    assert any(one is None for one in found)
    assert shots.jumped(np.random.default_rng(0), moving(shots, 1), 290) is None


def test_all_kinds_and_baits_come_up(compose: ModuleType, shots: ModuleType) -> None:
    """Every kind of transition and disturbance is composed, given shots that allow for it."""
    sources = [moving(shots, step).source for step in (1, 2)]
    named = [shots.Source(f"f{n}-0", f"f{n}", one.frames) for n, one in enumerate(sources)]
    kinds, baits = set(), set()
    for seed in range(25):
        rng, truth = np.random.default_rng(seed), compose.Truth()
        for _ in compose.render(rng, compose.plan(rng, named, 1000, (32, 18)), truth):
            pass
        kinds |= {one["kind"] for one in truth.transitions}
        baits |= {one["kind"] for one in [*truth.baits, *truth.lasting]}
    assert kinds == set(compose.KINDS)
    assert baits == {*compose.baits.BAITS, *compose.baits.LASTING, *compose.OF_OTHERS, "freeze"}


def test_same_seed_gives_the_same_video(compose: ModuleType, tmp_path: Path) -> None:
    """Frames and truth follow from the seed alone, and the file holds every frame."""
    frames, truth = composed(compose, 3)
    again, same = composed(compose, 3)
    assert truth == same
    assert all(np.array_equal(a, b) for a, b in zip(frames, again, strict=True))
    for seed in range(4):
        file = tmp_path / f"{seed}.mp4"
        written = compose.write_video(np.random.default_rng(seed), still_shots(), file, 120)
        assert len(compose.load(file).frames) == written.n_frames
