import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.support.layouts import files_below, pairs, written
from vidcurate.clips.vectors import unit_rows, write_video_vectors
from vidcurate.errors import UsageError
from vidcurate.exporting.target import Bundle, Sample, TargetOptions
from vidcurate.exporting.targets.features import TARGET
from vidcurate.records import VideoVectors
from vidcurate.stage import DatasetView
from vidcurate.store.table import Table

DIMENSION, SECONDS = 8, 40


@dataclass(frozen=True)
class EmbeddedView:
    """A data set of which only the vectors are read."""

    rows: Mapping[str, VideoVectors]
    folder: Path

    def has(self, _table: Table[Any]) -> bool:
        """Whether there are vectors."""
        return bool(self.rows)

    def lookup(self, _table: Table[Any]) -> Mapping[str, VideoVectors]:
        """The videos that have vectors."""
        return self.rows

    def files_of(self, _table: Table[Any]) -> Path:
        """Where the vectors lie."""
        return self.folder


@pytest.fixture
def films(hard: Sequence[Sample]) -> list[Sample]:
    """Clips of 10 seconds each in their videos, with tags, which have no files."""
    found = []
    for number, sample in enumerate(hard):
        start = number % 3 * 10
        row = {**sample.row, "start_pts": start * 1000, "end_pts": (start + 10) * 1000}
        row |= {"time_base_num": 1, "time_base_den": 1000, "n_frames": 80, "duration_s": 10.0}
        row |= {"start_s": float(start), "end_s": start + 10.0}
        row |= {"tags_names": ["dog", f"n{number}"], "tags_probabilities": [0.5, 0.25]}
        found.append(replace(sample, facts=None, row=row))
    return found


@pytest.fixture
def view(tmp_path: Path, films: Sequence[Sample]) -> EmbeddedView:
    """The vectors of these videos, one a second, which differ in two directions."""
    dice = np.random.default_rng(3)
    directions, rows = dice.normal(size=(2, DIMENSION)), {}
    for video in dict.fromkeys(sample.video_id for sample in films):
        vectors = dice.normal(size=(SECONDS, 2)) @ directions + 1
        vectors += dice.normal(size=vectors.shape) * 0.01
        name = f"{video}.vectors.parquet"
        times = [second * 1000 for second in range(SECONDS)]
        write_video_vectors(tmp_path / name, times, unit_rows(vectors.astype(np.float32)))
        rows[video] = VideoVectors(video, "appearance", "", "", DIMENSION, SECONDS, name)
    return EmbeddedView(rows, tmp_path)


def made(
    root: Path, films: Sequence[Sample], view: EmbeddedView, **options: Any
) -> tuple[Bundle, list[dict[str, Any]]]:
    """A folder of features, and its rows."""
    given = TargetOptions(**options)
    bundle = written(TARGET, root, films, root, given, view=cast("DatasetView", view))
    shards = sorted(root.glob("train-*.parquet"))
    return bundle, [row for shard in shards for row in pq.read_table(shard).to_pylist()]


def test_a_video_has_a_vector_a_second(
    tmp_path: Path, films: Sequence[Sample], view: EmbeddedView
) -> None:
    """A row has the vectors inside the video's clips, their times, and its labels with weights."""
    bundle, rows = made(tmp_path / "out", films, view)
    assert [row["video_id"] for row in rows] == [*view.rows]
    assert rows[0]["times_s"] == [float(second) for second in range(30)]
    assert rows[0]["clip"] == [second // 10 for second in range(30)]
    assert np.shape(rows[0]["vectors"]) == (30, DIMENSION)
    assert np.allclose(np.linalg.norm(rows[0]["vectors"], axis=1), 1)
    assert rows[0]["labels"] == ["dog", "n0", "n1", "n2"]
    assert rows[0]["weights"] == pytest.approx([0.5, 0.25 / 3, 0.25 / 3, 0.25 / 3])
    assert [clip["clip_id"] for clip in rows[0]["clips"]] == [s.clip_id for s in films[:3]]
    assert list(TARGET.read(bundle)) == pairs(films)


def test_components_and_bytes_give_the_vectors_again(
    tmp_path: Path, films: Sequence[Sample], view: EmbeddedView
) -> None:
    """What is written down beside the vectors restores them, but for noise and rounding."""
    exact = np.concatenate([row["vectors"] for row in made(tmp_path / "a", films, view)[1]])
    bundle, rows = made(tmp_path / "b", films, view, components=4, quantise=True)
    stored = np.concatenate([row["vectors"] for row in rows])
    assert stored.shape == (len(exact), 4)
    assert (stored.min(), stored.max()) == (0, 255)
    form = json.loads((bundle.root / "features.json").read_text("utf-8"))
    low, high = np.array(form["low"]), np.array(form["high"])
    with np.load(bundle.root / form["components"]) as arrays:
        found = (low + stored / 255 * (high - low)) @ arrays["components"] + arrays["mean"]
    error = np.square(found - exact).mean() / np.square(exact - exact.mean(axis=0)).mean()
    assert error < 0.001
    assert 'form["low"]' in (bundle.root / "HOWTO.md").read_text("utf-8")
    again, _rows = made(tmp_path / "c", films, view, components=4, quantise=True)
    assert files_below(bundle.root) == files_below(again.root)


def test_splits_share_what_train_fitted(
    tmp_path: Path, films: Sequence[Sample], view: EmbeddedView
) -> None:
    """The vectors of a later split are projected and rounded as those of train."""
    bundle, rows = made(tmp_path / "out", films, view, components=2, quantise=True)
    form = (bundle.root / "features.json").read_text("utf-8")
    later = replace(bundle, split="test", list_samples=lambda: iter(films[:3]))
    TARGET.write(later)
    assert (bundle.root / "features.json").read_text("utf-8") == form
    [row] = pq.read_table(bundle.root / "test-00000.parquet").to_pylist()
    assert row["vectors"] == rows[0]["vectors"]
    assert list(TARGET.read(later)) == pairs(films[:3])


def test_what_features_need(tmp_path: Path, films: Sequence[Sample], view: EmbeddedView) -> None:
    """Without vectors, with those of two models, or of fewer numbers, an error says what to do."""
    assert not TARGET.needs_files
    with pytest.raises(UsageError, match="stage embed"):
        made(tmp_path / "a", films, EmbeddedView({}, tmp_path))
    with pytest.raises(UsageError, match="vectors have 8"):
        made(tmp_path / "b", films, view, components=9)
    first, *others = view.rows.values()
    mixed = {first.video_id: replace(first, dimension=9), **{v.video_id: v for v in others}}
    with pytest.raises(UsageError, match="of one model"):
        made(tmp_path / "c", films, EmbeddedView(mixed, tmp_path))


def test_a_video_without_vectors_keeps_its_row(
    tmp_path: Path, films: Sequence[Sample], view: EmbeddedView
) -> None:
    """A video that could not be embedded has its labels and clips, and no vectors."""
    first = next(iter(view.rows.values()))
    some = EmbeddedView({first.video_id: first}, tmp_path)
    bundle, rows = made(tmp_path / "out", films, some, components=2, quantise=True)
    assert [bool(row["vectors"]) for row in rows] == [True, False, False]
    assert rows[1]["labels"]
    assert list(TARGET.read(bundle)) == pairs(films)
