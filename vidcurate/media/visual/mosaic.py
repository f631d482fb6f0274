"""Mosaics of the patches that change most between two frames, at native size.

After the fragments of CAMP-VQA (Wang et al. 2025, arXiv 2511.07290): what compression does shows
in a few small places, which a picture shrunk for a model loses.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidcurate.errors import MediaError

Image = NDArray[np.uint8]

PATCH = 16  # pixels
ACROSS = 14  # patches in a row of a mosaic, which has as many rows: 224 x 224 pixels


@dataclass(frozen=True, slots=True)
class Mosaics:
    """The patches of the difference, and the same patches of the later frame, RGB."""

    residual: Image
    fragment: Image


def mosaics(before: Image, after: Image) -> Mosaics:
    """Make the mosaics of two frames of shape (height, width, 3).

    Patches lie on a grid from the top left corner; what is left over at the right and at the
    bottom counts not. The 196 with the largest sums of absolute differences are taken, of equal
    ones the earlier, and stand in the order in which they lie in the frame, row by row. Of a small
    frame all are taken, and the rest of the mosaic is black. Raises MediaError for frames of
    different sizes or below a patch.
    """
    if before.shape != after.shape:
        raise MediaError("the picture changes its size between two frames")
    residual = np.asarray(cv2.absdiff(before, after), np.uint8)
    parts = patches(residual)
    if not len(parts):
        raise MediaError(f"the picture is smaller than {PATCH}x{PATCH} pixels")
    sums = parts.sum(axis=(1, 2, 3), dtype=np.int64)
    largest = np.argsort(-sums, kind="stable")[: ACROSS * ACROSS]
    chosen = np.sort(largest)
    return Mosaics(laid_out(parts[chosen]), laid_out(patches(after)[chosen]))


def patches(image: Image) -> Image:
    """The whole patches of an image, row by row, shape (patches, 16, 16, 3)."""
    rows, columns = image.shape[0] // PATCH, image.shape[1] // PATCH
    whole = image[: rows * PATCH, : columns * PATCH]
    grid = whole.reshape(rows, PATCH, columns, PATCH, 3).swapaxes(1, 2)
    return grid.reshape(-1, PATCH, PATCH, 3)


def laid_out(parts: Image) -> Image:
    """Up to 196 patches as one picture, row by row."""
    full = np.zeros((ACROSS * ACROSS, PATCH, PATCH, 3), np.uint8)
    full[: len(parts)] = parts
    grid = full.reshape(ACROSS, ACROSS, PATCH, PATCH, 3).swapaxes(1, 2)
    return np.ascontiguousarray(grid.reshape(ACROSS * PATCH, ACROSS * PATCH, 3))
