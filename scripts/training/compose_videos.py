"""Composes videos whose cuts and disturbances are known, from single shots, to train and test.

A transition's start is the last pure frame of the old shot, its end the first pure frame of the
new one; a hard cut's end is its start + 1. A jump is a hard cut inside one take. A picture that
freezes and then goes on later in the take is a fault of the recording and no boundary: that is how
it differs from a jump. The same seed and shots give the same videos.
"""

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.training import video_baits as baits
from scripts.training import video_transitions as transitions
from scripts.training.video_shots import Look, Source, jumped, load, looked_at

Image = NDArray[np.uint8]

KINDS = {
    "cut": 0.34,
    "jump": 0.16,
    "dissolve": 0.16,
    "fade": 0.10,
    "wipe": 0.07,
    "push": 0.04,
    "zoom": 0.05,
    "whip": 0.08,
}
MIXED = {"zoom": (3, 30), "whip": (3, 24)}
SHORTEST_MIXED, LONGEST_MIXED = 3, 60
SIZES = ((320, 180), (256, 144), (426, 240), (320, 240), (240, 320), (320, 134), (214, 120))
RATES = ("24", "25", "30000/1001", "30", "50", "60", "15")
CODECS = {"libx264": 0.75, "mpeg4": 0.15, "mpeg2video": 0.1}
LENGTHS = ((8, 24), (24, 80), (80, 180))
SAME_VIDEO_SHARE, VARIES_SHARE, BAIT_SHARE = 0.5, 0.15, 0.45
# Frames that a disturbance of a whole video is taken to have lasted before.
ALWAYS = 1000
DRESSES = {"grain": 0.15, "letterbox": 0.1, "subtitles": 0.1, "shake": 0.05}


