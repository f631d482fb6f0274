"""Measures how often `safety` suspects pictures that are safe, over videos that show none other.

Every ten seconds of a video are judged as a clip is: by eight pictures. What it misses is not
measured, since no unsafe video can be fetched.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vidcurate.media.io.container import open_video
from vidcurate.models.vision.image_classifier import Classifier
from vidcurate.models.vision.nsfw import open_nsfw

CLIP_S, PICTURES = 10.0, 8
LONG_SIDE = 448  # of the proxies that the stage judges
LIMITS = (0.2, 0.5, 0.8, 0.9)

Picture = NDArray[np.uint8]


def clips_of(video: Path) -> Iterator[list[Picture]]:
    """Pictures (RGB) at even distances of every ten seconds of a video, and of what is left."""
    with open_video(video) as (container, stream):
        shown: list[Picture] = []
        due = CLIP_S / PICTURES / 2
        for frame in container.decode(stream):
            if frame.time is not None and frame.time >= due:
                due += CLIP_S / PICTURES
                picture = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
                scale = min(1.0, LONG_SIDE / max(picture.shape[:2]))
                small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
                shown.append(np.asarray(small, np.uint8))
            if len(shown) == PICTURES:
                yield shown
                shown = []
        if shown:
            yield shown


def suspected(
    videos: list[Path], judge: Classifier
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The highest and the mean probability of each clip of some videos."""
    found = [judge(pictures) for video in videos for pictures in clips_of(video)]
    return np.array([f.max() for f in found]), np.array([f.mean() for f in found])


def main() -> None:
    """Print the share of clips over each limit, by the highest and by the mean probability."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="+", type=Path)
    arguments = parser.parse_args()
    highest, mean = suspected(arguments.videos, open_nsfw())
    print(f"{len(mean)} clips of {len(arguments.videos)} videos, none of them unsafe")
    for limit in LIMITS:
        print(
            f"  over {limit}: nsfw_max {np.mean(highest > limit):6.1%}, "
            f"nsfw_mean {np.mean(mean > limit):6.1%}"
        )


if __name__ == "__main__":
    main()
