"""Measures how well consistency tells clips that hold two scenes from clips of one.

Shots are what the default detector makes of each video, so its mistakes count against the score. A
clip of one scene is a whole shot; one of two reaches from the middle of a shot to the middle of the
next. Limits are chosen on the first half of every video and judged on the second.
"""

import argparse
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.benchmarks.appearance import Video, area, read_video
from vidcurate.stages.scores.consistency import of_any_pair, of_neighbours

Scores = NDArray[np.float32]
MEASURES = ("neighbour_min", "pair_min", "pair_mean")
LEAST_FRAMES = 2  # a shot of one proxy says nothing


def clips_of(video: Video) -> tuple[Scores, Scores]:
    """What is measured of each shot, and of each two joined: shape (clips, measures)."""
    found = [np.flatnonzero(video.shots == number) for number in range(video.shots[-1] + 1)]
    shots = [frames for frames in found if len(frames) >= LEAST_FRAMES]
    joined = [
        np.concatenate([one[len(one) // 2 :], two[: (len(two) + 1) // 2]])
        for one, two in pairwise(shots)
        if two[0] == one[-1] + 1
    ]
    return measured(video, shots), measured(video, joined)


def measured(video: Video, clips: Sequence[NDArray[np.intp]]) -> Scores:
    """The measures of clips, each given by the numbers of its frames."""
    rows = []
    for frames in clips:
        vectors = video.vectors[frames]
        rows.append((of_neighbours(vectors)[0], *of_any_pair(vectors)))
    return np.array(rows, np.float32).reshape(-1, len(MEASURES))


def chosen_limit(single: Scores, joined: Scores) -> float:
    """The limit below which as large a share of joined clips, less that of single ones, lies."""
    limits = np.sort(np.concatenate([single, joined]))
    caught = np.searchsorted(np.sort(joined), limits) / len(joined)
    lost = np.searchsorted(np.sort(single), limits) / len(single)
    return float(limits[np.argmax(caught - lost)])


def report(name: str, single: Scores, joined: Scores, limits: Sequence[float]) -> None:
    """Print how well each measure tells the two kinds apart."""
    print(f"{name}: {len(single)} clips of one scene, {len(joined)} of two")
    for number, (measure, limit) in enumerate(zip(MEASURES, limits, strict=True)):
        one, two = single[:, number], joined[:, number]
        caught, lost = (two < limit).sum(), (one < limit).sum()
        print(
            f"  {measure:13} AUC {area(one, two):.3f}; below {limit:.3f} "
            f"{caught / len(two):4.0%} of two scenes, {lost / len(one):4.0%} of one, "
            f"precision {caught / max(caught + lost, 1):.2f}",
            flush=True,
        )


def main() -> None:
    """Choose limits on the videos' first halves, and judge each video by its second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="+", type=Path)
    paths: list[Path] = parser.parse_args().videos
    measures = []
    for path in paths:
        with tempfile.TemporaryDirectory() as name:
            measures.append(clips_of(read_video(path, Path(name))))
    halves = [[rows[: len(rows) // 2] for rows in kinds] for kinds in measures]
    single, joined = (np.concatenate(rows) for rows in zip(*halves, strict=True))
    limits = [chosen_limit(single[:, n], joined[:, n]) for n in range(len(MEASURES))]
    report("first halves, on which limits are chosen", single, joined, limits)
    for path, (one, two) in zip(paths, measures, strict=True):
        report(f"{path.name}, second half", one[len(one) // 2 :], two[len(two) // 2 :], limits)


if __name__ == "__main__":
    main()
