"""Trains the learned shot detector on videos composed from single shots; needs torch.

The videos are rendered small and never encoded, which is enough for what the detector reads of
them, and played forwards and backwards, in other light and with noise.
"""

import argparse
import json
import multiprocessing
import time
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from scripts.training import compose_videos as compose
from scripts.training.detector_network import (
    SPAN,
    Network,
    Video,
    export,
    logits_of,
    new_network,
    train,
)
from scripts.training.video_shots import Source, load
from vidcurate.media.io.decode import SmallFrame
from vidcurate.media.shots.bands import HEIGHT, WIDTH, bands, picture_features, small_yuv
from vidcurate.media.shots.learned import KINDS, MARGIN

SIZES = ((128, 72), (128, 96), (96, 128), (128, 56), (160, 88))
KIND_OF = {"cut": "cut", "jump": "cut", "dissolve": "dissolve", "fade": "fade"}
PROCESSES = 2
RATE, MINED_RATE = 3e-3, 6e-4
MINED_SPEEDS, MIN_ALARM, MINED_SHARE = (1.0, 1.0, 1.6), 0.02, 0.12

Pictures = NDArray[np.uint8]
Image = NDArray[np.uint8]
Spans = list[tuple[int, int, str]]

# What the forked processes compose of; a few gigabytes that are not to be sent to them.
MATERIAL: list[Source] = []


def video_pictures(
    rng: np.random.Generator, sources: list[Source], n_frames: int
) -> tuple[Pictures, Spans]:
    """A composed video as pictures of 32 x 18, and its transitions."""
    size = SIZES[int(rng.integers(len(SIZES)))]
    truth = compose.Truth()
    shots = compose.plan(rng, sources, n_frames, size)
    frames = compose.dressed(rng, compose.render(rng, shots, truth))
    pictures = np.stack([small_picture(image) for image in frames])
    spans = [
        (cast("int", t["start"]), cast("int", t["end"]), str(t["kind"])) for t in truth.transitions
    ]
    return pictures, spans


def small_picture(image: Image) -> Pictures:
    """A picture of any size, BGR, as the detector reads it."""
    tall, wide = image.shape[0] // 4 * 4, image.shape[1] // 2 * 2
    i420 = cv2.cvtColor(np.ascontiguousarray(image[:tall, :wide]), cv2.COLOR_BGR2YUV_I420)
    row = np.empty((3, HEIGHT, WIDTH), np.uint8)
    small_yuv(SmallFrame(np.asarray(i420, np.uint8), 1), row)
    return row


def changed(rng: np.random.Generator, pictures: Pictures) -> Pictures:
    """Pictures in other light and colours, with the noise and the steps of hard compression."""
    luma = pictures[:, :1].astype(np.float32) - 16.0
    chroma = pictures[:, 1:].astype(np.float32) - 128.0
    luma = 219.0 * np.clip(luma / 219.0, 0.0, 1.0) ** rng.uniform(0.7, 1.4) * rng.uniform(0.7, 1.1)
    chroma *= rng.choice([0.0, rng.uniform(0.5, 1.3)], p=[0.12, 0.88])
    both = np.concatenate([luma + 16.0, chroma + 128.0], axis=1)
    both += rng.standard_normal(both.shape, np.float32) * rng.choice([0.0, 0.5, 1.0, 2.0])
    both += pulses(rng, len(both)) * rng.choice([0.0, 0.7, 1.5])
    step = rng.choice([1.0, 1.0, 2.0, 3.0])
    return np.asarray(np.clip(np.round(both / step) * step, 0, 255), np.uint8)


def pulses(rng: np.random.Generator, n_frames: int) -> NDArray[np.float32]:
    """The jumps of hard compression from one group of pictures to the next, of unit size."""
    groups = np.arange(n_frames) // int(rng.integers(12, 120))
    fields = rng.standard_normal((groups[-1] + 1, 3, HEIGHT, WIDTH), np.float32)
    return np.asarray(fields[groups])


