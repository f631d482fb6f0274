"""Transitions from one shot to the next, for videos of which the truth is known."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Mix = Callable[[Image, Image, float], Image]
Field = NDArray[np.float32]
Form = Callable[[int, int], Field]


def blend(one: Image, other: Image, share: float) -> Image:
    """A dissolve: `share` of the other picture."""
    return np.asarray(cv2.addWeighted(one, 1.0 - share, other, share, 0.0), np.uint8)


def glow(rng: np.random.Generator) -> Mix:
    """A dissolve in which one picture's lights outshine the other, as film does."""
    most = rng.uniform(0.2, 1.0)

    def mix(one: Image, other: Image, share: float) -> Image:
        near, away = min(1.0, (1.0 - share) * (1.0 + most)), min(1.0, share * (1.0 + most))
        return np.asarray(cv2.addWeighted(one, near, other, away, 0.0), np.uint8)

    return mix


def fade(rng: np.random.Generator) -> Mix:
    """Out to black or white and back in, with up to a third of the time between."""
    level = 255 if rng.random() < 0.25 else 0  # noqa: PLR2004 - a quarter are white
    half = (1.0 - rng.uniform(0.0, 0.33)) / 2.0

    def mix(one: Image, other: Image, share: float) -> Image:
        near, away = (one, share) if share < 1.0 - share else (other, 1.0 - share)
        return blend(near, np.full_like(near, level), min(1.0, away / half))

    return mix


def wipe(rng: np.random.Generator) -> Mix:
    """The new picture takes over place by place, behind a hard, a soft or a coloured edge."""
    form = FORMS[int(rng.integers(len(FORMS)))](rng)
    soft = float(rng.choice([0.004, rng.uniform(0.01, 0.1), rng.uniform(0.1, 0.5)]))
    band = rng.uniform(0.02, 0.35) if rng.random() < 0.12 else 0.0  # noqa: PLR2004 - odds
    colour = rng.integers(0, 256, 3).astype(np.float32)
    backwards, fields = rng.random() < 0.5, dict[tuple[int, int], Field]()  # noqa: PLR2004 - even odds

    def mix(one: Image, other: Image, share: float) -> Image:
        size = one.shape[0], one.shape[1]
        if size not in fields:
            found = spread_out(form(*size))
            fields[size] = 1.0 - found if backwards else found
        field = fields[size]

        def turned(edge: float) -> NDArray[np.float32]:
            return np.asarray(np.clip((edge - field) / soft + 0.5, 0.0, 1.0)[..., None], np.float32)

        edge = share * (1.0 + soft + band) - soft / 2.0
        new = turned(edge - band)
        mixed = one * (1.0 - new) + other * new
        if band:
            painted = turned(edge) - new
            mixed = one * (1.0 - turned(edge)) + other * new + colour * painted
        return np.asarray(mixed, np.uint8)

    return mix


def spread_out(field: Field) -> Field:
    """Scale a field to 0..1."""
    low, high = float(field.min()), float(field.max())
    return np.asarray((field - low) / max(1e-6, high - low), np.float32)


