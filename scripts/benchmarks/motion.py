"""Measures how often camera movements are named right, on camera paths over stills of real videos.

Each clip is a window that moves over a still by a known path, with grain, encoded by x264; half of
the clips also have an object that crosses the picture, and half of the pans and tilts quicken and
slow down, as a camera that follows something does. Stills and paths follow from `--seed`.
"""

import argparse
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from vidcurate.media.io.container import open_video
from vidcurate.media.scan.scanner import ScanOptions, read_samples, scan_video
from vidcurate.records import Clip, MotionScore
from vidcurate.stages.scores.motion import CAMERA, MotionConfig, nearest, score

Picture = NDArray[np.uint8]
Values = NDArray[np.float64]
# Seconds to (pan, tilt, zoom, roll) since the start, as records.MotionScore has them.
CameraPath = Callable[[Values], Values]

SIZE, RATE, N_FRAMES = (640, 360), 24, 60
DIAGONAL = float(np.hypot(*SIZE))
STILL_SIZE = (1920, 1080)  # larger than the window, which may move before it meets the border
GRAIN = 2.0  # 8-bit levels
OBJECT_SHARE = 0.4  # of the window's height
LEAST_CONTRAST = 20.0  # 8-bit levels: below, a still is a fade or a title
SPEEDS = {"pan": (0.02, 0.4), "tilt": (0.02, 0.4), "zoom": (0.06, 0.6), "roll": (0.06, 0.6)}
# A camera that follows slows down to this share of its speed and quickens again, so often a second.
SLOWEST, FOLLOW_HZ = (0.1, 0.6), (0.3, 1.0)
SWAY_SPEED, SWAY_HZ = (0.03, 0.2), (2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Truth:
    """What a clip shows; an object, if any, moves by `crossing`, shares of width and height."""

    name: str
    speed: float
    path: CameraPath
    crossing: Values | None


def stills(video: Path, count: int, dice: np.random.Generator) -> Iterator[Picture]:
    """Keyframes at even distances, from a random first one, that are no fades."""
    with open_video(video) as (container, stream):
        length_us = container.duration or 0
        for place in (np.arange(2 * count) + dice.uniform()) / (2 * count):
            container.seek(int(length_us * place))
            frame = next(container.decode(stream))
            picture = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
            if picture.std() >= LEAST_CONTRAST:
                yield np.asarray(cv2.resize(picture, STILL_SIZE), np.uint8)


def truth_of(name: str, dice: np.random.Generator, *, has_object: bool) -> Truth:
    """A random path of one class."""
    crossing = dice.uniform(-1, 1, 2) if has_object else None
    if name == "static":
        return Truth(name, 0.0, lambda t: np.zeros((len(t), 4)), crossing)
    if name == "shake":
        return sway(dice, crossing)
    kind = name.split("_", maxsplit=1)[0]
    speed = float(np.exp(dice.uniform(*np.log(SPEEDS[kind]))))
    sign = -1 if name in ("pan_left", "tilt_down", "zoom_out") else 1
    sign = int(dice.choice([-1, 1])) if name == "roll" else sign
    rates = np.zeros(4)
    rates[list(SPEEDS).index(kind)] = sign * speed
    if kind in ("pan", "tilt") and dice.uniform() < 0.5:  # noqa: PLR2004 - half of them
        return Truth(name, speed, following(rates, dice), crossing)
    return Truth(name, speed, lambda t: np.outer(t, rates), crossing)


def following(rates: Values, dice: np.random.Generator) -> CameraPath:
    """A movement of these rates at its fastest, that slows down and quickens but never turns."""
    slowest, pace = dice.uniform(*SLOWEST), 2 * np.pi * dice.uniform(*FOLLOW_HZ)
    phase, mean = dice.uniform(0, 2 * np.pi), (1 + slowest) / 2
    return lambda t: np.outer(mean * t + (1 - mean) * np.sin(pace * t + phase) / pace, rates)


def sway(dice: np.random.Generator, crossing: Values | None) -> Truth:
    """A hand that shakes: three sines each way, of random phase."""
    speed = float(np.exp(dice.uniform(*np.log(SWAY_SPEED))))
    pace = 2 * np.pi * dice.uniform(*SWAY_HZ, (2, 3))
    phase = dice.uniform(0, 2 * np.pi, (2, 3))
    # Three sines of this amplitude of speed, each way, have this speed as root of mean square.
    size = speed / np.sqrt(3) / pace

    def path(t: Values) -> Values:
        across = (size * np.sin(np.multiply.outer(t, pace) + phase)).sum(axis=-1)
        return np.hstack([across, np.zeros((len(t), 2))])

    return Truth("shake", speed, path, crossing)


def frames(
    still: Picture, other: Picture, truth: Truth, dice: np.random.Generator
) -> Iterator[Picture]:
    """The pictures of a clip; its object is cut from the other still."""
    seconds = np.arange(N_FRAMES) / RATE
    path = truth.path(seconds) - truth.path(seconds).mean(axis=0)
    side = int(SIZE[1] * OBJECT_SHARE)
    thing = np.asarray(cv2.resize(other, (side * 16 // 9, side)), np.uint8)
    # Pieces of one large field of grain, as drawing it anew for every frame takes longest.
    grain = dice.normal(0, GRAIN, (SIZE[1] * 2, SIZE[0] * 2, 3)).astype(np.float32)
    for number, (pan, tilt, zoom, roll) in enumerate(path):
        turn = cv2.getRotationMatrix2D((0, 0), np.degrees(roll), np.exp(zoom) * 0.9)
        centre = np.array(STILL_SIZE) / 2 + np.array([pan, -tilt]) * DIAGONAL
        turn[:, 2] = np.array(SIZE) / 2 - turn[:, :2] @ centre
        warped = cv2.warpAffine(still, turn, SIZE, borderMode=cv2.BORDER_REFLECT)
        picture = np.asarray(warped, np.uint8)
        if truth.crossing is not None:
            paste(picture, thing, truth.crossing * (number / N_FRAMES - 0.5))
        left, top = (int(dice.integers(side)) for side in SIZE)
        piece = grain[top : top + SIZE[1], left : left + SIZE[0]]
        yield np.clip(picture + piece, 0, 255).astype(np.uint8)


def paste(picture: Picture, thing: Picture, at: Values) -> None:
    """Put an object into the picture; `at` is from the middle, in shares of width and height."""
    height, width = thing.shape[:2]
    left = int((at[0] + 0.5) * SIZE[0] - width / 2)
    top = int((at[1] + 0.5) * SIZE[1] - height / 2)
    x, y = max(left, 0), max(top, 0)
    shown = thing[y - top : SIZE[1] - top, x - left : SIZE[0] - left]
    picture[y : y + shown.shape[0], x : x + shown.shape[1]] = shown


def encode(pictures: Iterator[Picture], file: Path) -> None:
    """Write pictures as a video."""
    program = shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()
    source = ("-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{SIZE[0]}x{SIZE[1]}", "-r", str(RATE))
    x264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p")
    command = [program, "-v", "error", "-y", *source, "-i", "-", *x264, "-threads", "1"]
    command.append(f"file:{file}")
    subprocess.run(command, input=b"".join(p.tobytes() for p in pictures), check=True)


def judge(file: Path) -> MotionScore:
    """The motion of a whole video as one clip.

    Raises MediaError where no flow was measured.
    """
    folder = file.parent
    scan_video(file, ScanOptions(), folder / "frames.arrow", folder / "samples.arrow")
    clip = Clip("c", "v", 0, 1 << 40, Fraction(1, RATE), 0.0, 1.0, 1.0, N_FRAMES)
    samples = read_samples(folder / "samples.arrow")
    samples = samples.filter(samples["motion_mean"].is_valid())
    judged = samples if samples.num_rows else nearest(samples, clip)
    return score(clip, samples.num_rows, judged, MotionConfig())


def main() -> None:
    """Print how often each movement is found, and what it is taken for otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--clips", type=int, default=20, help="clips of each movement and video")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--misses", action="store_true", help="print every clip that is wrong")
    arguments = parser.parse_args()
    total = {kind: Counter[str]() for kind in CAMERA}
    for video in arguments.videos:
        print(f"{video.name}: seed {arguments.seed}", flush=True)
        for kind, found in named(video, arguments.clips, arguments.seed, misses=arguments.misses):
            report(kind, found)
            total[kind] += found
    print("all videos:")
    for kind, found in total.items():
        report(kind, found)


def report(kind: str, found: Counter[str]) -> None:
    """Print what clips of one movement are taken for."""
    print(f"  {kind:10} {found[kind] / found.total():4.0%}  {dict(found)}", flush=True)


def named(
    video: Path, count: int, seed: int, *, misses: bool = False
) -> Iterator[tuple[str, Counter[str]]]:
    """What so many clips of each movement over the stills of one video are taken for."""
    dice = np.random.default_rng(seed)
    pictures = list(stills(video, count, dice))
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "clip.mkv"
        for kind in CAMERA:
            found: Counter[str] = Counter()
            for number in range(count):
                pair = dice.choice(len(pictures), 2, replace=False)
                still, other = (pictures[place] for place in pair)
                truth = truth_of(kind, dice, has_object=number % 2 == 1)
                encode(frames(still, other, truth, dice), file)
                camera = judge(file).camera
                found[camera] += 1
                if misses and camera != kind:
                    print(f"    {kind} {truth.speed:.3f}, object {truth.crossing}: {camera}")
            yield kind, found


if __name__ == "__main__":
    main()
