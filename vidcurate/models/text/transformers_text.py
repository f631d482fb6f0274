"""Vectors of texts by any sentence encoder that the package transformers loads.

Source: Reimers and Gurevych 2019 (Sentence-BERT), mean pooling with the attention mask.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from vidcurate.errors import MediaError
from vidcurate.models.device import accelerator
from vidcurate.models.quiet import silence_logs
from vidcurate.models.text.encoder import TextVectors, Vectors, mean_over_tokens, unit_length
from vidcurate.models.transformers_loading import LOGGERS, loading, require_transformers

Pooling = Literal["mean", "first"]
REMEDY = (
    "give OWNER/NAME of the hub, or a folder with config.json, the tokenizer's files and "
    "model.safetensors"
)
# Some tokenizers say that they take any length.
MAX_TOKENS = 1 << 16


@dataclass(frozen=True, slots=True)
class TransformersText:
    """A loaded encoder that reads at most `max_tokens` of a text."""

    model: Any
    tokenizer: Any
    device: str
    max_tokens: int
    pooling: Pooling

    def encode(self, groups: Iterable[Sequence[str]]) -> Iterator[TextVectors | MediaError]:
        """The vectors of each group of texts, in order."""
        for texts in groups:
            try:
                vectors = self.vectors(texts)
            except MediaError as fault:
                yield fault
            else:
                yield TextVectors(vectors, tuple(self.is_cut(text) for text in texts))

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """The vectors of some texts, shape (texts, dimension)."""
        import torch  # noqa: PLC0415 - heavy, and not everyone's

        batch = self.tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self.max_tokens,
            return_tensors="pt",
        )
        with torch.inference_mode():
            states = self.model(**batch.to(self.device)).last_hidden_state.float().cpu().numpy()
        mask = batch["attention_mask"].cpu().numpy()
        if self.pooling == "first":
            return unit_length(states[np.arange(len(states)), mask.argmax(axis=1)])
        return mean_over_tokens(states, mask)

    def is_cut(self, text: str) -> bool:
        """Whether a text has more tokens than the model reads."""
        with silence_logs(*LOGGERS):
            return len(self.tokenizer(text)["input_ids"]) > self.max_tokens


def open_transformers_text(model: str, revision: str, pooling: Pooling) -> TransformersText:
    """Load an encoder on the best device of this machine; its weights may come from the hub.

    Raises MissingExtraError without transformers, UsageError for a model that cannot be loaded.
    """
    require_transformers()
    import transformers  # noqa: PLC0415 - heavy, and not everyone's

    device = accelerator()
    with loading("sentence encoder", model, REMEDY):
        tokenizer = transformers.AutoTokenizer.from_pretrained(model, revision=revision or None)
        network = transformers.AutoModel.from_pretrained(model, revision=revision or None)
        places = getattr(network.config, "max_position_embeddings", None) or MAX_TOKENS
        max_tokens = min(tokenizer.model_max_length, places, MAX_TOKENS)
    return TransformersText(network.eval().to(device), tokenizer, device, max_tokens, pooling)
