"""Single shots as the material of composed videos, each in a look of its own."""

from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

SPEEDS = (1.0, 1.0, 1.0, 0.5, 0.8, 1.5, 2.0)
PLAIN_SHARE, FORWARDS_SHARE, REFRAMED_SHARE = 0.4, 0.75, 0.3
LEAST_LEFT, LEAST_GAP, MOST_GAP = 30, 12, 150
VISIBLE, VISIBLE_TIMES = 8.0, 4.0


@dataclass(frozen=True, slots=True)
class Source:
    """The frames of one single shot, and the video that it was taken from."""

    name: str
    video: str
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
        """The frame `k` after the first, BGR of the video's size; the last one stands still."""
        frames = self.source.frames
        index = min(len(frames) - 1, round(self.first + k * self.speed))
        image = frames[index if self.forwards else len(frames) - 1 - index]
        height, width = image.shape[:2]
        wide, tall = fitted(width, height, self.size, self.box[2])
        left, top = round((width - wide) * self.box[0]), round((height - tall) * self.box[1])
        cell = cv2.resize(image[top : top + tall, left : left + wide], self.size)
        cell = cell[:, ::-1] if self.mirrored else cell
        return np.asarray(cv2.LUT(np.ascontiguousarray(cell), self.table), np.uint8)


def fitted(width: int, height: int, size: tuple[int, int], share: float) -> tuple[int, int]:
    """Size of the largest part of a picture that has a video's shape, times a share."""
    scale = min(width / size[0], height / size[1]) * share
    return max(2, int(size[0] * scale)), max(2, int(size[1] * scale))


def load(file: Path) -> Source:
    """All frames of a prepared shot; its video is the name before the last dash."""
    with av.open(str(file)) as container:
        frames = [
            np.asarray(f.to_ndarray(format="bgr24"), np.uint8) for f in container.decode(video=0)
        ]
    return Source(file.stem, file.stem.rpartition("-")[0], frames)


def looked_at(rng: np.random.Generator, source: Source, size: tuple[int, int]) -> Look:
    """A shot with chance speed, part of the picture, direction and colours."""
    plain = rng.random() < PLAIN_SHARE
    share = 1.0 if plain else rng.uniform(0.55, 1.0)
    speed = float(rng.choice(SPEEDS))
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


def jumped(rng: np.random.Generator, look: Look, shown: int) -> Look | None:
    """The same take some time after its first `shown` frames, at times framed closer.

    None where too little is left of it, or where the two pictures differ by less than 8 levels or
    four times what neighbouring frames do: nobody could call that a cut.
    """
    now = round(look.first + shown * look.speed)
    most = min(MOST_GAP, len(look.source.frames) - LEAST_LEFT - now)
    if most <= LEAST_GAP:
        return None
    first = now + int(rng.integers(LEAST_GAP, most))
    x, y, share = look.box
    closer = rng.uniform(0.65, 0.9) if rng.random() < REFRAMED_SHARE else 1.0
    later = replace(look, first=first, box=(x, y, share * closer))
    before, last, after = look.at(shown - 2), look.at(shown - 1), later.at(0)
    visible = max(VISIBLE, VISIBLE_TIMES * difference(before, last))
    return later if difference(last, after) > visible else None


def difference(one: Image, other: Image) -> float:
    """Mean difference of two pictures in 8-bit levels, once both are shrunk to 32 x 18."""
    small = [cv2.resize(i, (32, 18), interpolation=cv2.INTER_AREA) for i in (one, other)]
    return float(cv2.absdiff(*small).mean())
