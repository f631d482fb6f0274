import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.pipeline import process, rows, stored
from tests.support.tiny_models import save_clip, save_sound_text_model
from tests.support.videos import ffmpeg, render
from vidcurate.analysis.evaluation import evaluation_of
from vidcurate.captioning.quality.audio_agreement import NO_MODEL, NO_VECTORS, audio_score
from vidcurate.clips.vectors import clip_vector, read_video_vectors
from vidcurate.errors import MissingExtraError, UsageError
from vidcurate.models.audio.sound_text import open_sound_text_model
from vidcurate.models.vision.clip_embedder import open_clip_embedder
from vidcurate.models.vision.embedder import ModelChoice
from vidcurate.records import CAPTIONS, EVALUATIONS, KEPT, SOURCES, VECTORS, Evaluation
from vidcurate.stages.captions.evaluate import EvaluateConfig, can_evaluate
from vidcurate.store.dataset import Dataset

pytest.importorskip("open_clip", reason="the extra 'models' is not installed")
pytest.importorskip("transformers", reason="the extra 'models' is not installed")

SPLIT = {"cuts": {"detector": "fixed", "fixed_interval_s": 100.0}, "split": {"min_clip_s": 1}}
TONE_S = 12.0
WINDOW_S = 9.5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video with a tone, a silent and a mute one."""
    folder = tmp_path_factory.mktemp("audio")
    mute = render(folder / "mute.mp4", (("testsrc2", 2.0),), audio=False, size=(64, 48))
    silence = ("-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono:d=2")
    ffmpeg("-i", str(mute), *silence, "-c:v", "copy", "-c:a", "flac", str(folder / "silent.mkv"))
    long = render(folder / "long.mp4", (("testsrc2", TONE_S),), audio=False, size=(64, 48))
    tone = ("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:d={TONE_S}")
    ffmpeg("-i", str(long), *tone, "-c:v", "copy", "-c:a", "flac", str(folder / "tone.mkv"))
    long.unlink()
    return folder


@pytest.fixture(scope="module")
def image_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny image-text model, as embed names it."""
    return f"local-dir:{save_clip(tmp_path_factory.mktemp('clip'))}"


@pytest.fixture(scope="module")
def sound_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny sound-text model in a folder."""
    return str(save_sound_text_model(tmp_path_factory.mktemp("clap")))


@pytest.fixture(scope="module")
def measured(
    tmp_path_factory: pytest.TempPathFactory, folder: Path, image_model: str, sound_model: str
) -> Path:
    """A data set of the three videos, with vectors of the image-text model and AudioScore."""
    out = tmp_path_factory.mktemp("measured") / "out"
    embed = {"backend": "open_clip", "model": image_model}
    options: dict[str, Any] = {**SPLIT, "embed": embed, "caption": {}}
    process(out, options, folder)
    process(out, {"evaluate": audio(sound_model)})
    return out


def audio(sound_model: str = "") -> dict[str, Any]:
    """Options that take the measure, and no other."""
    return {"measures": ("audio",), "sound_model": sound_model}


def by_name(out: Path) -> dict[str, Evaluation]:
    """The row of each video, by its name."""
    names = {source.video_id: Path(source.path).stem for source in rows(out, SOURCES)}
    return {names[row.video_id]: row for row in rows(out, EVALUATIONS)}


def test_the_score_is_that_of_the_formula() -> None:
    """Both cosines 1 give 100, both 0 give 50, both -1 nothing; only their mean counts."""
    assert audio_score(1.0, 1.0) == pytest.approx(100)
    assert audio_score(0.0, 0.0) == pytest.approx(50.0, abs=0.01)
    assert audio_score(-1.0, -1.0) == 0.0
    # x = 50 * (0.65 + 0.55) = 60, y = 0.2.
    by_hand = 100 * math.exp(-0.693179 * math.exp(-2)) / math.exp(-0.693179 * math.exp(-10))
    assert audio_score(0.3, 0.1) == pytest.approx(by_hand)
    assert by_hand == pytest.approx(91.05, abs=0.01)
    assert audio_score(0.1, 0.3) == pytest.approx(by_hand)


def test_cosines_are_those_of_the_named_models(
    measured: Path, image_model: str, sound_model: str
) -> None:
    """Picture and sound, in windows that count by their length, are compared with the caption."""
    row = by_name(measured)["tone"]
    [text] = [c.text for c in rows(measured, CAPTIONS) if c.clip_id == row.clip_id]
    [clip] = [c for c in rows(measured, KEPT) if c.clip_id == row.clip_id]
    [own] = [v for v in rows(measured, VECTORS) if v.video_id == row.video_id]
    table = read_video_vectors(stored(measured, VECTORS).folder / "files" / own.vectors_file)
    words = open_clip_embedder(ModelChoice(image_model)).text_vectors([text])[0]
    assert row.image_cosine == pytest.approx(clip_vector(table, clip) @ words, abs=1e-5)

    ear = open_sound_text_model(sound_model)
    tone = np.sin(2 * np.pi * 440 * np.arange(round(TONE_S * 48_000)) / 48_000) / 8
    halves = np.split(tone, [round(WINDOW_S * 48_000)])
    parts = [ear.sound_vector([half.astype(np.float32)]) for half in halves]
    assert parts[0] is not None
    assert parts[1] is not None
    mean = WINDOW_S * parts[0] + (TONE_S - WINDOW_S) * parts[1]
    expected = mean @ ear.text_vector(text) / np.linalg.norm(mean)
    assert row.sound_cosine == pytest.approx(expected, abs=0.01)

    assert row.image_cosine is not None
    assert row.sound_cosine is not None
    assert row.audio_score == pytest.approx(audio_score(row.image_cosine, row.sound_cosine))
    assert (row.image_model, row.sound_model) == (image_model, sound_model)
    assert "audio: the text is cut for the model of sound" in row.notes


def test_a_clip_without_sound_has_no_score(measured: Path) -> None:
    """Mute and silent clips keep the picture's cosine, and say why there is no more."""
    found = by_name(measured)
    whys = {"mute": "audio: the video has no sound", "silent": "audio: the clip is silent"}
    for name, why in whys.items():
        row = found[name]
        assert (row.sound_cosine, row.audio_score, row.sound_model) == (None, None, "")
        assert row.image_cosine is not None
        assert why in row.notes
    counts = {metric.name: (metric.n, metric.n_null) for metric in metrics_of(measured)}
    assert counts == {"image_cosine": (3, 0), "sound_cosine": (1, 2), "audio_score": (1, 2)}


