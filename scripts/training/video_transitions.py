"""Transitions from one shot to the next, for videos of which the truth is known."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Mix = Callable[[Image, Image, float], Image]


def blend(one: Image, other: Image, share: float) -> Image:
    """A dissolve: `share` of the other picture."""
    return np.asarray(cv2.addWeighted(one, 1.0 - share, other, share, 0.0), np.uint8)


def fade(rng: np.random.Generator) -> Mix:
    """Out to black or white and back in, with up to a third of the time between."""
    level = 255 if rng.random() < 0.25 else 0  # noqa: PLR2004 - a quarter are white
    half = (1.0 - rng.uniform(0.0, 0.33)) / 2.0

    def mix(one: Image, other: Image, share: float) -> Image:
        near, away = (one, share) if share < 1.0 - share else (other, 1.0 - share)
        return blend(near, np.full_like(near, level), min(1.0, away / half))

    return mix


def wipe(rng: np.random.Generator) -> Mix:
    """A straight edge at any angle, a circle, or blinds, with a hard or a soft edge."""
    form = rng.choice(["line", "line", "line", "circle", "blinds"])
    angle, soft = rng.choice([0, 90, 180, 270, rng.uniform(0, 360)]), rng.uniform(0.002, 0.12)
    inwards, blinds = rng.random() < 0.5, int(rng.integers(3, 9))  # noqa: PLR2004 - even odds

    def mix(one: Image, other: Image, share: float) -> Image:
        height, width = one.shape[:2]
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        x, y = x / width - 0.5, y / height - 0.5
        if form == "circle":
            field = np.hypot(x, y) / np.hypot(0.5, 0.5)
            field = 1.0 - field if inwards else field
        else:
            field = x * np.cos(np.radians(angle)) + y * np.sin(np.radians(angle))
            field = (field - field.min()) / max(1e-6, float(field.max() - field.min()))
            field = field * blinds % 1.0 if form == "blinds" else field
        edge = share * (1.0 + soft) - soft / 2.0
        mask = np.clip((edge - field) / soft + 0.5, 0.0, 1.0).astype(np.float32)[..., None]
        return np.asarray(one * (1.0 - mask) + other * mask, np.uint8)

    return mix


def push(rng: np.random.Generator) -> Mix:
    """The new picture pushes the old one out, or slides over it."""
    axis, backwards, slides = int(rng.integers(2)), rng.random() < 0.5, rng.random() < 0.3  # noqa: PLR2004 - odds

    def mix(one: Image, other: Image, share: float) -> Image:
        size = one.shape[axis]
        done = max(1, min(size - 1, round(share * size)))
        if backwards:
            kept = np.take(one, range(done, size) if slides else range(size - done), axis)
            return np.concatenate([np.take(other, range(size - done, size), axis), kept], axis)
        kept = np.take(one, range(size - done) if slides else range(done, size), axis)
        return np.concatenate([kept, np.take(other, range(done), axis)], axis)

    return mix


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


TRANSITIONS: dict[str, Callable[[np.random.Generator], Mix]] = {
    "dissolve": lambda _: blend,
    "fade": fade,
    "wipe": wipe,
    "push": push,
    "zoom": zoom,
    "whip": whip,
}
