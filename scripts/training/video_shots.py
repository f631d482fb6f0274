"""Single shots as the material of composed videos, each in a look of its own."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

SPEEDS = (1.0, 1.0, 1.0, 0.5, 0.8, 1.5, 2.0)
PLAIN_SHARE, FORWARDS_SHARE, REFRAMED_SHARE = 0.4, 0.75, 0.4
NIGHT_SHARE, SMOOTH_SHARE, PUNCH_SHARE = 0.12, 0.5, 0.15
MIN_LEFT, MIN_GAP, MAX_GAP = 30, 12, 150
VISIBLE, VISIBLE_TIMES = 4.5, 3.5
WORDS = ("Part two", "Thank you", "the next day", "1987", "subscribe", "A film by", "Why?")
CARD = "card"


@dataclass(frozen=True, slots=True)
class Source:
    """The frames of one single shot, and the video that it was taken from."""

    name: str
    video: str
    frames: list[Image]


@dataclass(frozen=True, slots=True)
class Look:
    """How a shot is read: where from, how fast, which part of the picture, what colours.

    A smooth one blends neighbouring frames where it is slowed down; the others double them.
    """

    source: Source
    first: int
    speed: float
    mirrored: bool
    box: tuple[float, float, float]
    table: Image
    size: tuple[int, int]
    forwards: bool = True
    smooth: bool = False

    def at(self, k: int) -> Image:
        """The frame `k` after the first, BGR of the video's size; the last one stands still."""
        place = min(len(self.source.frames) - 1.0, self.first + k * self.speed)
        image = self.frame(math.floor(place) if self.smooth else round(place))
        if self.smooth and (share := place % 1.0):
            later = self.frame(math.floor(place) + 1)
            image = np.asarray(cv2.addWeighted(image, 1.0 - share, later, share, 0.0), np.uint8)
        height, width = image.shape[:2]
        wide, tall = fitted(width, height, self.size, self.box[2])
        left, top = round((width - wide) * self.box[0]), round((height - tall) * self.box[1])
        cell = cv2.resize(image[top : top + tall, left : left + wide], self.size)
        cell = cell[:, ::-1] if self.mirrored else cell
        return np.asarray(cv2.LUT(np.ascontiguousarray(cell), self.table), np.uint8)

    def frame(self, index: int) -> Image:
        """A frame of the source in the order in which it is read."""
        frames = self.source.frames
        return frames[index if self.forwards else len(frames) - 1 - index]


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


def random_look(
    rng: np.random.Generator, source: Source, size: tuple[int, int], pace: float = 1.0
) -> Look:
    """A shot with chance speed, times the pace of its video; part of the picture; colours."""
    plain = source.video == CARD or rng.random() < PLAIN_SHARE
    share = 1.0 if plain else rng.uniform(0.55, 1.0)
    speed = pace * float(rng.choice(SPEEDS))
    first = int(rng.integers(0, max(1, len(source.frames) - 40)))
    box = (rng.random(), rng.random(), share)
    forwards = rng.random() < FORWARDS_SHARE
    mirrored = bool(rng.integers(2))
    table = neutral() if plain else colours(rng)
    smooth = speed < 1.0 and rng.random() < SMOOTH_SHARE
    return Look(source, first, speed, mirrored, box, table, size, forwards, smooth)


def neutral() -> Image:
    """A table that leaves B, G and R as they are, shape (256, 1, 3)."""
    return np.arange(256, dtype=np.uint8)[:, None, None].repeat(3, axis=2)


def colours(rng: np.random.Generator) -> Image:
    """A table of new values for B, G and R, shape (256, 1, 3)."""
    levels = np.arange(256, dtype=np.float64)[:, None] / 255.0
    gamma = rng.uniform(0.65, 1.5)
    gain, lift = rng.uniform(0.75, 1.15, 3), rng.uniform(-0.05, 0.08)
    if rng.random() < NIGHT_SHARE:
        gamma, gain = rng.uniform(1.0, 2.2), gain * rng.uniform(0.2, 0.6)
    values = np.clip(levels**gamma * gain + lift, 0.0, 1.0) * 255.0
    return values.astype(np.uint8)[:, None, :]


def jumped(rng: np.random.Generator, look: Look, shown: int) -> Look | None:
    """The same take some time after its first `shown` frames, at times framed closer or wider.

    A new framing may go on at once. None where too little is left of the take, or where the two
    pictures differ by less than 4.5 levels or 3.5 times what neighbouring frames do: nobody could
    call that a cut.
    """
    now = round(look.first + shown * look.speed)
    most = min(MAX_GAP, len(look.source.frames) - MIN_LEFT - now)
    if most <= MIN_GAP:
        return None
    x, y, share = look.box
    punched = rng.random() < PUNCH_SHARE
    reframed = punched or rng.random() < REFRAMED_SHARE
    first = now + (0 if punched else int(rng.integers(MIN_GAP, most)))
    closer = min(1.0 / share, rng.choice([rng.uniform(0.6, 0.9), 1.25])) if reframed else 1.0
    later = replace(look, first=first, box=(x, y, share * closer))
    before, last, after = look.at(shown - 2), look.at(shown - 1), later.at(0)
    visible = max(VISIBLE, VISIBLE_TIMES * difference(before, last))
    return later if difference(last, after) > visible else None


def card(rng: np.random.Generator) -> Source:
    """A still of one colour, most often black, at times with words."""
    colour = [0, 0, 0] if rng.random() < 0.6 else rng.integers(0, 256, 3).tolist()  # noqa: PLR2004 - odds
    image = np.full((96, 160, 3), colour, np.uint8)
    words = rng.random() < 0.5  # noqa: PLR2004 - even odds
    if words:
        ink = [255 - level for level in colour]
        at = int(rng.integers(5, 60)), int(rng.integers(25, 85))
        font, scale = cv2.FONT_HERSHEY_SIMPLEX, rng.uniform(0.4, 1.2)
        cv2.putText(image, WORDS[int(rng.integers(len(WORDS)))], at, font, scale, ink, 2)
    return Source(f"{'words' if words else 'blank'}-{rng.integers(1 << 30)}", CARD, [image] * 60)


def is_blank(look: Look) -> bool:
    """Whether a shot is a still of one colour."""
    return look.source.video == CARD and look.source.name.startswith("blank")


def difference(one: Image, other: Image) -> float:
    """Mean difference of two pictures in 8-bit levels, once both are shrunk to 32 x 18."""
    small = [cv2.resize(i, (32, 18), interpolation=cv2.INTER_AREA) for i in (one, other)]
    return float(cv2.absdiff(*small).mean())