def grid(height: int, width: int) -> tuple[Field, Field]:
    """Where pixels lie across and down, -0.5..0.5."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return x / width - 0.5, y / height - 0.5


def line(rng: np.random.Generator) -> Form:
    """A straight edge, upright, level or slanted."""
    angle = rng.choice([0, 90, 45, 135, rng.uniform(0, 180)])

    def form(height: int, width: int) -> Field:
        x, y = grid(height, width)
        return np.asarray(x * np.cos(np.radians(angle)) + y * np.sin(np.radians(angle)))

    return form


def iris(rng: np.random.Generator) -> Form:
    """A circle, a box or a diamond that grows from somewhere near the middle."""
    shape, (left, top) = int(rng.integers(3)), rng.uniform(-0.25, 0.25, 2)
    wide = rng.uniform(0.8, 1.8)

    def form(height: int, width: int) -> Field:
        x, y = grid(height, width)
        x, y = np.abs(x - left) * wide, np.abs(y - top)
        return np.asarray((np.hypot(x, y), np.maximum(x, y), x + y)[shape])

    return form


def clock(rng: np.random.Generator) -> Form:
    """One hand or several that turn around a point."""
    hands, begin = int(rng.choice([1, 1, 2, 4])), rng.uniform(0.0, 1.0)
    left, top = rng.choice([0.0, 0.5], 2) * rng.choice([-1.0, 1.0], 2)

    def form(height: int, width: int) -> Field:
        x, y = grid(height, width)
        angle = np.arctan2(y - top, x - left) / (2.0 * np.pi)
        return np.asarray(((angle + begin) % 1.0 * hands) % 1.0, np.float32)

    return form


def doors(rng: np.random.Generator) -> Form:
    """Two straight edges that part from the middle, or meet there."""
    base = line(rng)

    def form(height: int, width: int) -> Field:
        return np.abs(base(height, width))

    return form


def blinds(rng: np.random.Generator) -> Form:
    """Strips that turn one by one or all at once."""
    base, strips, order = line(rng), int(rng.integers(3, 11)), rng.choice([0.0, rng.uniform(0, 2)])

    def form(height: int, width: int) -> Field:
        place = spread_out(base(height, width)) * (strips - 1e-3)
        return np.asarray(place % 1.0 + order * np.floor(place) / strips)

    return form


def checker(rng: np.random.Generator) -> Form:
    """Tiles that turn in an order of chance, or each as a wipe of its own."""
    down, across = int(rng.integers(3, 8)), int(rng.integers(4, 12))
    late = rng.random((down, across)).astype(np.float32)
    inner = rng.choice([0.05, rng.uniform(0.2, 1.0)])

    def form(height: int, width: int) -> Field:
        x, y = grid(height, width)
        x, y = (x + 0.5) * across, (y + 0.5) * down
        tile = late[np.minimum(y.astype(int), down - 1), np.minimum(x.astype(int), across - 1)]
        return np.asarray(tile + inner * (x % 1.0))

    return form


def clouds(rng: np.random.Generator) -> Form:
    """Patches that grow where chance has them, as ink in water does; at times across too."""
    coarse = rng.random((int(rng.integers(3, 9)), int(rng.integers(4, 14)))).astype(np.float32)
    way = rng.choice([0.0, rng.uniform(0.5, 2.0)])
    base = line(rng)

    def form(height: int, width: int) -> Field:
        noise = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        return np.asarray(noise + way * spread_out(base(height, width)))

    return form


def teeth(rng: np.random.Generator) -> Form:
    """An edge in zigzag or in waves."""
    upright, count = rng.random() < 0.5, int(rng.integers(2, 8))  # noqa: PLR2004 - even odds
    depth, round_ = rng.uniform(0.05, 0.3), rng.random() < 0.5  # noqa: PLR2004 - even odds

    def form(height: int, width: int) -> Field:
        x, y = grid(height, width)
        x, y = (y, x) if upright else (x, y)
        wave = np.sin(2.0 * np.pi * count * y) if round_ else 4.0 * np.abs(count * y % 1.0 - 0.5)
        return np.asarray(x + depth * wave)

    return form


def push(rng: np.random.Generator) -> Mix:
    """The new picture pushes the old one out, slides over it, or lies under it as it leaves."""
    axis, backwards = int(rng.integers(2)), rng.random() < 0.5  # noqa: PLR2004 - even odds
    way = str(rng.choice(["push", "push", "push", "slide", "reveal", "squeeze"]))
    blurs = rng.random() < 0.3  # noqa: PLR2004 - odds

    def mix(one: Image, other: Image, share: float) -> Image:
        size = one.shape[axis]
        done = max(1, min(size - 1, round(share * size)))
        if backwards:
            one, other = np.flip(one, axis), np.flip(other, axis)
        if way == "squeeze":
            kept, new = squeezed(one, size - done, axis), squeezed(other, done, axis)
        else:
            kept = np.take(one, range(size - done) if way == "slide" else range(done, size), axis)
            shown = range(size - done, size) if way == "reveal" else range(done)
            new = np.take(other, shown, axis)
        mixed = np.concatenate([kept, new], axis)
        if blurs:
            side = 1 + 2 * round(size * 0.12 * (1.0 - abs(2.0 * share - 1.0)))
            mixed = cv2.blur(mixed, (1, side) if axis == 0 else (side, 1))
        return np.ascontiguousarray(np.flip(mixed, axis) if backwards else mixed)

    return mix


def squeezed(image: Image, size: int, axis: int) -> Image:
    """A picture pressed to a size along one axis."""
    height, width = image.shape[:2]
    into = (width, size) if axis == 0 else (size, height)
    return np.asarray(cv2.resize(np.ascontiguousarray(image), into), np.uint8)


def zoom(rng: np.random.Generator) -> Mix:
    """Into the old picture while the new one comes through, clear or blurred."""
    most, blurred = rng.uniform(1.5, 4.0), rng.random() < 0.5  # noqa: PLR2004 - even odds

    def mix(one: Image, other: Image, share: float) -> Image:
        near = magnified(one, 1.0 + (most - 1.0) * share)
        far = magnified(other, 1.0 + (most - 1.0) * (1.0 - share))
        far = other if share > 0.5 and not blurred else far  # noqa: PLR2004 - half way
        mixed = blend(near, far, float(np.clip(share * 2.0 - 0.5, 0.02, 0.98)))
        side = 1 + 2 * round(4 * (0.5 - abs(share - 0.5)))
        return np.asarray(cv2.blur(mixed, (side, side)), np.uint8) if blurred else mixed

    return mix


def magnified(image: Image, factor: float) -> Image:
    """The middle of a picture, enlarged to its size."""
    height, width = image.shape[:2]
    tall, wide = max(2, round(height / factor)), max(2, round(width / factor))
    top, left = (height - tall) // 2, (width - wide) // 2
    cell = image[top : top + tall, left : left + wide]
    return np.asarray(cv2.resize(cell, (width, height)), np.uint8)


def whip(rng: np.random.Generator) -> Mix:
    """A pan that grows so fast that only streaks are left, and comes to rest on the new picture."""
    reach = rng.uniform(0.6, 3.0) * rng.choice([-1.0, 1.0])
    streak, upright = rng.uniform(0.08, 0.4), rng.random() < 0.25  # noqa: PLR2004 - odds
    soft = rng.uniform(0.01, 0.3)

    def mix(one: Image, other: Image, share: float) -> Image:
        size = one.shape[0 if upright else 1]
        side = 1 + 2 * round(size * streak * (1.0 - abs(2.0 * share - 1.0)) / 2.0)
        kernel = (1, side) if upright else (side, 1)

        def streaked(image: Image, done: float) -> Image:
            way = reach * size * 2.0 * done * abs(done)
            there = moved(image, 0.0 if upright else way, way if upright else 0.0)
            return np.asarray(cv2.blur(there, kernel), np.uint8)

        new = float(np.clip((share - 0.5) / soft + 0.5, 0.0, 1.0))
        return blend(streaked(one, share), streaked(other, share - 1.0), new)

    return mix


def moved(image: Image, x: float, y: float) -> Image:
    """A picture moved by some pixels, mirrored where it ends."""
    matrix = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
    size = image.shape[1], image.shape[0]
    return np.asarray(cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REFLECT), np.uint8)


def eased(mix: Mix, strength: float) -> Mix:
    """A transition that sets off and arrives more slowly, or faster, than it passes the middle."""

    def slower(one: Image, other: Image, share: float) -> Image:
        near, away = share**strength, (1.0 - share) ** strength
        return mix(one, other, float(np.clip(near / (near + away), 0.016, 0.984)))

    return slower


FORMS = (line, line, line, iris, iris, clock, doors, blinds, checker, clouds, teeth)
TRANSITIONS: dict[str, Callable[[np.random.Generator], Mix]] = {
    "dissolve": lambda rng: glow(rng) if rng.random() < 0.1 else blend,  # noqa: PLR2004 - odds
    "fade": fade,
    "wipe": wipe,
    "push": push,
    "zoom": zoom,
    "whip": whip,
}
