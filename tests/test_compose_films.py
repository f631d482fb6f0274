import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

SCRIPTS = Path(__file__).parents[1] / "scripts"
SIZE = (96, 64)


@pytest.fixture(scope="module")
def compose() -> Iterator[ModuleType]:
    """The script as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield importlib.import_module("compose_films")


def stills(compose: ModuleType) -> list[object]:
    """Shots that stand still, unlike each other in every part."""
    rng = np.random.default_rng(5)
    found = []
    for number in range(6):
        coarse = rng.integers(40, 200, (8, 12, 3)).astype(np.uint8)
        image = cv2.resize(coarse, (128, 96), interpolation=cv2.INTER_NEAREST)
        found.append(compose.Source(f"f{number}-0", f"f{number}", [image] * 50))
    return found


def composed(compose: ModuleType, seed: int) -> tuple[list[NDArray[np.uint8]], ModuleType]:
    """The frames of a film and its truth."""
    rng, truth = np.random.default_rng(seed), compose.Truth()
    shots = compose.plan(rng, stills(compose), 500, SIZE)
    return list(compose.render(rng, shots, truth)), truth


@pytest.mark.parametrize("seed", range(12))
def test_truth_is_what_the_frames_show(compose: ModuleType, seed: int) -> None:
    """Frames outside of transitions and baits are pure, those inside of transitions are mixed."""
    frames, truth = composed(compose, seed)
    assert truth.n_frames == len(frames)
    begun = 0
    for spans in (*truth.transitions, {"start": len(frames) - 1, "end": len(frames)}):
        baited = {k for b in truth.baits for k in range(b["start"], b["end"])}
        pure = [k for k in range(begun, spans["start"] + 1) if k not in baited]
        assert {begun, spans["start"]} <= set(pure)
        assert all(np.array_equal(frames[k], frames[begun]) for k in pure)
        if spans["end"] < len(frames):
            one, other = frames[spans["start"]], frames[spans["end"]]
            for k in range(spans["start"] + 1, spans["end"]):
                assert not np.array_equal(frames[k], one)
                assert not np.array_equal(frames[k], other)
        begun = spans["end"]


@pytest.mark.parametrize("seed", range(12))
def test_lengths_are_those_promised(compose: ModuleType, seed: int) -> None:
    """Shots have 8 pure frames or more, gradual transitions 2 to 59 mixed ones, cuts none."""
    _, truth = composed(compose, seed)
    begun = 0
    for one in truth.transitions:
        assert one["start"] + 1 - begun >= 8
        mixed = one["end"] - one["start"] - 1
        assert mixed == 0 if one["kind"] == "cut" else 2 <= mixed <= 59
        begun = one["end"]


def test_baits_stay_inside_shots(compose: ModuleType) -> None:
    """A disturbance begins and ends two frames or more away from every transition."""
    for seed in range(12):
        _, truth = composed(compose, seed)
        for bait in truth.baits:
            for one in truth.transitions:
                assert bait["end"] + 1 < one["start"] + 1 or bait["start"] - 2 >= one["end"]


def test_same_seed_gives_the_same_film(compose: ModuleType, tmp_path: Path) -> None:
    """Frames and truth follow from the seed alone, and the file holds every frame."""
    frames, truth = composed(compose, 3)
    again, same = composed(compose, 3)
    assert truth == same
    assert all(np.array_equal(a, b) for a, b in zip(frames, again, strict=True))
    for seed in range(4):
        file = tmp_path / f"{seed}.mp4"
        written = compose.write_film(np.random.default_rng(seed), stills(compose), file, 120)
        assert len(compose.load(file).frames) == written.n_frames
