"""Strips of pictures that show a clip at a glance, from its proxies."""

from pathlib import Path

import numpy as np

from vidcurate.errors import MediaError
from vidcurate.media.io.images import Image, encode_jpeg, resize_image
from vidcurate.media.scan.proxies import clip_proxies
from vidcurate.records import Clip

HEIGHT = 72
QUALITY = 70


def clip_strip(samples_file: Path, clip: Clip, count: int = 5, height: int = HEIGHT) -> bytes:
    """Return a JPEG of at most `count` pictures of a clip side by side, in time order.

    Pictures are `height` pixels high, with one dark pixel between two. Raises MediaError where
    the video's proxies are gone or damaged.
    """
    pictures = [fit(p.image, height) for p in clip_proxies(samples_file, clip, count)]
    if not pictures:
        raise MediaError("the video has no proxy: scan it again")
    gap = np.zeros((height, 1, 3), np.uint8)
    parts = [part for picture in pictures for part in (gap, picture)][1:]
    return encode_jpeg(np.ascontiguousarray(np.concatenate(parts, axis=1)), QUALITY)


def fit(image: Image, height: int) -> Image:
    """Scale a picture to a height in pixels, its proportions kept."""
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    return resize_image(image, width, height)
