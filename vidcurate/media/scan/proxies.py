"""The proxies of a clip as images, so that stages see pictures without decoding the video."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vidcurate.clips.vectors import clip_frames
from vidcurate.errors import MediaError
from vidcurate.media.io.images import Image, decode_image
from vidcurate.media.scan.files import read_samples
from vidcurate.records import Clip

DAMAGED = "a proxy is damaged: scan the video again"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A small copy of the frame at `pts`: RGB, shape (height, width, 3), upright."""

    pts: int
    image: Image


def clip_proxies(samples_file: Path, clip: Clip, max_count: int | None = None) -> list[Proxy]:
    """Read the proxies of a clip in time order, at most `max_count` of them, evenly spread.

    A clip between two proxies has the one nearest to its middle. Raises MediaError where the video
    has none, or one is damaged.
    """
    samples = read_samples(samples_file, ("pts", "jpeg"))
    if samples.num_rows == 0:
        raise MediaError("the video has no proxy: scan it again")
    rows = clip_frames(samples, clip)
    rows = rows.take(evenly_spread(rows.num_rows, max_count))
    columns = (rows[name].to_pylist() for name in ("pts", "jpeg"))
    return [Proxy(pts, decode_jpeg(jpeg)) for pts, jpeg in zip(*columns, strict=True)]


def evenly_spread(count: int, max_count: int | None) -> NDArray[np.int64]:
    """Return the numbers of at most `max_count` of `count` things: the middles of equal parts."""
    n_parts = count if max_count is None else min(count, max_count)
    return ((np.arange(n_parts) + 0.5) * count / n_parts).astype(np.int64)


def decode_jpeg(jpeg: bytes) -> Image:
    """Decode a JPEG file as an RGB image.

    Raises MediaError where it is damaged.
    """
    bgr = decode_image(jpeg, cv2.IMREAD_COLOR, DAMAGED)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
