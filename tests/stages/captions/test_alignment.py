from pathlib import Path

import pytest

from tests.support.pipeline import done, process, rows, stored
from tests.support.tiny_models import save_clip
from vidcurate.clips.vectors import clip_frames, clip_vector, matrix, read_video_vectors
from vidcurate.errors import UsageError
from vidcurate.models.vision.clip_embedder import ClipEmbedder, open_clip_embedder
from vidcurate.models.vision.embedder import ModelChoice
from vidcurate.records import ALIGNMENT, CAPTIONS, KEPT, VECTORS

pytest.importorskip("open_clip", reason="the extra 'models' is not installed")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny image-text model, as embed names it."""
    return f"local-dir:{save_clip(tmp_path_factory.mktemp('clip'))}"


@pytest.fixture(scope="module")
def embedder(model: str) -> ClipEmbedder:
    """The same, loaded."""
    return open_clip_embedder(ModelChoice(model))


def check_rows(out: Path, embedder: ClipEmbedder, texts: dict[str, str]) -> None:
    """Every row's numbers are cosines of the clip's text with the vectors on disk."""
    [own] = rows(out, VECTORS)
    table = read_video_vectors(stored(out, VECTORS).folder / "files" / own.vectors_file)
    for clip, row in zip(rows(out, KEPT), rows(out, ALIGNMENT), strict=True):
        words = embedder.text_vectors([texts[clip.clip_id]])[0]
        by_frame = matrix(clip_frames(table, clip)) @ words
        assert row.n_frames == len(by_frame)
        assert row.clip_cosine == pytest.approx(clip_vector(table, clip) @ words, abs=1e-5)
        assert row.frame_min == pytest.approx(by_frame.min(), abs=1e-5)
        assert row.frame_mean == pytest.approx(by_frame.mean(), abs=1e-5)
        assert row.frame_max == pytest.approx(by_frame.max(), abs=1e-5)


def test_captions_are_compared(
    video: Path, tmp_path: Path, model: str, embedder: ClipEmbedder
) -> None:
    """Each kept clip's caption is compared; one longer than the model reads is marked."""
    options = {
        "embed": {"backend": "open_clip", "model": model},
        "caption": {"trigger": "one two three four five six seven eight nine ten eleven twelve"},
        "alignment": {},
    }
    process(tmp_path, options, video)
    captions = {row.clip_id: row.text for row in rows(tmp_path, CAPTIONS)}
    check_rows(tmp_path, embedder, captions)
    found = rows(tmp_path, ALIGNMENT)
    assert len(found) == 3
    assert all(row.is_cut and len(captions[row.clip_id].split()) > 14 for row in found)
    assert {(row.text_from, row.model, row.pretrained) for row in found} == {("caption", model, "")}


def test_a_sentence_needs_no_captions(
    video: Path, tmp_path: Path, model: str, embedder: ClipEmbedder
) -> None:
    """A sentence is compared with every kept clip, and no caption is made for it."""
    options = {
        "embed": {"backend": "open_clip", "model": model},
        "alignment": {"sentence": "colour bars"},
    }
    process(tmp_path, options, video)
    check_rows(tmp_path, embedder, dict.fromkeys(done(tmp_path, ALIGNMENT), "colour bars"))
    found = rows(tmp_path, ALIGNMENT)
    assert {(row.text_from, row.is_cut) for row in found} == {("sentence", False)}
    assert len({row.clip_cosine for row in found}) == 3
    assert not (tmp_path / "captions").exists()


def test_it_is_a_column_of_the_export(video: Path, tmp_path: Path, model: str) -> None:
    """The finished data set has the numbers with each caption."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - for this test alone

    options = {
        "embed": {"backend": "open_clip", "model": model},
        "alignment": {},
        "export": {"media": "none"},
    }
    process(tmp_path, options, video)
    table = pq.read_table(next((tmp_path / "export" / "data").iterdir()))
    wanted = {row.clip_id: row.frame_mean for row in rows(tmp_path, ALIGNMENT)}
    columns = (table[name].to_pylist() for name in ("clip_id", "alignment_frame_mean"))
    assert dict(zip(*columns, strict=True)) == wanted


def test_without_an_image_text_model_it_is_refused(video: Path, tmp_path: Path) -> None:
    """Vectors that know no words end the command before a video is read."""
    with pytest.raises(UsageError, match=r"alignment needs vectors of an image-text model"):
        process(tmp_path / "out", {"alignment": {}}, video)
    assert not (tmp_path / "out" / "scans").exists()
