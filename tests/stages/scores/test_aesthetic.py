from pathlib import Path

import numpy as np
import pytest

from tests.support.aesthetic_heads import linear
from tests.support.pipeline import process, rows, stored
from tests.support.tiny_models import CLIP_DIMENSION, save_clip
from vidcurate.clips.vectors import clip_frames, matrix, read_video_vectors
from vidcurate.errors import UsageError
from vidcurate.models.vision.aesthetic_head import read_head
from vidcurate.records import AESTHETIC, CLIPS, VECTORS
from vidcurate.stages.scores.aesthetic import AESTHETIC_STAGE, AestheticConfig

pytest.importorskip("open_clip", reason="the extra 'models' is not installed")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny image-text model, as embed names it."""
    return f"local-dir:{save_clip(tmp_path_factory.mktemp('clip'))}"


def test_each_frame_is_scored(video: Path, tmp_path: Path, model: str) -> None:
    """Every frame's score is the head's of its vector at length one, with minimum and mean."""
    head = linear(tmp_path / "head.pth", CLIP_DIMENSION)
    options = {
        "embed": {"backend": "open_clip", "model": model},
        "aesthetic": {"head": str(head)},
    }
    process(tmp_path / "out", options, video)
    [own] = rows(tmp_path / "out", VECTORS)
    folder = stored(tmp_path / "out", VECTORS).folder
    table = read_video_vectors(folder / "files" / own.vectors_file)
    found = rows(tmp_path / "out", AESTHETIC)
    for clip, row in zip(rows(tmp_path / "out", CLIPS), found, strict=True):
        wanted = read_head(head).scores(matrix(clip_frames(table, clip)))
        assert row.frame_scores == pytest.approx(wanted.tolist(), abs=1e-6)
        assert row.score_min == pytest.approx(wanted.min(), abs=1e-6)
        assert row.score_mean == pytest.approx(np.mean(wanted), abs=1e-6)
        assert (row.n_frames, row.head, row.model) == (len(wanted), str(head), model)
    assert len({row.score_mean for row in found}) == 3


def test_what_does_not_fit_is_said_before_decoding(video: Path, tmp_path: Path, model: str) -> None:
    """Vectors of no model or of another, a head that is not there or another file are refused."""
    clip = {"backend": "open_clip", "model": model}
    other = {"backend": "open_clip", "model": "ViT-B-32", "pretrained": "openai"}
    long = str(linear(tmp_path / "long.pth", 768))
    for embed, aesthetic, message in (
        ({}, {}, r"aesthetic needs vectors of an image-text model, and embed\.backend is appear"),
        (other, {}, "judges vectors of ViT-L-14 with the weights openai, and embed makes those of"),
        (clip, {"head": long}, r"long\.pth judges vectors of 768 numbers, .* makes them of 24"),
        (clip, {"head": "no-such-head"}, "there is no aesthetic head 'no-such-head'"),
        (clip, {"head": long, "sha256": "0" * 64}, f"and not {'0' * 64}: fetch them again"),
    ):
        with pytest.raises(UsageError, match=message):
            process(tmp_path / "out", {"embed": embed, "aesthetic": aesthetic}, video)
    assert not (tmp_path / "out" / "scans").exists()


def test_a_head_that_is_replaced_is_another(tmp_path: Path) -> None:
    """What a head's file holds decides the rows; a published head is known by its name."""
    config = AestheticConfig(head=str(linear(tmp_path / "head.pth")))
    first = AESTHETIC_STAGE.version.depends(config)
    linear(tmp_path / "head.pth", 12)
    assert first
    assert AESTHETIC_STAGE.version.depends(config) not in ("", first)
    assert AESTHETIC_STAGE.version.depends(AestheticConfig()) == ""
