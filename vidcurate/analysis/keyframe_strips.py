"""A clip's keyframes side by side, small."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vidcurate.media.io.images import encode_jpeg, read_thumbnail

HEIGHT = 84
QUALITY = 70


def keyframe_strip(files: Sequence[Path], height: int = HEIGHT) -> bytes:
    """Return a JPEG of some pictures side by side, each `height` pixels high.

    Raises MediaError for a file that is not there or holds no picture.
    """
    pictures = [read_thumbnail(file, height) for file in files]
    gap = np.zeros((height, 1, 3), np.uint8)
    parts = [part for picture in pictures for part in (gap, picture)][1:]
    return encode_jpeg(np.ascontiguousarray(np.concatenate(parts, axis=1)), QUALITY)
