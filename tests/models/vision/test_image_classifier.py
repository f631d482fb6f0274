import logging
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.tiny_models import LABELS, save_classifier
from vidcurate.errors import MissingExtraError, UsageError
from vidcurate.models.vision.image_classifier import (
    ClassifierChoice,
    ImageClassifier,
    check_image_classifier,
    label_number,
    open_image_classifier,
    open_label_classifier,
)

pytest.importorskip("transformers", reason="the extra 'models' is not installed")
import torch
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    ViTConfig,
    ViTModel,
)


def pictures() -> list[NDArray[np.uint8]]:
    """Pictures of several sizes and shapes, one of them of three pixels."""
    random = np.random.default_rng(3)
    sizes = [(40, 60), (60, 40), (32, 32), (1, 3)]
    return [random.integers(0, 256, (*size, 3), np.uint8) for size in sizes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny classifier on disk."""
    return save_classifier(tmp_path_factory.mktemp("classifier"))


@pytest.fixture(scope="module")
def classifier(folder: Path) -> ImageClassifier:
    """The tiny classifier, loaded."""
    return open_image_classifier(ClassifierChoice(str(folder)))


def test_probabilities_are_those_of_transformers(classifier: ImageClassifier, folder: Path) -> None:
    """Each row sums to one and is what transformers' own processor and model give, by label."""
    found = classifier.probabilities(pictures())
    assert found.shape == (4, 3)
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert classifier.labels == LABELS
    model = AutoModelForImageClassification.from_pretrained(folder)
    processor = AutoImageProcessor.from_pretrained(folder)
    with torch.inference_mode():
        pixels = processor(images=pictures()[:1], return_tensors="pt")
        wanted = model(**pixels).logits.softmax(-1)[0]
    np.testing.assert_allclose(found[0], wanted, atol=1e-5)
    assert found[0].std() > 0.01


def test_batches_do_not_matter(classifier: ImageClassifier) -> None:
    """One picture at a time gives what all together give."""
    single = [classifier.probabilities([picture])[0] for picture in pictures()]
    np.testing.assert_allclose(single, classifier.probabilities(pictures()), atol=1e-5)


def test_labels_that_do_not_exclude_each_other(tmp_path: Path) -> None:
    """A model of several labels at once gives each its own probability."""
    choice = ClassifierChoice(str(save_classifier(tmp_path, several=True)))
    found = open_image_classifier(choice).probabilities(pictures())
    assert ((found > 0) & (found < 1)).all()
    assert np.abs(found.sum(axis=1) - 1).max() > 0.01


def test_a_judge_gives_the_column_of_its_label(classifier: ImageClassifier, folder: Path) -> None:
    """The judge of a label gives one number for each picture, by that label."""
    judge = open_label_classifier(ClassifierChoice(str(folder)), "drawing")
    np.testing.assert_allclose(judge(pictures()), classifier.probabilities(pictures())[:, 2])
    with pytest.raises(UsageError, match="did you mean 'nsfw'"):
        open_label_classifier(ClassifierChoice(str(folder)), "nsfww")


def test_unknown_labels_name_the_near_ones(folder: Path) -> None:
    """A label in other letters or misspelt names the right one; a foreign one, what there is."""
    choice = ClassifierChoice(str(folder))
    check_image_classifier(choice, "nsfw")
    assert label_number(LABELS, "drawing") == 2
    for wrong, message in (
        (
            "NSFW",
            r"no label 'NSFW' among its 3 \('normal', 'nsfw', 'drawing'\): did you mean 'nsfw'\?",
        ),
        ("drawings", "did you mean 'drawing'"),
        ("zzz", r"no label 'zzz' among its 3 \('normal', 'nsfw', 'drawing'\)$"),
    ):
        with pytest.raises(UsageError, match=message):
            check_image_classifier(choice, wrong)


def test_one_label_is_no_classifier(tmp_path: Path) -> None:
    """A model of one column, as of a regression, is refused, since softmax of one is always 1."""
    choice = ClassifierChoice(str(save_classifier(tmp_path, ("score",))))
    with pytest.raises(UsageError, match="the one label 'score'"):
        check_image_classifier(choice, "score")
    with pytest.raises(UsageError, match="the one label 'score'"):
        open_image_classifier(choice)


def test_a_model_without_its_last_layer_is_refused(tmp_path: Path) -> None:
    """Weights that lack the classifying layer, which would be random, are refused by its name."""
    save_classifier(tmp_path)
    torch.manual_seed(5)
    config = ViTConfig.from_pretrained(tmp_path)
    ViTModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    with pytest.raises(UsageError, match=r"no weights for 'classifier\.bias'"):
        open_image_classifier(ClassifierChoice(str(tmp_path)))


@pytest.mark.parametrize("fault", ["no folder", "empty folder", "truncated", "pickle"])
def test_what_cannot_be_loaded_is_one_line(tmp_path: Path, fault: str) -> None:
    """A missing or damaged model ends in one line with its name and the remedy."""
    folder = tmp_path / "model"
    if fault == "empty folder":
        folder.mkdir()
    if fault in ("truncated", "pickle"):
        weights = save_classifier(folder) / "model.safetensors"
        content = weights.read_bytes()
        weights.write_bytes(content[:2000])
        if fault == "pickle":
            weights.unlink()
            (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(UsageError, match="cannot load the image classifier") as raised:
        open_image_classifier(ClassifierChoice(str(folder)))
    assert str(folder) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert logging.getLogger().isEnabledFor(logging.WARNING)


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Where transformers is not installed, the error says how to get it."""
    monkeypatch.setitem(sys.modules, "transformers", None)
    choice = ClassifierChoice(str(folder))
    with pytest.raises(MissingExtraError, match=r"pip install 'vidcurate\[models\]'"):
        check_image_classifier(choice, "nsfw")
    with pytest.raises(MissingExtraError, match=r"pip install 'vidcurate\[models\]'"):
        open_image_classifier(choice)
