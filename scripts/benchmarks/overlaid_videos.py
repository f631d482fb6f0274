"""Short videos cut out of real ones with something drawn over each picture, for benches."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from vidcurate.media.io.container import open_video
from vidcurate.media.scan.scanner import ScanOptions, scan_video
from vidcurate.records import Clip

Picture = NDArray[np.uint8]
# Draws over a picture, shape (height, width, 3), that is shown at so many seconds.
Draw = Callable[[Picture, float], None]

RATE = 8  # pictures a second: one sample a second is all that is judged
LONG_SIDE = 640


def starts(video: Path, count: int, seconds: float, dice: np.random.Generator) -> list[float]:
    """Random times at which stretches of a video begin, one in each of so many equal parts."""
    with open_video(video) as (container, _):
        length_s = (container.duration or 0) / 1_000_000
    last = max(0.0, length_s - seconds - 1)
    return [float(last * (part + dice.uniform()) / count) for part in range(count)]


def stretch(video: Path, start_s: float, seconds: float) -> list[Picture]:
    """Pictures of a video from a time on, BGR, at RATE and at most LONG_SIDE wide or high."""
    pictures: list[Picture] = []
    with open_video(video) as (container, stream):
        container.seek(int(start_s * 1_000_000))
        first: float | None = None
        for frame in container.decode(stream):
            time_s = float(frame.time or 0)
            first = time_s if first is None else first
            if len(pictures) == seconds * RATE:
                break
            if time_s - first >= len(pictures) / RATE:
                pictures.append(small(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)))
    return pictures


def small(picture: Picture) -> Picture:
    """A picture of even sides, as x264 takes them."""
    height, width = picture.shape[:2]
    factor = LONG_SIDE / max(width, height)
    size = (round(width * factor / 2) * 2, round(height * factor / 2) * 2)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def drawn(pictures: list[Picture], draw: Draw) -> Iterator[Picture]:
    """The same pictures, drawn over."""
    for number, picture in enumerate(pictures):
        copy = picture.copy()
        draw(copy, number / RATE)
        yield copy


def scanned(pictures: list[Picture], draw: Draw, folder: Path) -> Path:
    """The samples of a video of these pictures, drawn over and encoded by x264."""
    height, width = pictures[0].shape[:2]
    program = shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()
    source = ("-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{width}x{height}", "-r", str(RATE))
    x264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p")
    command = [program, "-v", "error", "-y", *source, "-i", "-", *x264, "-threads", "1"]
    video = folder / "video.mkv"
    with subprocess.Popen([*command, f"file:{video}"], stdin=subprocess.PIPE) as encoder:
        assert encoder.stdin is not None
        for picture in drawn(pictures, draw):
            encoder.stdin.write(picture.tobytes())
    scan_video(video, ScanOptions(metrics=()), folder / "frames.arrow", folder / "samples.arrow")
    return folder / "samples.arrow"


def span(start_s: float, end_s: float) -> Clip:
    """A clip of a made video; Matroska counts milliseconds."""
    pts = (round(start_s * 1000), round(end_s * 1000))
    return Clip("c", "v", *pts, Fraction(1, 1000), start_s, end_s, end_s - start_s, 1)
