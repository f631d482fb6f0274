from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from vidcurate.clips.vectors import (
    clip_frames,
    clip_vector,
    matrix,
    read_video_vectors,
    unit_rows,
    write_video_vectors,
)
from vidcurate.errors import MediaError
from vidcurate.records import Clip

PTS = [0, 90_000, 180_000, 270_000]
VECTORS = unit_rows(np.random.default_rng(5).normal(size=(4, 390)).astype(np.float32))


def clip(start: int, end: int) -> Clip:
    """A span in ticks of 1/90000 s."""
    return Clip("c", "v", start, end, Fraction(1, 90_000), 0, 0, 0, 1)


@pytest.fixture
def table(tmp_path: Path) -> pa.Table:
    """Four vectors a second apart, written and read."""
    write_video_vectors(tmp_path / "v.parquet", PTS, VECTORS)
    return read_video_vectors(tmp_path / "v.parquet")


def test_a_file_holds_times_and_half_precision_vectors(table: pa.Table) -> None:
    """Ticks come back exactly; a vector comes back to half precision, at length one."""
    assert table.schema.field("pts").type == pa.int64()
    assert table.schema.field("vector").type == pa.list_(pa.float16(), 390)
    assert table["pts"].to_pylist() == PTS
    found = matrix(table)
    assert found.dtype == np.float32
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-6)
    assert np.abs(found - VECTORS).max() < 2**-11


def test_a_clip_has_the_frames_inside_it(table: pa.Table) -> None:
    """The first tick belongs to a clip and the last does not."""
    assert clip_frames(table, clip(90_000, 270_000))["pts"].to_pylist() == [90_000, 180_000]
    assert clip_frames(table, clip(90_001, 270_001))["pts"].to_pylist() == [180_000, 270_000]


@pytest.mark.parametrize(
    ("start", "end", "nearest"),
    [(100_000, 110_000, 90_000), (140_000, 170_000, 180_000), (280_000, 900_000, 270_000)],
)
def test_a_clip_between_two_frames_has_the_nearest(
    table: pa.Table, start: int, end: int, nearest: int
) -> None:
    """A clip without a frame of its own is judged by the one nearest to its middle."""
    assert clip_frames(table, clip(start, end))["pts"].to_pylist() == [nearest]


def test_a_clip_is_the_mean_of_its_frames(table: pa.Table) -> None:
    """A clip's vector points where the mean does and has length one; it works on a slice too."""
    wanted = VECTORS[1:3].mean(axis=0)
    found = clip_vector(table, clip(90_000, 270_000))
    assert found.shape == (390,)
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)
    assert found @ wanted / np.linalg.norm(wanted) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(matrix(table.slice(2, 1))[0], VECTORS[2], atol=2**-11)


def test_opposite_frames_have_no_mean() -> None:
    """A mean of zero stays zero: no number is divided by it."""
    np.testing.assert_array_equal(unit_rows(np.zeros((1, 3), np.float32)), np.zeros((1, 3)))


@pytest.mark.parametrize("content", [None, b"", b"PAR1 damaged"])
def test_a_damaged_file_says_what_to_do(tmp_path: Path, content: bytes | None) -> None:
    """A file that is missing, empty or damaged is a fault with its remedy."""
    if content is not None:
        (tmp_path / "v.parquet").write_bytes(content)
    with pytest.raises(MediaError, match=r"'v\.parquet': embed the video again"):
        read_video_vectors(tmp_path / "v.parquet")
