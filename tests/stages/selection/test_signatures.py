from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.support.pipeline import process, rows, states
from tests.support.videos import SHOTS, ffmpeg, render
from vidcurate.errors import MediaError
from vidcurate.records import CLIPS, SIGNATURES
from vidcurate.stages.selection.signatures import FRAME_COLUMNS, signature

SPLIT = {"split": {"min_clip_s": 0.5}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of three shots, one of them black, and the same frames in another container."""
    folder = tmp_path_factory.mktemp("videos")
    shots = ((SHOTS[1], 2.0), ("color=black", 2.0), (SHOTS[3], 2.0))
    video = render(folder / "a.mp4", shots, audio=False)
    ffmpeg("-i", str(video), "-c", "copy", str(folder / "b.mkv"))
    return folder


@pytest.fixture(scope="module")
def out(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their signatures."""
    out = tmp_path_factory.mktemp("signatures") / "out"
    process(out, {**SPLIT, "signatures": {}}, folder)
    return out


def test_each_clip_has_its_signature(out: Path) -> None:
    """Samples lie inside the clip, each with hash and vector; a course has 8 steps a second."""
    found = rows(out, SIGNATURES)
    assert [row.clip_id for row in found] == [clip.clip_id for clip in rows(out, CLIPS)]
    for row in found:
        assert all(0 <= t < row.duration_s for t in row.times_s)
        assert len(row.hashes) == 8 * len(row.times_s)
        assert len(row.vectors) == 390 * len(row.times_s)
        assert len(row.luma_sequence) == 4 * 3 * round(8 * row.duration_s)
        assert np.isfinite(np.frombuffer(row.luma_sequence, np.float32)).all()


def test_equal_frames_have_equal_content(out: Path) -> None:
    """Each clip's content is found in both containers, and in no other clip."""
    contents = [row.content for row in rows(out, SIGNATURES)]
    assert len(contents) == 6
    assert sorted(contents.count(content) for content in set(contents)) == [2, 2, 2]


def test_black_samples_say_nothing(out: Path) -> None:
    """Of a black clip no sample is kept, of the others each."""
    counts = sorted(len(row.times_s) for row in rows(out, SIGNATURES))
    assert counts[:2] == [0, 0]
    assert min(counts[2:]) >= 2


def test_a_clip_without_frames_fails(out: Path) -> None:
    """A span that the scan does not have is a fault of its own, with the reason."""
    frames = pa.table({name: pa.array([], pa.float32()) for name in FRAME_COLUMNS})
    samples = pa.table({"pts": pa.array([], pa.int64()), "jpeg": pa.array([], pa.binary())})
    with pytest.raises(MediaError, match="no frame is inside the clip"):
        signature(rows(out, CLIPS)[0], frames, samples)


def test_nothing_is_done_twice(folder: Path, out: Path) -> None:
    """A second run leaves the table as it is."""
    before = states(out / "signatures")
    process(out, {"signatures": {}}, folder)
    assert states(out / "signatures") == before
