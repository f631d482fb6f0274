"""Composes films of which every cut and disturbance is known, from single shots, to train and test.

A transition's start is the last pure frame of the old shot, its end the first pure frame of the
new one; a hard cut's end is its start + 1. The same seed and shots give the same films.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import film_effects as effects
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

KINDS = {"cut": 0.56, "dissolve": 0.17, "fade": 0.10, "wipe": 0.07, "push": 0.04, "zoom": 0.06}
SIZES = ((320, 180), (256, 144), (426, 240), (320, 240), (240, 320), (320, 134), (214, 120))
RATES = ("24", "25", "30000/1001", "30", "50", "60", "15")
CODECS = {"libx264": 0.75, "mpeg4": 0.15, "mpeg2video": 0.1}
LENGTHS = ((8, 24), (24, 80), (80, 180))
PLAIN_SHARE, FORWARDS_SHARE, SAME_FILM_SHARE, VARIES_SHARE = 0.4, 0.75, 0.5, 0.15
BAIT_SHARE = 0.45


@dataclass(frozen=True, slots=True)
class Source:
    """The frames of one single shot, and the film that it was taken from."""

    name: str
    film: str
    frames: list[Image]


@dataclass(frozen=True, slots=True)
class Look:
    """How a shot is read: where from, how fast, which part of the picture, what colours."""

    source: Source
    first: int
    speed: float
    mirrored: bool
    box: tuple[float, float, float]
    table: Image
    size: tuple[int, int]
    forwards: bool = True

    def at(self, k: int) -> Image:
        """The frame `k` after the first, BGR of the film's size; the last one stands still."""
        frames = self.source.frames
        index = min(len(frames) - 1, round(self.first + k * self.speed))
        image = frames[index if self.forwards else len(frames) - 1 - index]
        height, width = image.shape[:2]
        wide, tall = fitted(width, height, self.size, self.box[2])
        left, top = round((width - wide) * self.box[0]), round((height - tall) * self.box[1])
        cell = cv2.resize(image[top : top + tall, left : left + wide], self.size)
        cell = cell[:, ::-1] if self.mirrored else cell
        return np.asarray(cv2.LUT(np.ascontiguousarray(cell), self.table), np.uint8)


