"""Any audio classifier of the package transformers, so that a user's own needs no code.

Source: the package transformers (`AutoModelForAudioClassification`), as AST (Gong et al. 2021).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidcurate.errors import MediaError, UsageError
from vidcurate.models.audio.sound_events import HeardSound
from vidcurate.models.device import accelerator
from vidcurate.models.transformers_loading import loading, require_transformers
from vidcurate.models.vision.image_classifier import gives_several, labels_of

KIND = "sound classifier"
REMEDY = (
    "give OWNER/NAME of the hub, or a folder with config.json, preprocessor_config.json and "
    "model.safetensors"
)
# AudioSet's kinds of sound overlap, though the configs of its models do not say so.
AUDIOSET_LABELS = 527
USUAL_RATE_HZ = 16_000


@dataclass(frozen=True, slots=True)
class SoundClassifier:
    """A loaded classifier; `labels` are in the order of its columns, `rate_hz` is what it takes."""

    model: Any
    prepare: Any
    labels: tuple[str, ...]
    rate_hz: int
    device: str

    def probabilities(self, mono: NDArray[np.float32]) -> NDArray[np.float32]:
        """How probable each label is in samples at `rate_hz`, shape (labels,).

        They sum to one unless kinds of sound may overlap. Raises MediaError where one is no number.
        """
        import torch  # noqa: PLC0415 - heavy, and not everyone's

        prepared = self.prepare(mono, sampling_rate=self.rate_hz, return_tensors="pt")
        with torch.inference_mode():
            logits = self.model(**prepared.to(self.device)).logits[0].float()
            found = logits.sigmoid() if overlaps(self.model.config) else logits.softmax(-1)
        probabilities = np.asarray(found.cpu().numpy(), np.float32)
        if not np.isfinite(probabilities).all():
            raise MediaError("the model gave a probability that is not a number")
        return probabilities

    def sounds(
        self, mono: NDArray[np.float32], min_probability: float, max_labels: int
    ) -> list[HeardSound]:
        """The likeliest `max_labels` kinds of sound in a window, as spans of its whole length.

        Where there is nothing but zeros nothing is heard, and the model is not asked.
        """
        if not mono.any():
            return []
        found = self.probabilities(mono)
        length_s = len(mono) / self.rate_hz
        return [
            HeardSound(self.labels[number], 0.0, length_s, float(found[number]))
            for number in np.argsort(-found, kind="stable")[:max_labels]
            if found[number] >= min_probability
        ]


def open_sound_classifier(model: str, revision: str) -> SoundClassifier:
    """Load a classifier; its weights come from the hub where they are not on this machine.

    No code from the hub runs, and no pickle. Raises MissingExtraError without transformers,
    UsageError where the weights cannot be fetched or are incomplete.
    """
    require_transformers()
    from transformers import (  # noqa: PLC0415 - heavy, and not everyone's
        AutoFeatureExtractor,
        AutoModelForAudioClassification,
    )

    place = {"revision": revision or None, "trust_remote_code": False}
    with loading(KIND, model, REMEDY):
        prepare = AutoFeatureExtractor.from_pretrained(model, **place)
        network, found = AutoModelForAudioClassification.from_pretrained(
            model, **place, weights_only=True, output_loading_info=True
        )
    if found["missing_keys"]:
        raise UsageError(
            f"the model {model!r} has no weights for {min(found['missing_keys'])!r}: "
            "choose one that was trained to classify sound"
        )
    device = accelerator()
    rate_hz = int(getattr(prepare, "sampling_rate", USUAL_RATE_HZ))
    network = network.to(device).eval()
    return SoundClassifier(network, prepare, labels_of(network.config), rate_hz, device)


def check_sound_classifier(model: str, revision: str) -> None:
    """Check, without weights, that a classifier exists.

    Raises MissingExtraError without transformers, UsageError where it does not.
    """
    require_transformers()
    from transformers import AutoConfig  # noqa: PLC0415 - heavy, and not everyone's

    with loading(KIND, model, REMEDY):
        config = AutoConfig.from_pretrained(
            model, revision=revision or None, trust_remote_code=False
        )
    labels_of(config)


def overlaps(config: Any) -> bool:
    """Whether kinds of sound do not exclude each other."""
    return gives_several(config) or len(config.id2label) == AUDIOSET_LABELS
