"""Pictures of coloured discs, no two alike."""

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def scene(seed: int, size: tuple[int, int] = (448, 252)) -> Image:
    """A picture of coloured discs before a coloured ground, BGR; each seed another."""
    random = np.random.default_rng(seed)
    picture = np.empty((size[1], size[0], 3), np.uint8)
    picture[:] = random.integers(40, 220, 3)
    for _ in range(12):
        place = tuple(int(p * s) for p, s in zip(random.random(2), size, strict=True))
        colour = tuple(int(c) for c in random.integers(0, 256, 3))
        cv2.circle(picture, place, int(random.integers(15, 70)), colour, -1)
    return picture


def jpeg(picture: Image, quality: int = 80) -> bytes:
    """A picture as a JPEG file."""
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


SCENES = [scene(seed) for seed in range(24)]
