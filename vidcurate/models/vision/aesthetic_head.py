"""LAION's aesthetic heads, which predict people's ratings of a picture from its CLIP vector.

Sources: github.com/LAION-AI/aesthetic-predictor (a linear layer, trained on ratings of SAC),
github.com/christophschuhmann/improved-aesthetic-predictor (five linear layers, trained on SAC,
LAION logos and AVA). Both were trained on vectors of length one of OpenAI's CLIP.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidcurate.errors import MissingExtraError, UsageError
from vidcurate.models.vision.embedder import ModelChoice
from vidcurate.models.weights import WeightsFile, fetch_weights

Vectors = NDArray[np.float32]
Scores = NDArray[np.float64]

V1 = "https://github.com/LAION-AI/aesthetic-predictor/raw/main/"
V2 = "https://github.com/christophschuhmann/improved-aesthetic-predictor/raw/main/"
LINEAR = ("weight", "bias")
# Gaps are of dropout, which does nothing here. A file with other numbers has other layers between.
CHAIN = tuple(f"layers.{n}.{part}" for n in (0, 2, 4, 6, 7) for part in LINEAR)
QUICKGELU = "-quickgelu"


@dataclass(frozen=True, slots=True)
class PublishedHead:
    """Weights of a head, and the architecture of OpenAI's CLIP whose vectors it scores."""

    weights: WeightsFile
    architecture: str


HEADS: Mapping[str, PublishedHead] = MappingProxyType(
    {
        "sac+logos+ava1-l14-linearMSE": PublishedHead(
            WeightsFile(
                "sac+logos+ava1-l14-linearMSE.pth",
                V2 + "sac%2Blogos%2Bava1-l14-linearMSE.pth",
                "21dd590f3ccdc646f0d53120778b296013b096a035a2718c9cb0d511bff0f1e0",
            ),
            "ViT-L-14",
        ),
        "sa_0_4_vit_l_14_linear": PublishedHead(
            WeightsFile(
                "sa_0_4_vit_l_14_linear.pth",
                V1 + "sa_0_4_vit_l_14_linear.pth",
                "2cd4e60f4f24ae3bcd57b847b13c1f3ba27edc28cc1a7f9ce74ee9f421243cba",
            ),
            "ViT-L-14",
        ),
        "sa_0_4_vit_b_32_linear": PublishedHead(
            WeightsFile(
                "sa_0_4_vit_b_32_linear.pth",
                V1 + "sa_0_4_vit_b_32_linear.pth",
                "c7b14cead230694acc7b9447974d3cad78003c72da032e402a303b6c2429e85f",
            ),
            "ViT-B-32",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class AestheticHead:
    """A head as one affine map: a weight for each number of a vector, and a bias."""

    weight: Scores
    bias: float

    def scores(self, vectors: Vectors) -> Scores:
        """One score for each vector of length one, shape (vectors,); mostly within 1 to 10."""
        return np.asarray(vectors @ self.weight + self.bias, np.float64)


def head_file(head: str) -> Path:
    """The file of a head, given by its published name or by a path.

    Raises UsageError where there is none, or it is not the published file.
    """
    if head in HEADS:
        return fetch_weights(HEADS[head].weights)
    if not Path(head).is_file():
        raise UsageError(
            f"there is no aesthetic head {head!r}: give a file, or one of {', '.join(HEADS)}"
        )
    return Path(head)


def read_head(file: Path) -> AestheticHead:
    """Read a head from a torch file, without running code.

    There is no activation between the layers of LAION's heads, so that together they are one map.
    Raises MissingExtraError without torch, UsageError for a file that holds no such head.
    """
    if find_spec("torch") is None:
        raise MissingExtraError("torch", "models")
    import torch  # noqa: PLC0415 - heavy, and not everyone's

    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
        parts = {name: np.asarray(found[name].numpy(), np.float64) for name in found}
        return affine([parts[name] for name in layers_of(parts)])
    except Exception as error:  # damaged files end in errors of any kind
        fault = re.sub(r"\s+", " ", f"{type(error).__name__}: {error}")[:200]
        raise UsageError(
            f"{file} holds no aesthetic head ({fault}): it must have the form of "
            f"{' or '.join(HEADS)}"
        ) from error


def layers_of(parts: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of a head's weights and biases in their order.

    Raises ValueError for names that no head has.
    """
    for names in (LINEAR, CHAIN):
        if set(parts) == set(names):
            return names
    raise ValueError(f"its parts are {', '.join(sorted(parts)[:4])}")


def affine(layers: list[Scores]) -> AestheticHead:
    """Weights and biases, in turn, as one map.

    Raises ValueError where they do not end in one finite number.
    """
    weight, bias = np.eye(layers[0].shape[1]), np.zeros(layers[0].shape[1])
    for matrix, offset in zip(layers[::2], layers[1::2], strict=True):
        weight, bias = matrix @ weight, matrix @ bias + offset
    if weight.shape[0] != 1 or not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise ValueError("its layers do not give one finite number")
    return AestheticHead(weight[0], float(bias[0]))


def check_head_fits(head: str, choice: ModelChoice) -> None:
    """Raise UsageError for a published head on vectors of another model than its own.

    A model that is named by a folder, by the hub or by a file of weights is trusted.
    """
    published = HEADS.get(head)
    if published is None or not choice.pretrained:
        return
    is_named_so = choice.model.replace("/", "-").removesuffix(QUICKGELU) == published.architecture
    if is_named_so and (choice.pretrained == "openai" or Path(choice.pretrained).is_file()):
        return
    raise UsageError(
        f"{head} judges vectors of {published.architecture} with the weights openai, and embed "
        f"makes those of {choice.model} with {choice.pretrained}: set embed.model and "
        "embed.pretrained so"
    )
