"""Makes vectors of sounds and texts by a model of the package transformers that knows both.

Sources: the package transformers (`ClapModel`), Wu et al. 2022 (LAION's CLAP).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidcurate.errors import MediaError, UsageError
from vidcurate.models.device import accelerator
from vidcurate.models.transformers_loading import loading, require_transformers

Vector = NDArray[np.float32]

KIND = "sound-text model"
REMEDY = (
    "give OWNER/NAME of the hub, or a folder with config.json, model.safetensors, and the files of "
    "its processor"
)
MODEL_TYPE = "clap"


@dataclass(frozen=True, slots=True)
class SoundTextModel:
    """A loaded model; it hears at most `max_s` at once, at `rate_hz`, and reads `max_tokens`."""

    model: Any
    prepare: Any
    tokenizer: Any
    rate_hz: int
    max_s: float
    max_tokens: int
    device: str

    def sound_vector(self, pieces: Iterable[NDArray[np.float32]]) -> Vector | None:
        """The vector of a sound, shape (dimension,): the mean of its pieces' at length one.

        Pieces have shape (n,), -1..1, and count by their length. None without pieces. Raises
        MediaError where it is no number.
        """
        import torch  # noqa: PLC0415 - heavy, and not everyone's

        total: Vector | None = None
        for piece in pieces:
            heard = self.prepare(piece, sampling_rate=self.rate_hz, return_tensors="pt")
            with torch.inference_mode():
                found = self.model.get_audio_features(**heard.to(self.device))
            weighted = len(piece) * unit_vector(found)
            total = weighted if total is None else total + weighted
        return None if total is None else total / np.linalg.norm(total)

    def text_vector(self, text: str) -> Vector:
        """The vector of a text, shape (dimension,), of length one; a longer text is cut off."""
        import torch  # noqa: PLC0415 - same

        tokens = self.tokenizer(
            [text], truncation=True, max_length=self.max_tokens, return_tensors="pt"
        )
        with torch.inference_mode():
            return unit_vector(self.model.get_text_features(**tokens.to(self.device)))

    def is_cut(self, text: str) -> bool:
        """Whether a text is too long for the model."""
        tokens = self.tokenizer([text], verbose=False)["input_ids"][0]
        return len(tokens) > self.max_tokens


def unit_vector(found: Any) -> Vector:
    """What a half of the model gives for one input, scaled to length one.

    Raises MediaError where it is no number.
    """
    # Before version 5 of transformers it is the vectors themselves.
    vectors = getattr(found, "pooler_output", found)
    vector = np.asarray(vectors[0].float().cpu().numpy(), np.float32)
    if not np.isfinite(vector).all():
        raise MediaError("the sound-text model gave a vector that is not of numbers")
    return vector / np.linalg.norm(vector)


def open_sound_text_model(model: str) -> SoundTextModel:
    """Load a model; its weights come from the hub where they are not on this machine.

    No code from the hub runs, and no pickle. Raises MissingExtraError without transformers,
    UsageError where the weights cannot be fetched or are incomplete.
    """
    check_sound_text_model(model)
    from transformers import ClapModel, ClapProcessor  # noqa: PLC0415 - heavy, not everyone's

    with loading(KIND, model, REMEDY):
        processor = ClapProcessor.from_pretrained(model)
        network, found = ClapModel.from_pretrained(
            model, weights_only=True, output_loading_info=True
        )
    if found["missing_keys"]:
        raise UsageError(
            f"the model {model!r} has no weights for {min(found['missing_keys'])!r}: {REMEDY}"
        )
    # RoBERTa counts positions from behind that of padding.
    text = network.config.text_config
    positions = text.max_position_embeddings - text.pad_token_id - 1
    max_tokens = int(min(processor.tokenizer.model_max_length, positions))
    device = accelerator()
    prepare = processor.feature_extractor
    rate_hz = int(prepare.sampling_rate)
    max_s = int(prepare.nb_max_samples) / rate_hz
    network = network.to(device).eval()
    return SoundTextModel(network, prepare, processor.tokenizer, rate_hz, max_s, max_tokens, device)


def check_sound_text_model(model: str) -> None:
    """Check, without weights, that a model exists and knows sounds and texts.

    Raises MissingExtraError without transformers, UsageError where it does not.
    """
    require_transformers()
    from transformers import AutoConfig  # noqa: PLC0415 - heavy, and not everyone's

    with loading(KIND, model, REMEDY):
        config = AutoConfig.from_pretrained(model, trust_remote_code=False)
    if config.model_type != MODEL_TYPE:
        raise UsageError(
            f"the model {model!r} is of type {config.model_type}, and not a CLAP model, which "
            f"knows sounds and texts: {REMEDY}"
        )
