"""Real footage to train on: single shots to compose videos of, and edited films with their cuts.

A folder of footage holds videos and, where some have cuts, `labels.jsonl` that says where. A source
is all videos whose name begins alike, up to "__": what is trained on and what is reported on share
none. Decoded once, a video's small pictures are kept in a cache folder, so that reruns are quick.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

from scripts.benchmarks.score_cuts import Passage
from vidcurate.errors import MediaError
from vidcurate.media.io.container import open_video
from vidcurate.media.io.decode import Faults, decode_video, shrinker_for
from vidcurate.media.shots.bands import HEIGHT, WIDTH, small_yuv

SCENE = re.compile(r"-Scene-\d+$")
SUFFIXES = frozenset({".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".mpg", ".3gp"})
LONG_SIDE, MOST_FRAMES = 176, 360
TUNE_FROM, TEST_FROM = 70, 82
# ffmpeg's sources of moving patterns, those drawn by chance always the same.
PATTERNS = {
    **dict.fromkeys(("testsrc", "testsrc2", "mandelbrot"), ""),
    **dict.fromkeys(("life", "cellauto", "sierpinski"), "seed=1:"),
}
PATTERN_SIZES, PATTERN_FRAMES = ("320x180", "128x96", "640x480"), 200

Image = NDArray[np.uint8]
Pictures = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Film:
    """A video as the detector reads it, and where its transitions are.

    `pictures` has shape (frames, 3, 18, 32); `uncertain` are spans of frames that nobody judges.
    """

    name: str
    pictures: Pictures
    rate: float
    transitions: tuple[Passage, ...]
    uncertain: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Labels:
    """What people saw in a video: its transitions, and spans that they could not tell.

    `n_frames` is how many frames they saw, where they say so.
    """

    transitions: tuple[Passage, ...] = ()
    uncertain: tuple[tuple[int, int], ...] = ()
    n_frames: int | None = None


def source_of(name: str) -> str:
    """Return the source of a video: its name up to a double underscore, or a scene's number."""
    return SCENE.sub("", Path(name).stem.partition("__")[0])


def part_of(name: str) -> str:
    """Return what a video serves, by its source: 70 % train, 12 % tune, 18 % test."""
    place = int(hashlib.sha256(source_of(name).encode()).hexdigest(), 16) % 100
    return "train" if place < TUNE_FROM else "tune" if place < TEST_FROM else "test"


def read_labels(file: Path) -> dict[str, Labels]:
    """Read labels: a line for each edited video; missing means that none are there."""
    if not file.exists():
        return {}
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]
    return {row["file"]: labels_of(row) for row in rows}


def labels_of(row: dict[str, Any]) -> Labels:
    """Turn a row of labels, which name first frames, into transitions and uncertain spans."""
    cuts = [Passage(first - 1, first, "cut") for first in row["cuts"]]
    gradual = [Passage(one["start"] - 1, one["end"], one["kind"]) for one in row["gradual"]]
    unsure = [(one["start"], one["end"]) for one in row["uncertain"]]
    transitions = sorted([*cuts, *gradual], key=lambda one: one.end)
    return Labels(tuple(transitions), tuple(sorted(unsure)), row.get("frames"))


def videos_in(folders: Iterable[Path]) -> list[Path]:
    """List the videos of folders, by name."""
    found = [file for folder in folders for file in folder.iterdir() if file.suffix in SUFFIXES]
    return sorted(found, key=lambda file: file.name)


def film(file: Path, labels: Labels, cache: Path) -> Film:
    """Read a video as the scan does, or its pictures from the cache.

    Raises MediaError where its labels are of another number of frames.
    """
    kept = cache / f"{file.name}.film.npz"
    if not kept.exists():
        pictures, rate = decoded_pictures(file)
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, pictures=pictures, rate=rate)
    with np.load(kept, allow_pickle=False) as arrays:
        pictures, rate = arrays["pictures"], float(arrays["rate"])
    if labels.n_frames not in (None, len(pictures)):
        raise MediaError(
            f"{file}: the labels are of {labels.n_frames} frames, and {len(pictures)} were "
            "decoded: give --labels a file that has it anew"
        )
    return Film(file.name, pictures, rate, labels.transitions, labels.uncertain)


def pattern_films() -> list[Film]:
    """Moving test patterns, as people make them to try a tool: nothing in them is a transition."""
    return [
        Film(f"{name}-{size}", pattern_pictures(name, size), 25.0, (), ())
        for name in PATTERNS
        for size in PATTERN_SIZES
    ]


def pattern_pictures(name: str, size: str) -> Pictures:
    """A few seconds of a pattern, as the detector reads it."""
    graph = Graph()
    source = graph.add(name, f"{PATTERNS[name]}size={size}:rate=25")
    graph.link_nodes(source, graph.add("format", "yuv420p"), graph.add("buffersink")).configure()
    rows = np.empty((PATTERN_FRAMES, 3, HEIGHT, WIDTH), np.uint8)
    shrinker = None
    for row in rows:
        frame = graph.vpull()
        shrinker = shrinker or shrinker_for(frame)
        small_yuv(shrinker.shrink(frame), row)
    return rows


def decoded_pictures(file: Path) -> tuple[Pictures, float]:
    """Decode a video into the detector's pictures; also its frames per second."""
    rows = []
    with open_video(file) as (container, stream):
        rate = float(stream.average_rate or 25)
        shrinker = None
        for _, frame in decode_video(container, stream, Faults()):
            shrinker = shrinker or shrinker_for(frame)
            row = np.empty((3, HEIGHT, WIDTH), np.uint8)
            small_yuv(shrinker.shrink(frame), row)
            rows.append(row)
    if not rows:
        raise MediaError(f"{file} has no frame that can be decoded: take it out of the footage")
    return np.stack(rows), rate


def shot_frames(file: Path, cache: Path) -> Image:
    """Read the first frames of a single shot, BGR and small: shape (frames, height, width, 3)."""
    kept = cache / f"{file.name}.shot.npy"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, decoded_frames(file))
    return np.asarray(np.load(kept, allow_pickle=False), np.uint8)


def decoded_frames(file: Path) -> Image:
    """Decode at most 360 frames of a video, the long side at most 176 pixels."""
    frames: list[Image] = []
    with open_video(file) as (container, stream):
        for _, frame in decode_video(container, stream, Faults()):
            scale = min(1.0, LONG_SIDE / max(frame.width, frame.height))
            size = max(2, round(frame.width * scale)), max(2, round(frame.height * scale))
            image = frame.to_ndarray(format="bgr24")
            frames.append(np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA)))
            if len(frames) == MOST_FRAMES:
                break
    return np.stack(frames)
