"""The proxies of a clip as pictures, so that stages judge what is seen without decoding."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vidcurate.clips.vectors import clip_frames
from vidcurate.errors import MediaError
from vidcurate.media.scan.scanner import read_samples
from vidcurate.records import Clip

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Proxy:
    """A small picture of the frame at `pts`: RGB, shape (height, width, 3), upright."""

    pts: int
    image: Image


def clip_proxies(samples_file: Path, clip: Clip, at_most: int | None = None) -> list[Proxy]:
    """The proxies of a clip in time order; if there are more than `at_most`, evenly spread ones.

    A clip between two proxies has the one nearest to its middle. Raises MediaError where the video
    has none, or one is damaged.
    """
    samples = read_samples(samples_file, ("pts", "jpeg"))
    if samples.num_rows == 0:
        raise MediaError("the video has no proxy: scan it again")
    rows = clip_frames(samples, clip)
    rows = rows.take(spread(rows.num_rows, at_most))
    columns = (rows[name].to_pylist() for name in ("pts", "jpeg"))
    return [Proxy(pts, decode_jpeg(jpeg)) for pts, jpeg in zip(*columns, strict=True)]


def spread(count: int, at_most: int | None) -> NDArray[np.int64]:
    """Numbers of at most so many of `count` things: the middles of equal parts."""
    n_parts = count if at_most is None else min(count, at_most)
    return ((np.arange(n_parts) + 0.5) * count / n_parts).astype(np.int64)


def decode_jpeg(jpeg: bytes) -> Image:
    """A JPEG file as an RGB picture.

    Raises MediaError where it is damaged.
    """
    data = np.frombuffer(jpeg, np.uint8)
    bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if bgr is None:
        raise MediaError("a proxy is damaged: scan the video again")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