def video(pictures: Pictures, spans: Spans) -> Video:
    """The features and targets of a video."""
    padded = np.concatenate(
        [pictures[:1].repeat(MARGIN, 0), pictures, pictures[-1:].repeat(MARGIN, 0)]
    )
    targets = np.zeros((len(pictures), 3), np.float32)
    for start, end, kind in spans:
        middle, near = (start + end + 1) // 2, min(2, (end - start) // 8)
        targets[middle - near : middle + near + 1, 0] = 1.0
        targets[start + 1 : end + 1, 1] = 1.0
        targets[start + 1 : end + 1, 2] = KINDS.index(KIND_OF.get(kind, "wipe"))
    return Video(bands(picture_features(padded)).astype(np.float16), targets)


def compose_set(seed: int, sources: list[Source], n_videos: int, *, augment: bool) -> list[Video]:
    """Composed videos of about 600 frames; each twice more when augmented, once backwards."""
    MATERIAL[:] = sources
    jobs = [(seed, number, augment) for number in range(n_videos)]
    with multiprocessing.get_context("fork").Pool(PROCESSES) as pool:
        return [one for variants in pool.starmap(composed, jobs, chunksize=8) for one in variants]


def composed(seed: int, number: int, augment: bool) -> list[Video]:  # noqa: FBT001 - a pool's call
    """One composed video, with its two variants where it is augmented."""
    rng = np.random.default_rng([seed, number])
    pictures, spans = video_pictures(rng, MATERIAL, 600)
    if not augment:
        return [video(pictures, spans)]
    last = len(pictures) - 1
    back = [(last - end, last - start, kind) for start, end, kind in spans]
    return [
        video(pictures, spans),
        video(changed(rng, pictures[::-1]), back),
        video(changed(rng, pictures), spans),
    ]


def mined(network: Network, sources: list[Source], seed: int) -> list[Video]:
    """Whole shots in which the network hears something: nothing is there to be heard."""
    found = []
    for number, source in enumerate(sources):
        rng = np.random.default_rng([seed, number])
        for speed in MINED_SPEEDS:
            index = np.arange(0, len(source.frames) - 1, speed).astype(int)
            pictures = np.stack([small_picture(source.frames[n]) for n in index])
            pictures = np.concatenate([pictures, pictures[-1:].repeat(SPAN, 0)])
            pictures = pictures[::-1] if rng.random() < 0.3 else pictures  # noqa: PLR2004 - odds
            pictures = changed(rng, pictures) if rng.random() < 0.5 else pictures  # noqa: PLR2004
            one = video(pictures, [])
            if float(torch.sigmoid(logits_of(network, one)[0]).max()) > MIN_ALARM:
                found.append(one)
    return found


def main() -> None:
    """Compose, train, export; videos named by --hold-out are kept for choosing and calibration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shots", type=Path, help="a folder of single-shot videos")
    parser.add_argument("weights", type=Path, help="the .npz file to write")
    parser.add_argument("--hold-out", nargs="*", default=[], help="beginnings of videos' names")
    parser.add_argument("--videos", type=int, default=150)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    sources = [load(file) for file in sorted(options.shots.glob("*.mp4"))]
    held = [s for s in sources if s.name.startswith(tuple(options.hold_out) or "\0")]
    used = [s for s in sources if s not in held]
    begun = time.perf_counter()
    videos = compose_set(options.seed, used, options.videos, augment=True)
    held_out = compose_set(options.seed + 1000, held or used, 20, augment=False)
    n_frames = sum(len(one.targets) for one in videos)
    facts = {"shots": len(used), "held_out_shots": len(held), "frames": n_frames}
    print(json.dumps(facts), f"{time.perf_counter() - begun:.0f} s", flush=True)
    network = new_network(videos, options.seed)
    steps = options.steps
    train(network, videos, held_out, steps=steps, rate=RATE, seed=options.seed)
    hard = mined(network, used, options.seed)
    print(len(hard), "mined", flush=True)
    videos += hard * max(1, round(MINED_SHARE * len(videos) / max(1, len(hard))))
    train(network, videos, held_out, steps=steps // 3, rate=MINED_RATE, seed=options.seed + 1)
    export(network, options.weights)


if __name__ == "__main__":
    main()
