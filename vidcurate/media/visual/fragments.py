"""Fragments of a clip's frames: small squares at native size, one of each part of the picture.

After FAST-VQA (Wu et al. 2022, arXiv 2207.02595) with the numbers of Koala-36M's published code.
That code draws places and times by chance; here they are the middle of what it draws from, so that
a clip has one number.
"""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

ACROSS = 7  # squares, and down
SQUARE = 32  # pixels
SIDE = ACROSS * SQUARE
N_PIECES, N_FRAMES, STEP = 4, 32, 2


def fragment_frames(n_frames: int) -> list[int]:
    """The numbers of a clip's frames that are looked at: 4 pieces of every other frame, 32 each.

    A clip that is too short begins again.
    """
    part = n_frames // N_PIECES
    start = max(0, part - N_FRAMES * STEP) // 2
    wanted = (
        piece * part + start + frame * STEP
        for piece in range(N_PIECES)
        for frame in range(N_FRAMES)
    )
    return [number % n_frames for number in wanted]


def fragment_picture(image: Image) -> Image:
    """The squares of a frame beside each other, shape (224, 224, 3).

    A frame with a side below 224 is enlarged first; squares then lie where they would in the frame
    before, as in the published code.
    """
    height, width = image.shape[:2]
    enlarged = image
    ratio = min(height, width) / SIDE
    if ratio < 1:
        size = (max(SIDE, int(width / ratio)), max(SIDE, int(height / ratio)))
        enlarged = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    made = np.zeros((SIDE, SIDE, 3), np.uint8)
    for row, top in enumerate(corners(height)):
        for column, left in enumerate(corners(width)):
            square = enlarged[top : top + SQUARE, left : left + SQUARE]
            into = np.s_[row * SQUARE : (row + 1) * SQUARE, column * SQUARE : (column + 1) * SQUARE]
            made[into] = square
    return made


def corners(length: int) -> list[int]:
    """Where squares begin along a side: in the middle of each of seven parts."""
    part = length // ACROSS
    inside = max(0, part - SQUARE) // 2
    return [max(0, min(part * number, length - SQUARE)) + inside for number in range(ACROSS)]


def fragment_pieces(images: Iterable[tuple[int, Image]], order: Sequence[int]) -> Image:
    """The pieces of a clip, shape (4, 32, 224, 224, 3).

    `images` are its frames by time, each once; `order` are the times of the 128 that are wanted.
    """
    pictures = {time: fragment_picture(image) for time, image in images}
    pieces = np.stack([pictures[time] for time in order])
    return pieces.reshape(N_PIECES, N_FRAMES, SIDE, SIDE, 3)
