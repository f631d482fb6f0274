import cv2
import numpy as np

from scripts.training.video_shots import Source


def still_shots() -> list[Source]:
    """Shots that stand still, unlike each other in every part."""
    rng = np.random.default_rng(5)
    found = []
    for number in range(6):
        coarse = rng.integers(40, 200, (8, 12, 3)).astype(np.uint8)
        image = np.asarray(cv2.resize(coarse, (128, 96), interpolation=cv2.INTER_NEAREST), np.uint8)
        found.append(Source(f"f{number}-0", f"f{number}", [image] * 50))
    return found
