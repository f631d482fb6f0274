"""Perceptual hashes: 64 signs that a picture keeps when it is encoded again or made smaller.

Each bit is the sign of one of the longest cosine waves of the luma; after Zauner, "Implementation
and benchmarking of perceptual image hash functions", 2010, with zero instead of the median as the
threshold, so that the hash of the mirrored picture is known without it.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from vidcurate.media.visual.appearance import SIDE, waves, without_bars

Bytes = NDArray[np.uint8]

WAVES = 8
# Mirroring left to right turns the sign of every second wave across.
MIRRORING = np.packbits(np.tile(np.arange(WAVES) % 2 == 1, WAVES))
# A picture of less contrast (standard deviation of luma in 8-bit levels) has no hash.
MIN_SPREAD = 4.0


def perceptual_hash(bgr: Bytes) -> Bytes | None:
    """Return the hash of a picture of any size, 8 bytes; None for a nearly uniform picture.

    Equal black bars at opposite sides do not count.
    """
    square = cv2.resize(without_bars(bgr), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    luma = np.asarray(cv2.cvtColor(square, cv2.COLOR_BGR2GRAY), np.uint8)
    if luma.std() < MIN_SPREAD:
        return None
    return np.packbits(waves(luma, WAVES) > 0)


def mirrored_hashes(hashes: Bytes) -> Bytes:
    """Return the hashes of the same pictures mirrored left to right, 8 bytes a row."""
    return hashes ^ MIRRORING
