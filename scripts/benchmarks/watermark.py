"""Measures how often marks laid over real video are found, by opacity, and clean video is cleared.

Each video is cut into stretches; over each lies, throughout, one mark of random words, sign, size,
colour and place, or none. Short stretches are videos of one clip; longer ones are of several, which
their video helps to judge. Marks and stretches follow from `--seed`.
"""

import argparse
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.benchmarks.overlaid_videos import RATE, Picture, scanned, span, starts, stretch
from vidcurate.clips.regions import Box
from vidcurate.media.visual.watermark import MarkFinder

OPACITIES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.6)
WORDS = (
    "SAMPLE",
    "StockVideo",
    "(c) Studio 4",
    "channel.tv",
    "PREVIEW ONLY",
    "@some_name",
)
CLIP_S, CLIPS_OF_LONG = 8, 5
LIKELY = 0.5  # the score from which a clip counts as marked


@dataclass(frozen=True, slots=True)
class Overlay:
    """A mark: how much of it covers each pixel, 0..1, its grey level, and the box it lies in."""

    cover: NDArray[np.float32]
    level: int
    box: Box

    def draw(self, picture: Picture, opacity: float) -> None:
        """Blend the mark into a picture."""
        alpha = opacity * self.cover[:, :, None]
        picture[:] = (picture * (1 - alpha) + self.level * alpha).astype(np.uint8)


def random_mark(picture: Picture, dice: np.random.Generator) -> Overlay:
    """Words, with a ring beside them or not, in a corner, at an edge or in the middle."""
    height, width = picture.shape[:2]
    word = str(dice.choice(WORDS))
    scale = float(dice.uniform(0.5, 1.4)) * min(width, height) / 360
    thick = 2 if scale > 0.8 else 1  # noqa: PLR2004 - as a designer would
    (wide, high), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    ring = high * int(dice.integers(2))
    total = wide + 3 * ring
    margin = 0.04 * min(width, height)
    x = int(margin + dice.choice([0.0, 0.5, 1.0]) * max(0, width - total - 2 * margin))
    y = int(margin + dice.choice([0.0, 0.5, 1.0]) * max(0, height - 2 * high - 2 * margin)) + high
    canvas = np.zeros((height, width), np.uint8)
    origin = (x + 3 * ring, y + high // 2)
    cv2.putText(canvas, word, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thick, cv2.LINE_AA)
    if ring:
        cv2.circle(canvas, (x + ring, y), ring, 255, thick + 1, cv2.LINE_AA)
    rows, columns = np.flatnonzero(canvas.any(axis=1)), np.flatnonzero(canvas.any(axis=0))
    edges = (columns[0] / width, rows[0] / height, columns[-1] / width, rows[-1] / height)
    level = int(dice.choice([255, 255, 160, 0]))
    return Overlay(np.asarray(canvas / 255, np.float32), level, Box(*map(float, edges)))


def outcomes(pictures: list[Picture], mark: Overlay, opacity: float, folder: Path) -> list[str]:
    """What became of each clip: still, missed, found (elsewhere: where no mark is)."""
    file = scanned(pictures, lambda picture, _: mark.draw(picture, opacity), folder)
    finder = MarkFinder()
    found = []
    for start in range(0, len(pictures) // RATE, CLIP_S):
        judged = finder.judge(file, span(start, start + CLIP_S)).mark
        if judged is None:
            found.append("still")
        elif judged.score < LIKELY or judged.box is None:
            found.append("missed")
        else:
            found.append("found" if touch(judged.box, mark.box) else "elsewhere")
    return found


def touch(first: Box, second: Box) -> bool:
    """Whether two boxes overlap."""
    across = min(first.right, second.right) > max(first.left, second.left)
    return across and min(first.bottom, second.bottom) > max(first.top, second.top)


def measure(video: Path, count: int, clips: int, seed: int) -> dict[float, Counter[str]]:
    """For each opacity what became of clips in stretches of one video, of so many clips each."""
    dice = np.random.default_rng(seed)
    seconds = clips * CLIP_S
    counts = {opacity: Counter[str]() for opacity in OPACITIES}
    with tempfile.TemporaryDirectory() as name:
        for start_s in starts(video, count, seconds, dice):
            pictures = stretch(video, start_s, seconds)
            mark = random_mark(pictures[0], dice)
            for opacity in OPACITIES:
                counts[opacity].update(outcomes(pictures, mark, opacity, Path(name)))
    return counts


def report(video: Path, count: int, clips: int, seed: int) -> None:
    """Print what became of the clips of one video."""
    counts = measure(video, count, clips, seed)
    print(f"{video.name}: {count} stretches of {clips} clips of {CLIP_S} s, seed {seed}")
    clean = counts[0.0]
    alarms = clean["found"] + clean["elsewhere"]
    print(f"  clean  {clean['missed']} cleared, {alarms} taken for marked, {clean['still']} null")
    for opacity, outcome in list(counts.items())[1:]:
        judged = outcome.total() - outcome["still"]
        positives = outcome["found"] + outcome["elsewhere"]
        print(
            f"  {opacity:5.0%}  precision {share(positives, positives + alarms)}, "
            f"recall of judged {share(positives, judged)}, of all "
            f"{share(positives, outcome.total())}; in place {share(outcome['found'], positives)}; "
            f"{outcome['still']} null",
            flush=True,
        )


def share(part: int, whole: int) -> str:
    """A share in per cent."""
    return f"{part / whole:4.0%}" if whole else "   -"


def main() -> None:
    """Print precision and recall by opacity for each video, for clips alone and in their video."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--stretches", type=int, default=8, help="of each video and length")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for video in arguments.videos:
        for clips in (1, CLIPS_OF_LONG):
            report(video, arguments.stretches, clips, arguments.seed)


if __name__ == "__main__":
    main()
