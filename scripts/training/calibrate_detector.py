"""Fits the learned detector's confidence: of alarms of confidence 0.9, nine in ten are right.

Prints the two numbers of learned.CALIBRATION, by Platt's scaling. Give it shots that are in no
training video, and not those that accuracy is reported on.
"""

import argparse
import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.benchmarks.cuts import composed_videos
from scripts.benchmarks.score_cuts import Passage, truth_of, verdicts
from vidcurate.media.io.container import open_video
from vidcurate.media.io.decode import Faults, decode_video, shrinker_for
from vidcurate.media.shots.learned import LearnedDetector, LearnedOptions, Values, transitions

# Alarms of less than this probability count for nothing.
MIN_PROBABILITY = 1e-3

Numbers = NDArray[np.float64]


def rows_of(video: Path) -> Values:
    """What the network says of each frame of a video."""
    detector = LearnedDetector()
    with open_video(video) as (container, stream):
        shrinker = None
        for _, frame in decode_video(container, stream, Faults()):
            shrinker = shrinker or shrinker_for(frame)
            detector.add(shrinker.shrink(frame))
    detector.finish()
    return detector.take()


def alarms_of(video: Path) -> list[tuple[float, bool]]:
    """The log odds that the network gives each alarm of a video, and whether it is right."""
    rows = rows_of(video)
    found = [
        Passage(one.start, one.end, one.kind, float(rows[one.start + 1 : one.end + 1, 0].max()))
        for one in transitions(rows, LearnedOptions(threshold=0.0))
    ]
    judged = [
        (float(np.clip(p, MIN_PROBABILITY, 1 - MIN_PROBABILITY)), right)
        for p, right in verdicts(truth_of(video), found)
    ]
    return [(math.log(p / (1 - p)), right) for p, right in judged if p > MIN_PROBABILITY]


def platt(odds: Numbers, right: Numbers) -> Numbers:
    """Scale and offset of the logistic function that fits best, by Newton's method."""
    inputs = np.stack([odds, np.ones_like(odds)], axis=1)
    fitted = np.array([1.0, 0.0])
    for _ in range(50):
        shares = 1.0 / (1.0 + np.exp(-inputs @ fitted))
        slope = inputs.T @ (right - shares)
        curve = (inputs * (shares * (1.0 - shares))[:, None]).T @ inputs
        fitted = fitted + np.linalg.solve(curve + 1e-6 * np.eye(2), slope)
    return fitted


def main() -> None:
    """Compose videos, judge them, fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shots", type=Path, help="a folder of single-shot videos")
    parser.add_argument("folder", type=Path, help="where composed videos are kept")
    parser.add_argument("--videos", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    videos = composed_videos(options.shots, options.folder, options.videos, options.seed)
    found = [one for video in videos for one in alarms_of(video)]
    odds, right = (np.array(column, np.float64) for column in zip(*found, strict=True))
    scale, offset = platt(odds, right)
    print(f"CALIBRATION = ({scale:.2f}, {offset:.2f})  # {len(found)} alarms")


if __name__ == "__main__":
    main()
