from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest

from vidcurate.analysis.vector_map import map_of_clips, principal_axes
from vidcurate.records import CLIPS, Clip


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


def test_each_point_is_of_the_clip_that_it_names() -> None:
    """Clips come video by video, each by the mean of its own frames."""
    clips = [
        Clip(f"{video}-{n}-{n + 1}", video, n, n + 1, Fraction(1), n, n + 1, 1.0, 1)
        for video in ("b", "a")
        for n in range(4)
    ]
    angles = {"a": (0.0, 0.1, 0.2, 0.3), "b": (1.0, 1.1, 1.2, 1.3)}

    def vectors(video: str) -> pa.Table:
        rows = [[np.cos(angle), np.sin(angle)] for angle in angles[video]]
        lists = pa.array(rows, pa.list_(pa.float16(), 2))
        return pa.table({"pts": pa.array(range(4), pa.int64()), "vector": lists})

    found = map_of_clips(CLIPS.to_arrow(clips), 2, vectors)
    assert found.clip_ids[:2] == ("a-0-1", "a-1-2")
    apart = np.linalg.norm(found.points - found.points[0], axis=1)
    assert list(np.argsort(apart)) == list(range(8))
    assert "PCA" in found.method


def test_no_clips_make_an_empty_map() -> None:
    """A data set whose videos are not embedded has no place for any clip."""
    found = map_of_clips(CLIPS.schema.empty_table(), 2, lambda _video: pa.table({}))
    assert (found.clip_ids, found.points.shape) == ((), (0, 2))
