import hashlib
import io
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.pictures import SCENES, jpeg
from tests.support.pipeline import process, rows
from tests.support.tiny_models import CLIP_DIMENSION, CLIP_NAME, CLIP_WEIGHTS, save_clip
from tests.support.videos import render
from vidcurate.errors import MediaError, UsageError
from vidcurate.models.vision.clip_embedder import (
    ClipEmbedder,
    check_choice,
    dimension_of,
    open_clip_embedder,
    open_picture,
)
from vidcurate.models.vision.embedder import ModelChoice, open_embedder
from vidcurate.records import VECTORS

pytest.importorskip("open_clip", reason="the extra 'models' is not installed")
import torch

FILES = [jpeg(picture) for picture in SCENES[:7]]
TEXTS = ["a rabbit in a meadow", "an empty street at night", "a very long text " * 40, ""]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model of random weights, as a user has one: settings and a file."""
    return save_clip(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def weights(folder: Path) -> Path:
    """The file of weights."""
    return folder / CLIP_WEIGHTS


@pytest.fixture(scope="module")
def embedder(weights: Path) -> ClipEmbedder:
    """The tiny model, loaded from its file."""
    return open_clip_embedder(ModelChoice(CLIP_NAME, str(weights)))


def test_vectors_have_length_one(embedder: ClipEmbedder) -> None:
    """Pictures and texts give vectors of one space, each of length one, each another."""
    for found, count in (
        (embedder.image_vectors(FILES), len(FILES)),
        (embedder.text_vectors(TEXTS), len(TEXTS)),
    ):
        assert found.shape == (count, CLIP_DIMENSION)
        assert found.dtype == np.float32
        assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
        assert len(np.unique(found, axis=0)) == count


def test_batches_do_not_matter(embedder: ClipEmbedder) -> None:
    """One at a time gives what four at a time and all together give."""
    whole = embedder.image_vectors(FILES)
    for size in (1, 4):
        parts = [embedder.image_vectors(FILES[n : n + size]) for n in range(0, len(FILES), size)]
        np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)


def test_the_model_is_the_one_of_the_file(embedder: ClipEmbedder, folder: Path) -> None:
    """A folder with settings and weights gives the vectors that the file gives, the same twice."""
    again = open_embedder("open_clip", ModelChoice(f"local-dir:{folder}"))
    np.testing.assert_allclose(again.image_vectors(FILES), embedder.image_vectors(FILES), atol=1e-6)
    np.testing.assert_allclose(again.text_vectors(TEXTS), embedder.text_vectors(TEXTS), atol=1e-6)


def test_preparation_is_open_clips(embedder: ClipEmbedder) -> None:
    """The vector is what open_clip's own preparation and model give for the decoded picture."""
    with torch.inference_mode():
        pixels = embedder.prepare(open_picture(FILES[0]))[None]
        wanted = embedder.model.encode_image(pixels, normalize=True)
    np.testing.assert_allclose(embedder.image_vectors(FILES[:1]), wanted.numpy(), atol=1e-5)


def test_half_precision_is_near(embedder: ClipEmbedder) -> None:
    """Half precision moves no number of a vector by more than a hundredth, and is used."""
    half = ClipEmbedder(embedder.model, embedder.prepare, embedder.tokens, "cpu", half=True)
    exact, rough = embedder.image_vectors(FILES), half.image_vectors(FILES)
    assert rough.dtype == np.float32
    assert 0 < np.abs(rough - exact).max() < 0.01
    assert np.linalg.norm(rough, axis=1) == pytest.approx(1, abs=1e-5)


def test_what_is_no_picture_is_refused(embedder: ClipEmbedder) -> None:
    """A damaged proxy is a fault of its video."""
    for data in (b"", b"no picture", FILES[0][:100]):
        with pytest.raises(MediaError, match="cannot be decoded"):
            embedder.image_vectors([data])


