"""Any image classifier of the package transformers, so that a user's own needs no code.

Source: the package transformers (`AutoModelForImageClassification`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from vidcurate.errors import UsageError
from vidcurate.models.device import accelerator
from vidcurate.models.transformers_loading import loading, require_transformers
from vidcurate.options import Choice, option

Image = NDArray[np.uint8]
Probabilities = NDArray[np.float32]
Classifier = Callable[[Sequence[Image]], Probabilities]

REMEDY = (
    "give OWNER/NAME of the hub, or a folder with config.json, preprocessor_config.json and "
    "model.safetensors"
)
N_NEAR = 3
N_NAMED = 5


class ClassifierConfig(Choice):
    """Options of a stage that asks an image classifier."""

    name: Literal["transformers"] = "transformers"
    model: str = option("", "OWNER/NAME on the hub, or a folder")
    revision: str = option("", "Branch, tag or commit on the hub; the newest if empty")

    @model_validator(mode="after")
    def require_model(self) -> Self:
        """Refuse a classifier without a name; raises ValueError."""
        if not self.model:
            raise ValueError("backend transformers needs a model: OWNER/NAME or a folder")
        return self

    @property
    def choice(self) -> "ClassifierChoice":
        """The classifier that the options name."""
        return ClassifierChoice(self.model, self.revision)


@dataclass(frozen=True, slots=True)
class ClassifierChoice:
    """Which classifier: a folder, or OWNER/NAME on the hub; an empty revision is the newest."""

    model: str
    revision: str = ""


@dataclass(frozen=True, slots=True)
class ImageClassifier:
    """A loaded classifier; `labels` are in the order of its columns."""

    model: Any
    prepare: Callable[..., Any]
    labels: tuple[str, ...]
    device: str

    def probabilities(self, images: Sequence[Image]) -> Probabilities:
        """How probable each label is: shape (images, labels).

        Images are RGB, shape (height, width, 3), each of its own size. Rows sum to one unless the
        model gives several labels at once.
        """
        import torch  # noqa: PLC0415 - heavy, and not everyone's

        pixels = self.prepare(
            images=list(images), return_tensors="pt", input_data_format="channels_last"
        )["pixel_values"]
        with torch.inference_mode():
            logits = self.model(pixel_values=pixels.to(self.device)).logits.float()
            found = logits.sigmoid() if gives_several(self.model.config) else logits.softmax(-1)
        return np.asarray(found.cpu().numpy(), np.float32)


def open_image_classifier(choice: ClassifierChoice) -> ImageClassifier:
    """Load the classifier; its weights come from the hub where they are not on this machine.

    No code from the hub runs, and no pickle. Raises MissingExtraError without transformers,
    UsageError where the weights cannot be fetched or are incomplete.
    """
    require_transformers()
    from transformers import (  # noqa: PLC0415 - heavy, and not everyone's
        AutoImageProcessor,
        AutoModelForImageClassification,
    )

    place = {"revision": choice.revision or None, "trust_remote_code": False}
    with loading("image classifier", choice.model, REMEDY):
        prepare = AutoImageProcessor.from_pretrained(choice.model, **place)
        model, found = AutoModelForImageClassification.from_pretrained(
            choice.model, **place, weights_only=True, output_loading_info=True
        )
    if found["missing_keys"]:
        raise UsageError(
            f"the model {choice.model!r} has no weights for {min(found['missing_keys'])!r}: "
            "choose one that was trained to classify images"
        )
    device = accelerator()
    model = model.to(device).eval()
    return ImageClassifier(model, prepare, labels_of(model.config), device)


def open_label_classifier(choice: ClassifierChoice, label: str) -> Classifier:
    """A function that gives the probability of one label for each picture, shape (images,).

    Raises what `open_image_classifier` and `label_number` raise.
    """
    classifier = open_image_classifier(choice)
    number = label_number(classifier.labels, label)
    return lambda images: classifier.probabilities(images)[:, number]


def check_image_classifier(choice: ClassifierChoice, label: str) -> None:
    """Check, without weights, that the classifier exists and knows the label.

    Raises MissingExtraError without transformers, UsageError where it does not.
    """
    label_number(classifier_labels(choice), label)


def classifier_labels(choice: ClassifierChoice) -> tuple[str, ...]:
    """The labels of a classifier, without its weights.

    Raises MissingExtraError without transformers, UsageError where there is no such classifier.
    """
    require_transformers()
    from transformers import AutoConfig  # noqa: PLC0415 - heavy, and not everyone's

    with loading("image classifier", choice.model, REMEDY):
        config = AutoConfig.from_pretrained(
            choice.model, revision=choice.revision or None, trust_remote_code=False
        )
    return labels_of(config)


def label_number(labels: Sequence[str], label: str) -> int:
    """The column of a label.

    Raises UsageError for an unknown label, with similar ones.
    """
    if label in labels:
        return list(labels).index(label)
    spelling = {known.casefold(): known for known in labels}
    near = get_close_matches(label.casefold(), spelling, n=N_NEAR)
    meant = f": did you mean {' or '.join(repr(spelling[name]) for name in near)}?" if near else ""
    some = ", ".join(repr(known) for known in labels[:N_NAMED])
    raise UsageError(f"the model has no label {label!r} among its {len(labels)} ({some}){meant}")


def labels_of(config: Any) -> tuple[str, ...]:
    """The names of a model's columns.

    Raises UsageError for a model of one column, which gives no probability.
    """
    labels = tuple(str(config.id2label[number]) for number in sorted(config.id2label))
    if len(labels) == 1 and not gives_several(config):
        raise UsageError(f"the model has the one label {labels[0]!r}: a classifier has two or more")
    return labels


def gives_several(config: Any) -> bool:
    """Whether labels do not exclude each other."""
    return bool(config.problem_type == "multi_label_classification")