def metrics_of(out: Path) -> Any:
    """The metrics of a data set."""
    return evaluation_of(Dataset(out)).metrics


def test_numbers_of_other_models_are_not_compared(measured: Path, tmp_path: Path) -> None:
    """Without a sound model the score is null, and only what the same models made is compared."""
    out = tmp_path / "out"
    shutil.copytree(measured, out)
    process(out, {"evaluate": audio()})
    row = by_name(out)["tone"]
    assert (row.sound_cosine, row.audio_score) == (None, None)
    assert row.image_cosine is not None
    assert f"audio: {NO_MODEL}" in row.notes
    found = evaluation_of(Dataset(out), Dataset(measured)).comparisons
    assert {c.name: c.n for c in found} == {"image_cosine": 3, "sound_cosine": 0, "audio_score": 0}


def test_vectors_without_a_text_half_give_no_score(
    tmp_path: Path, folder: Path, sound_model: str
) -> None:
    """Neither appearance nor a data set without vectors stands in for an image-text model."""
    videos = tmp_path / "videos"
    videos.mkdir()
    shutil.copy(folder / "tone.mkv", videos)
    process(tmp_path / "out", {**SPLIT, "embed": {}, "caption": {}}, videos)
    process(tmp_path / "out", {"evaluate": audio(sound_model)})
    row = by_name(tmp_path / "out")["tone"]
    assert (row.image_cosine, row.audio_score, row.image_model) == (None, None, "")
    assert row.sound_cosine is not None
    assert f"audio: {NO_VECTORS}" in row.notes


def test_what_is_missing_is_said_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command says what will be null, and refuses a model that is none or cannot be loaded."""
    told = str(can_evaluate(EvaluateConfig(**audio()), {}))
    assert NO_MODEL in told
    assert NO_VECTORS in told
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(UsageError, match="of type bert, and not a CLAP model"):
        can_evaluate(EvaluateConfig(**audio(str(tmp_path))), {})
    with pytest.raises(UsageError, match="cannot load the sound-text model"):
        can_evaluate(EvaluateConfig(**audio(str(tmp_path / "gone"))), {})
    missing = "vidcurate.models.transformers_loading.find_spec"
    monkeypatch.setattr(missing, lambda _package: None)
    with pytest.raises(MissingExtraError, match=r"vidcurate\[models\]"):
        can_evaluate(EvaluateConfig(**audio(str(tmp_path))), {})