@dataclass(slots=True)
class Truth:
    """What is in a film, in frame indexes; bait spans hold first frame and frame after last."""

    n_frames: int = 0
    transitions: list[dict[str, object]] = field(default_factory=list)
    baits: list[dict[str, object]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Shot:
    """One shot of a film: its look, its pure frames, and the transition that follows it."""

    look: Look
    n_pure: int
    kind: str
    n_mixed: int


def fitted(width: int, height: int, size: tuple[int, int], share: float) -> tuple[int, int]:
    """Size of the largest part of a picture that has a film's shape, times a share."""
    scale = min(width / size[0], height / size[1]) * share
    return max(2, int(size[0] * scale)), max(2, int(size[1] * scale))


def load(file: Path) -> Source:
    """All frames of a prepared shot; its film is the name before the last dash."""
    with av.open(str(file)) as container:
        frames = [
            np.asarray(f.to_ndarray(format="bgr24"), np.uint8) for f in container.decode(video=0)
        ]
    return Source(file.stem, file.stem.rpartition("-")[0], frames)


def looked_at(rng: np.random.Generator, source: Source, size: tuple[int, int]) -> Look:
    """A shot with chance speed, part of the picture, direction and colours."""
    plain = rng.random() < PLAIN_SHARE
    share = 1.0 if plain else rng.uniform(0.55, 1.0)
    speed = float(rng.choice([1.0, 1.0, 1.0, 0.5, 2.0, 1.5]))
    first = int(rng.integers(0, max(1, len(source.frames) - 40)))
    box = (rng.random(), rng.random(), share)
    forwards = rng.random() < FORWARDS_SHARE
    mirrored = bool(rng.integers(2))
    table = neutral() if plain else colours(rng)
    return Look(source, first, speed, mirrored, box, table, size, forwards)


def neutral() -> Image:
    """A table that leaves B, G and R as they are, shape (256, 1, 3)."""
    return np.arange(256, dtype=np.uint8)[:, None, None].repeat(3, axis=2)


def colours(rng: np.random.Generator) -> Image:
    """A table of new values for B, G and R, shape (256, 1, 3)."""
    levels = np.arange(256, dtype=np.float64)[:, None] / 255.0
    gamma = rng.uniform(0.65, 1.5)
    gain, lift = rng.uniform(0.75, 1.15, 3), rng.uniform(-0.05, 0.08)
    values = np.clip(levels**gamma * gain + lift, 0.0, 1.0) * 255.0
    return values.astype(np.uint8)[:, None, :]


def next_source(rng: np.random.Generator, sources: list[Source], last: Source | None) -> Source:
    """Another shot than the last: of the same film half of the time, as films have it."""
    others = [s for s in sources if last is None or s.name != last.name]
    same = [s for s in others if last is not None and s.film == last.film]
    pool = same if same and rng.random() < SAME_FILM_SHARE else others
    return pool[int(rng.integers(len(pool)))]


def plan(
    rng: np.random.Generator, sources: list[Source], n_frames: int, size: tuple[int, int]
) -> list[Shot]:
    """Shots for a film of about so many frames; the last one is followed by nothing."""
    shots: list[Shot] = []
    total, last = 0, None
    while total < n_frames:
        last = next_source(rng, sources, last)
        kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
        shortest, longest = LENGTHS[rng.choice(3, p=[0.35, 0.45, 0.2])]
        n_pure = int(rng.integers(shortest, longest))
        n_mixed = 0 if kind == "cut" else round(np.exp(rng.uniform(np.log(2), np.log(59))))
        shots.append(Shot(looked_at(rng, last, size), n_pure, kind, n_mixed))
        total += n_pure + n_mixed
    return shots


def render(rng: np.random.Generator, shots: list[Shot], truth: Truth) -> Iterator[Image]:
    """The frames of a film, BGR; notes in `truth` what they are."""
    begun = 0
    for number, shot in enumerate(shots):
        pure = shot.look.at
        baits = disturbances(rng, shot, shots[number - 1].look, truth)
        for k in range(shot.n_pure):
            image = pure(frozen(baits, k) + begun)
            for first, end, _, disturb in baits:
                if disturb is not None and first <= k < end:
                    image = disturb(image, k - first, end - first)
            truth.n_frames += 1
            yield image
        if number + 1 == len(shots):
            return
        start = truth.n_frames - 1
        end = start + shot.n_mixed + 1
        truth.transitions.append({"start": start, "end": end, "kind": shot.kind})
        mix = effects.TRANSITIONS[shot.kind](rng) if shot.n_mixed else effects.blend
        for k in range(shot.n_mixed):
            one, other = pure(begun + shot.n_pure + k), shots[number + 1].look.at(k)
            truth.n_frames += 1
            yield mix(one, other, (k + 1) / (shot.n_mixed + 1))
        begun = shot.n_mixed


Bait = tuple[int, int, str, effects.Disturb | None]


def disturbances(rng: np.random.Generator, shot: Shot, other: Look, truth: Truth) -> list[Bait]:
    """What happens inside a shot: up to two things, away from its ends, which they would hide."""
    found: list[Bait] = []
    for _ in range(2):
        if rng.random() > BAIT_SHARE:
            continue
        name = str(rng.choice([*effects.BAITS, "freeze", "inset"]))
        make, (least, most) = effects.BAITS.get(name, (None, (6, 60)))
        length = int(rng.integers(least, most + 1))
        if length + 6 > shot.n_pure:
            continue
        first = int(rng.integers(3, shot.n_pure - length - 2))
        if name == "inset":
            disturb: effects.Disturb | None = effects.inset(rng, other.at)
        else:
            disturb = make(rng) if make is not None else None
        found.append((first, first + length, name, disturb))
        at = truth.n_frames + first
        truth.baits.append({"start": at, "end": at + length, "kind": name})
    return found


def frozen(baits: list[Bait], k: int) -> int:
    """The frame of the shot that is seen `k` frames in: the first of a freeze for all of it."""
    return next((a for a, b, name, _ in baits if name == "freeze" and a <= k < b), k)


def write_film(rng: np.random.Generator, sources: list[Source], file: Path, n_frames: int) -> Truth:
    """Compose and encode one film with chance size, rate, codec and quality; its truth."""
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
        for image in render(rng, shots, truth):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
            frame.pts, frame.time_base = pts, stream.codec_context.time_base
            pts += int(rng.integers(2, 9)) if varies else 1
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return truth


def main() -> None:
    """Compose films from a folder of single shots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shots", type=Path, help="a folder of single-shot films")
    parser.add_argument("folder", type=Path, help="film-000.mp4, film-000.json … are written here")
    parser.add_argument("--films", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="number of the first film")
    parser.add_argument("--frames", type=int, default=1500, help="frames of each film, about")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    sources = [load(file) for file in sorted(options.shots.glob("*.mp4"))]
    options.folder.mkdir(parents=True, exist_ok=True)
    for number in range(options.first, options.first + options.films):
        rng = np.random.default_rng([options.seed, number])
        file = options.folder / f"film-{number:03d}.mp4"
        truth = write_film(rng, sources, file, options.frames)
        file.with_suffix(".json").write_text(json.dumps(asdict(truth), indent=1))
        counts = f"{truth.n_frames} frames, {len(truth.transitions)} transitions"
        print(f"{file.name}: {counts}", flush=True)


if __name__ == "__main__":
    main()
