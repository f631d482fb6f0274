from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.support.pipeline import process, rows, stored
from vidcurate.clips.vectors import clip_frames, matrix, read_video_vectors, unit_rows
from vidcurate.records import CLIPS, CONSISTENCY, VECTORS
from vidcurate.stages.scores.consistency import of_any_pair, of_neighbours


def unit(count: int, seed: int = 1) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Random vectors of length one."""
    return unit_rows(np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32))


@pytest.mark.parametrize("count", [2, 3, 1500])
def test_pairs_are_of_different_frames(count: int) -> None:
    """Lowest and mean are those of the whole matrix without its diagonal, however many frames."""
    vectors = unit(count)
    pairs = (vectors @ vectors.T)[np.triu_indices(count, 1)]
    assert of_any_pair(vectors) == pytest.approx((pairs.min(), pairs.mean()), abs=1e-6)


def test_a_lone_frame_is_like_itself() -> None:
    """A clip of one frame is judged: nothing in it differs."""
    assert of_any_pair(unit(1)) == of_neighbours(unit(1)) == (1, 1)


def test_two_scenes_are_less_consistent_than_one(video: Path, tmp_path: Path) -> None:
    """Of three shots of 2 s in clips of 1.5 s, those that hold a cut have the lowest numbers."""
    options = {
        "cuts": {"detector": "fixed", "fixed_interval_s": 1.5, "min_scene_s": 0.0},
        "split": {"min_clip_s": 1},
        "scan": {"sample_interval_s": 0.25},
        "consistency": {},
    }
    process(tmp_path, options, video)
    found = rows(tmp_path, CONSISTENCY)
    assert len(found) == 4
    assert {row.backend for row in found} == {"appearance"}
    whole, joined = (found[0], found[3]), (found[1], found[2])
    for name in ("neighbour_min", "pair_min", "pair_mean"):
        lowest = min(getattr(row, name) for row in whole)
        assert all(getattr(row, name) < lowest - 0.1 for row in joined)


def test_rows_are_of_the_vectors_on_disk(video: Path, tmp_path: Path) -> None:
    """The numbers are cosines of the video's vectors within the clip; neighbours are in time."""
    process(tmp_path, {"split": {"min_clip_s": 1}, "consistency": {}}, video)
    [own] = rows(tmp_path, VECTORS)
    table = read_video_vectors(stored(tmp_path, VECTORS).folder / "files" / own.vectors_file)
    for clip, row in zip(rows(tmp_path, CLIPS), rows(tmp_path, CONSISTENCY), strict=True):
        vectors = matrix(clip_frames(table, clip))
        apart = [float(a @ b) for a, b in pairwise(vectors)]
        assert row.n_frames == len(vectors) > 1
        assert row.neighbour_min == pytest.approx(min(apart), abs=1e-5)
        assert row.neighbour_mean == pytest.approx(np.mean(apart), abs=1e-5)
        assert row.pair_min <= row.neighbour_min + 1e-5