@dataclass(slots=True)
class Truth:
    """What is in a video, in frame indexes; bait spans hold first frame and frame after last."""

    n_frames: int = 0
    transitions: list[dict[str, object]] = field(default_factory=list)
    baits: list[dict[str, object]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Shot:
    """One shot of a video: its look, its pure frames, and the transition that follows it."""

    look: Look
    n_pure: int
    kind: str
    n_mixed: int


def next_source(rng: np.random.Generator, sources: list[Source], last: Source | None) -> Source:
    """Another shot than the last: of the same video half of the time, as videos have it."""
    others = [s for s in sources if last is None or s.name != last.name]
    same = [s for s in others if last is not None and s.video == last.video]
    pool = same if same and rng.random() < SAME_VIDEO_SHARE else others
    return pool[int(rng.integers(len(pool)))]


def plan(
    rng: np.random.Generator, sources: list[Source], n_frames: int, size: tuple[int, int]
) -> list[Shot]:
    """Shots for a video of about so many frames; the last one is followed by nothing."""
    shots: list[Shot] = []
    total, begun = 0, 0
    source = next_source(rng, sources, None)
    look = looked_at(rng, source, size)
    while total < n_frames:
        kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
        shortest, longest = LENGTHS[rng.choice(3, p=[0.35, 0.45, 0.2])]
        n_pure = int(rng.integers(shortest, longest))
        later = jumped(rng, look, begun + n_pure) if kind == "jump" else None
        kind = "cut" if kind == "jump" and later is None else kind
        n_mixed = mixed_frames(rng, kind)
        shots.append(Shot(look, n_pure, kind, n_mixed))
        total, begun = total + n_pure + n_mixed, n_mixed
        source = next_source(rng, sources, source) if later is None else source
        look = later or looked_at(rng, source, size)
    return shots


def mixed_frames(rng: np.random.Generator, kind: str) -> int:
    """Frames of a transition that show both shots: short ones are the more frequent."""
    if kind in ("cut", "jump"):
        return 0
    least, most = MIXED.get(kind, (SHORTEST_MIXED, LONGEST_MIXED))
    return round(math.exp(rng.uniform(math.log(least), math.log(most))))


def render(rng: np.random.Generator, shots: list[Shot], truth: Truth) -> Iterator[Image]:
    """The frames of a video, BGR; notes in `truth` what they are."""
    begun = 0
    for number, shot in enumerate(shots):
        pure = shot.look.at
        disturbed = disturbances(rng, shot, shots[number - 1].look, truth)
        for k in range(shot.n_pure):
            image = pure(frozen(disturbed, k) + begun)
            for first, end, _, disturb in disturbed:
                if disturb is not None and first <= k < end:
                    image = disturb(image, k - first, end - first)
            truth.n_frames += 1
            yield image
        if number + 1 == len(shots):
            return
        start = truth.n_frames - 1
        end = start + shot.n_mixed + 1
        truth.transitions.append({"start": start, "end": end, "kind": shot.kind})
        mix = transitions.TRANSITIONS[shot.kind](rng) if shot.n_mixed else transitions.blend
        for k in range(shot.n_mixed):
            one, other = pure(begun + shot.n_pure + k), shots[number + 1].look.at(k)
            truth.n_frames += 1
            yield mix(one, other, (k + 1) / (shot.n_mixed + 1))
        begun = shot.n_mixed


Bait = tuple[int, int, str, baits.Disturb | None]


def disturbances(rng: np.random.Generator, shot: Shot, other: Look, truth: Truth) -> list[Bait]:
    """What happens inside a shot: up to two things, away from its ends, which they would hide."""
    found: list[Bait] = []
    for _ in range(2):
        if rng.random() > BAIT_SHARE:
            continue
        name = str(rng.choice([*baits.BAITS, "freeze", "inset"]))
        make, (least, most) = baits.BAITS.get(name, (None, (6, 60)))
        length = int(rng.integers(least, most + 1))
        if length + 6 > shot.n_pure:
            continue
        first = int(rng.integers(3, shot.n_pure - length - 2))
        if name == "inset":
            disturb: baits.Disturb | None = baits.inset(rng, other.at)
        else:
            disturb = make(rng) if make is not None else None
        found.append((first, first + length, name, disturb))
        at = truth.n_frames + first
        truth.baits.append({"start": at, "end": at + length, "kind": name})
    return found


def frozen(found: list[Bait], k: int) -> int:
    """The frame of the shot that is seen `k` frames in: the first of a freeze for all of it."""
    return next((a for a, b, name, _ in found if name == "freeze" and a <= k < b), k)


def dressed(rng: np.random.Generator, images: Iterator[Image]) -> Iterator[Image]:
    """A video with what lies over all of it, its transitions too: grain, bars, subtitles, shake."""
    worn = [baits.BAITS[name][0](rng) for name, p in DRESSES.items() if rng.random() < p]
    for k, image in enumerate(images, ALWAYS):
        seen = image
        for disturb in worn:
            seen = disturb(seen, k, 2 * k)
        yield seen


def write_video(
    rng: np.random.Generator, sources: list[Source], file: Path, n_frames: int
) -> Truth:
    """Compose and encode one video with chance size, rate, codec and quality; its truth."""
    width, height = SIZES[int(rng.integers(len(SIZES)))]
    shots = plan(rng, sources, n_frames, (width, height))
    codec = str(rng.choice(list(CODECS), p=list(CODECS.values())))
    rate, truth = Fraction(str(rng.choice(RATES))), Truth()
    varies = codec == "libx264" and rng.random() < VARIES_SHARE
    with av.open(str(file), "w") as out:
        options = {"crf": str(rng.integers(16, 36)), "preset": "ultrafast"}
        quality = {"qmin": (q := str(rng.integers(2, 14))), "qmax": q}
        rate = Fraction(30) if codec == "mpeg2video" else rate
        stream = out.add_stream(codec, rate, options=options if codec == "libx264" else quality)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = 1 / (rate * 4) if varies else 1 / rate
        pts = 0
        for image in dressed(rng, render(rng, shots, truth)):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
            frame.pts, frame.time_base = pts, stream.codec_context.time_base
            pts += int(rng.integers(2, 9)) if varies else 1
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return truth


def compose(sources: list[Source], file: Path, n_frames: int, seed: tuple[int, int]) -> Truth:
    """Write a video, and its truth as JSON beside it."""
    truth = write_video(np.random.default_rng(seed), sources, file, n_frames)
    file.with_suffix(".json").write_text(json.dumps(asdict(truth), indent=1), "utf-8")
    return truth


def main() -> None:
    """Compose videos from a folder of single shots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shots", type=Path, help="a folder of single-shot videos")
    parser.add_argument(
        "folder", type=Path, help="video-000.mp4, video-000.json … are written here"
    )
    parser.add_argument("--videos", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="number of the first video")
    parser.add_argument("--frames", type=int, default=1500, help="frames of each video, about")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    sources = [load(file) for file in sorted(options.shots.glob("*.mp4"))]
    options.folder.mkdir(parents=True, exist_ok=True)
    for number in range(options.first, options.first + options.videos):
        file = options.folder / f"video-{number:03d}.mp4"
        truth = compose(sources, file, options.frames, (options.seed, number))
        counts = f"{truth.n_frames} frames, {len(truth.transitions)} transitions"
        print(f"{file.name}: {counts}", flush=True)


if __name__ == "__main__":
    main()
