from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from vidcurate.analysis.search import searchable, write_pieces
from vidcurate.analysis.vector_map import map_of_vectors, principal_axes
from vidcurate.records import CLIPS


def test_the_two_axes_are_those_of_largest_spread() -> None:
    """Of points in a plane both axes hold everything, and distances stay."""
    generator = np.random.default_rng(1)
    flat = generator.normal(size=(50, 2)) * (3, 1)
    turned = flat @ np.linalg.qr(generator.normal(size=(8, 8)))[0][:2]
    points, explained = principal_axes(turned.astype(np.float32))
    assert explained == pytest.approx(1, abs=1e-5)
    assert points[:, 0].std() > points[:, 1].std()
    apart = np.linalg.norm(points[0] - points[1])
    assert apart == pytest.approx(np.linalg.norm(flat[0] - flat[1]), rel=1e-4)


@pytest.mark.parametrize("shape", [(0, 4), (1, 4), (3, 1)])
def test_few_points_and_few_numbers_have_places_too(shape: tuple[int, int]) -> None:
    """A map of nothing is empty; vectors of one number lie on a line."""
    points, _ = principal_axes(np.ones(shape, np.float32))
    assert points.shape == (shape[0], 2)
    assert not points.any()


def test_a_clip_without_a_vector_has_no_place(tmp_path: Path) -> None:
    """Each point is of the clip that it names, in the order of the file."""
    n = 200
    columns = {
        field.name: pa.array([f"c{i}" for i in range(n)])
        if field.name == "clip_id"
        else pa.array([None] * n, field.type)
        for field in CLIPS.schema
    }
    vectors = np.zeros((n, 2), np.float32)
    vectors[:, 0] = range(n)
    clips = pa.table(columns, schema=pa.schema([f.with_nullable(True) for f in CLIPS.schema]))
    write_pieces(tmp_path / "v.arrow", "hash", [searchable(clips, vectors)])
    found = map_of_vectors(tmp_path / "v.arrow", pa.array(["c7", "c150", "no clip", "c30"]))
    assert found.clip_ids == ("c7", "c30", "c150")
    numbers = np.array([int(clip_id[1:]) for clip_id in found.clip_ids])
    assert np.allclose(np.diff(found.points[:, 0]), np.diff(numbers))
    assert "PCA" in found.method
