from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from vidcurate.analysis.search import (
    ROWS_PER_PIECE,
    cached_vectors,
    clips_with_vectors,
    most_similar,
    pooled_score,
    ranked_by_frames,
    searchable,
    vector_of,
)
from vidcurate.clips.vectors import Vectors, unit_rows
from vidcurate.records import CLIPS

DIMENSION = 16


def clips(n_clips: int, n_videos: int = 3) -> pa.Table:
    """Clips of a second each, those of each video in turn."""
    plain = {"time_base": {"num": 1, "den": 24}, "duration_s": 1.0, "n_frames": 24}
    rows = [
        {
            **plain,
            "clip_id": f"c{n}",
            "video_id": f"v{n % n_videos}",
            "start_pts": 24 * (n // n_videos),
            "end_pts": 24 * (n // n_videos + 1),
            "start_s": float(n // n_videos),
            "end_s": n // n_videos + 1.0,
        }
        for n in range(n_clips)
    ]
    return pa.Table.from_pylist(rows, schema=CLIPS.schema)


def random_vectors(n: int) -> Vectors:
    """Vectors of length one."""
    return unit_rows(np.random.default_rng(n).normal(0, 1, (n, DIMENSION)).astype(np.float32))


def frames(vectors: Vectors) -> pa.Table:
    """A video's vectors, two a second of 24 ticks."""
    flat = pa.array(vectors.astype(np.float16).ravel())
    lists = pa.FixedSizeListArray.from_arrays(flat, DIMENSION)
    return pa.table({"pts": pa.array(range(0, 12 * len(vectors), 12), pa.int64()), "vector": lists})


VIDEOS = {f"v{n}": frames(random_vectors(20 + n)) for n in range(3)}


def video(video_id: str) -> pa.Table:
    """One of the videos."""
    return VIDEOS[video_id]


def test_the_search_is_exact(tmp_path: Path) -> None:
    """Over several pieces the best are those that sorting all cosines gives, in order."""
    n_clips = 2 * ROWS_PER_PIECE + 100
    vectors, table = random_vectors(n_clips), clips(n_clips)
    file = cached_vectors(tmp_path, "x", lambda: [searchable(table, vectors)])
    for query in random_vectors(3):
        found = most_similar(file, query, 20)
        order = np.argsort(-(vectors @ query))[:20]
        assert found["clip_id"].to_pylist() == [f"c{n}" for n in order]
        np.testing.assert_allclose(found["score"], (vectors @ query)[order], atol=1e-6)
    assert most_similar(file, vectors[0], 10**9).num_rows == n_clips


def test_clips_have_the_mean_of_their_frames(tmp_path: Path) -> None:
    """Each clip has its own video's vector, whatever the order; a clip is likest to itself."""
    table = clips(30).take(pa.array(np.random.default_rng(5).permutation(30)))
    file = cached_vectors(tmp_path, "x", lambda: clips_with_vectors(table, DIMENSION, video))
    for row in table.to_pylist():
        vector = vector_of(file, row["clip_id"])
        assert vector is not None
        first = row["start_pts"] // 12
        both = VIDEOS[row["video_id"]]["vector"].to_pylist()[first : first + 2]
        mean = unit_rows(unit_rows(np.array(both, np.float32)).mean(axis=0, keepdims=True))[0]
        np.testing.assert_allclose(vector, mean, atol=1e-6)
        assert most_similar(file, vector, 1)["clip_id"].to_pylist() == [row["clip_id"]]
    assert vector_of(file, "c99") is None


def test_no_clips_at_all(tmp_path: Path) -> None:
    """A data set without clips answers with none."""
    file = cached_vectors(tmp_path, "x", lambda: clips_with_vectors(clips(0), DIMENSION, video))
    assert most_similar(file, random_vectors(1)[0], 5).num_rows == 0


def test_the_file_is_made_once_for_the_same_tables(tmp_path: Path) -> None:
    """It is kept while its hash holds, and made anew for another or when it is damaged."""
    made: list[int] = []

    def make() -> Iterator[pa.Table]:
        made.append(1)
        return clips_with_vectors(clips(len(made)), DIMENSION, video)

    file = cached_vectors(tmp_path, "a", make)
    assert cached_vectors(tmp_path, "a", make) == file
    assert len(made) == 1
    cached_vectors(tmp_path, "b", make)
    assert most_similar(file, random_vectors(1)[0], 9).num_rows == len(made) == 2
    file.write_bytes(file.read_bytes()[:100])
    cached_vectors(tmp_path, "b", make)
    assert most_similar(file, random_vectors(1)[0], 9).num_rows == len(made) == 3


def test_frames_that_fit_decide(tmp_path: Path) -> None:
    """A clip one of whose frames is what was asked for wins by it, though its mean is far off."""
    query = random_vectors(1)[0]
    away = unit_rows((random_vectors(2)[1:] - query) * 1.0)[0]
    videos = {"v0": frames(np.stack([query, away])), "v1": frames(np.stack([query + away] * 2))}
    table = clips(2, n_videos=2)
    file = cached_vectors(
        tmp_path, "x", lambda: clips_with_vectors(table, DIMENSION, videos.__getitem__)
    )
    found = most_similar(file, query, 2)
    again = ranked_by_frames(found, query, videos.__getitem__, temperature=0.01)
    assert again["clip_id"].to_pylist() == ["c0", "c1"]
    assert again["score"][0].as_py() == pytest.approx(1, abs=1e-3)


def test_a_high_temperature_is_the_mean() -> None:
    """With all frames alike weighted the score is that of the mean vector."""
    vectors, query = random_vectors(7), random_vectors(1)[0]
    mean = unit_rows(vectors.mean(axis=0, keepdims=True))[0] @ query
    assert pooled_score(vectors, query, 1e6) == pytest.approx(float(mean), abs=1e-5)
    assert pooled_score(vectors, query, 1e-4) == pytest.approx(float((vectors @ query).max()))