class Harmful:
    """What runs a command when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("harm",)


def damaged(weights: Path, kind: str) -> bytes:
    """The bytes of a file that holds no weights of the tiny model."""
    if kind == "truncated":
        return weights.read_bytes()[:20_000]
    content = {"harmful": Harmful(), "another's": {"a": torch.zeros(3)}, "a list": [1, 2]}
    if kind not in content:
        return {"empty": b"", "a text": b"weights"}[kind]
    file = io.BytesIO()
    torch.save(content[kind], file)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["truncated", "empty", "a text", "another's", "a list", "harmful"])
def test_damaged_weights_are_refused(
    weights: Path, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each ends in one line with the file and the remedy; code in a file never runs."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "damaged.pt"
    file.write_bytes(damaged(weights, kind))
    with pytest.raises(UsageError) as raised:
        open_clip_embedder(ModelChoice(CLIP_NAME, str(file)))
    assert str(file) in str(raised.value)
    assert "check that they are whole" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "harm").exists()
    assert logging.getLogger().isEnabledFor(logging.WARNING)


def test_the_hash_decides(weights: Path) -> None:
    """Weights with the hash asked for are loaded; with another they are refused, naming both."""
    found = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert open_clip_embedder(ModelChoice(CLIP_NAME, str(weights), found.upper()))
    with pytest.raises(UsageError, match=f"sha256 {found} and not {'0' * 64}"):
        open_clip_embedder(ModelChoice(CLIP_NAME, str(weights), "0" * 64))


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (ModelChoice("ViT-B-33", "openai"), r"no model 'ViT-B-33': did you mean 'ViT-B-"),
        (ModelChoice("zzzzzzzz", "openai"), r"no model 'zzzzzzzz': see open_clip\.list_models"),
        (ModelChoice("ViT-B-32", "no/such.pt"), r"'no/such\.pt' is neither a file nor .*openai"),
        (ModelChoice("local-dir:no-such"), r"no-such.open_clip_config\.json is not there"),
        (ModelChoice("ViT-B-32", "openai", "0" * 64), "sha256 is for a file of weights"),
    ],
)
def test_what_is_missing_is_reported_before_loading(choice: ModelChoice, message: str) -> None:
    """Unknown models, weights and folders are named with what there is instead."""
    with pytest.raises(UsageError, match=message):
        check_choice(choice)


def test_known_names_pass() -> None:
    """Architectures with weights that open_clip knows pass without a download, by either name."""
    check_choice(ModelChoice("ViT-B-32", "laion2b_s34b_b79k"))
    check_choice(ModelChoice("ViT-B/32", "openai"))
    check_choice(ModelChoice("hf-hub:someone/something"))


def test_texts_that_are_cut_are_marked(embedder: ClipEmbedder) -> None:
    """A text of 14 words fits the room of 16 tokens, whose first and last are marks; 15 do not."""
    texts = ["", "a rabbit", *(" ".join(["a"] * count) for count in (13, 14, 15, 16, 30, 31, 99))]
    assert embedder.are_cut(texts) == [False] * 4 + [True] * 5


def test_the_scale_is_the_models(embedder: ClipEmbedder) -> None:
    """Cosines are scaled as the model was trained: CLIP begins at 1 / 0.07."""
    assert embedder.logit_scale == pytest.approx(1 / 0.07, rel=1e-3)


def test_the_dimension_is_known_before_loading(embedder: ClipEmbedder, folder: Path) -> None:
    """Architectures and folders say how long their vectors are; the hub does not."""
    assert embedder.image_vectors(FILES[:1]).shape[1] == CLIP_DIMENSION
    assert dimension_of(ModelChoice(f"local-dir:{folder}")) == CLIP_DIMENSION
    assert dimension_of(ModelChoice("ViT-L/14", "openai")) == 768
    assert dimension_of(ModelChoice("hf-hub:someone/something")) is None


def test_a_video_is_embedded(folder: Path, tmp_path: Path) -> None:
    """The stage runs with the tiny model and says which it was."""
    render(tmp_path / "videos" / "a.mp4", audio=False)
    options = {"backend": "open_clip", "model": f"local-dir:{folder}"}
    process(tmp_path / "out", {"embed": options}, tmp_path / "videos")
    [row] = rows(tmp_path / "out", VECTORS)
    assert (row.backend, row.dimension) == ("open_clip", CLIP_DIMENSION)
    assert row.model == f"local-dir:{folder}"
    assert row.n_vectors >= 6
