"""What every embedder offers, so that stages and search can use any of them by name."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
# A model may be named by a folder that holds its settings and weights, or by its place on the hub.
FOLDER, HUB = "local-dir:", "hf-hub:"
Backend = Literal["appearance", "open_clip"]

BACKENDS: Mapping[Backend, str] = MappingProxyType(
    {
        "appearance": "vidcurate.media.visual.appearance:open_appearance",
        "open_clip": "vidcurate.models.vision.clip_embedder:open_clip_embedder",
    }
)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model, and which weights of it; backends without a model ignore it.

    `sha256` is that of a weights file, empty for any.
    """

    model: str = ""
    pretrained: str = ""
    sha256: str = ""


class Embedder(Protocol):
    """A backend that is ready to embed."""

    def image_vectors(self, images: Sequence[bytes]) -> Vectors:
        """One vector of length one for each image file (JPEG, PNG): shape (images, dimension).

        Raises MediaError for bytes that are no picture.
        """

    def text_vectors(self, texts: Sequence[str]) -> Vectors:
        """One vector of length one for each text, to be compared with those of images.

        Raises UsageError if the backend cannot embed text.
        """


class EmbedderOpener(Protocol):
    """The function that a backend's module offers."""

    def __call__(self, choice: ModelChoice, /) -> Embedder:
        """The backend, loaded."""
        ...


def open_embedder(backend: Backend, choice: ModelChoice) -> Embedder:
    """Open an embedder by name; its module is imported only now.

    Raises UsageError where the model cannot be loaded.
    """
    module, function = BACKENDS[backend].split(":")
    return cast("EmbedderOpener", getattr(importlib.import_module(module), function))(choice)
