"""Transitions between shots and disturbances inside them, for films of which the truth is known."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Mix = Callable[[Image, Image, float], Image]
Disturb = Callable[[Image, int, int], Image]

TITLES = ("and then", "no one knew why", "Chapter two", "that was 1962", "what do you mean?", "...")


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


TRANSITIONS: dict[str, Callable[[np.random.Generator], Mix]] = {
    "dissolve": lambda _: blend,
    "fade": fade,
    "wipe": wipe,
    "push": push,
    "zoom": zoom,
}


def flash(rng: np.random.Generator) -> Disturb:
    """Light that falls off within a few frames."""
    strength, decay = rng.uniform(0.4, 1.0), rng.uniform(0.1, 0.7)

    def disturb(image: Image, k: int, _: int) -> Image:
        return blend(image, np.full_like(image, 255), float(strength * decay**k))

    return disturb


def light_ramp(rng: np.random.Generator) -> Disturb:
    """Light that grows or fades for the length of the span and comes back."""
    gain = rng.choice([rng.uniform(0.25, 0.7), rng.uniform(1.4, 2.2)])

    def disturb(image: Image, k: int, n: int) -> Image:
        now = 1.0 + (gain - 1.0) * np.sin(np.pi * (k + 1) / (n + 1))
        return np.asarray(cv2.convertScaleAbs(image, alpha=float(now)), np.uint8)

    return disturb


def strobe(rng: np.random.Generator) -> Disturb:
    """Light that jumps between two levels every few frames."""
    period, gain = int(rng.integers(1, 5)), rng.choice([0.35, 0.6, 1.5, 1.9])

    def disturb(image: Image, k: int, _: int) -> Image:
        bright = k // period % 2 == 0
        now = float(gain) if bright else 1.0
        return np.asarray(cv2.convertScaleAbs(image, alpha=now), np.uint8)

    return disturb


def shake(rng: np.random.Generator) -> Disturb:
    """A camera that jumps by up to a twelfth of the picture from frame to frame."""
    moves = rng.uniform(-1.0, 1.0, (512, 2)) * rng.uniform(0.02, 0.08)

    def disturb(image: Image, k: int, _: int) -> Image:
        return moved(image, *(moves[k % 512] * image.shape[1]))

    return disturb


def fast_pan(rng: np.random.Generator) -> Disturb:
    """A pan across the picture and back, with the blur of its speed."""
    reach = rng.uniform(0.3, 0.9) * rng.choice([-1.0, 1.0])

    def disturb(image: Image, k: int, n: int) -> Image:
        width = image.shape[1]
        speed = abs(reach) * width * 2.0 / n
        side = int(np.clip(speed, 1, 31)) // 2 * 2 + 1
        way = reach * width * (1.0 - abs(2.0 * (k + 0.5) / n - 1.0))
        return np.asarray(cv2.blur(moved(image, way, 0.0), (side, 1)), np.uint8)

    return disturb


def moved(image: Image, x: float, y: float) -> Image:
    """A picture moved by some pixels, mirrored where it ends."""
    matrix = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
    size = image.shape[1], image.shape[0]
    return np.asarray(cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REFLECT), np.uint8)


def occluder(rng: np.random.Generator) -> Disturb:
    """Something near that passes through the picture, up to all of it."""
    colour = rng.integers(0, 200, 3).tolist()
    size, upwards = rng.uniform(0.3, 1.1), rng.random() < 0.3  # noqa: PLR2004 - odds
    texture = rng.integers(0, 60, (8, 8, 3)).astype(np.uint8)

    def disturb(image: Image, k: int, n: int) -> Image:
        height, width = image.shape[:2]
        body = cv2.add(cv2.resize(texture, (width, height)), np.full_like(image, colour))
        span = height if upwards else width
        middle = round((-size / 2 + (1 + size) * (k + 0.5) / n) * span)
        mask = np.zeros((height, width), np.uint8)
        at = (width // 2, middle) if upwards else (middle, height // 2)
        axes = (width, round(size * span / 2)) if upwards else (round(size * span / 2), height)
        cv2.ellipse(mask, at, axes, 0, 0, 360, 255, -1)
        share = cv2.blur(mask, (9, 9))[..., None].astype(np.float32) / 255.0
        return np.asarray(image * (1.0 - share) + body * share, np.uint8)

    return disturb


def grain(rng: np.random.Generator) -> Disturb:
    """Noise that is new in each frame."""
    fields = (rng.standard_normal((4, 512, 512)) * rng.uniform(5, 25)).astype(np.int16)

    def disturb(image: Image, k: int, _: int) -> Image:
        height, width = image.shape[:2]
        noise = np.roll(fields[k % 4], k * 37, axis=1)[:height, :width, None]
        # A smaller picture is one whose noise has been averaged.
        noise = noise * min(1.0, width / 320)
        return np.asarray(np.clip(image + noise, 0, 255), np.uint8)

    return disturb


def subtitles(rng: np.random.Generator) -> Disturb:
    """Burned-in lines that change at once, every second or so."""
    hold, size = int(rng.integers(8, 40)), rng.uniform(0.4, 1.1)
    boxed, place = rng.random() < 0.4, rng.uniform(0.15, 0.95)  # noqa: PLR2004 - odds

    def disturb(image: Image, k: int, _: int) -> Image:
        height, width = image.shape[:2]
        drawn, y, scale = image.copy(), round(height * place), size * width / 320
        if boxed:
            drawn[max(0, y - round(30 * scale)) : y + round(8 * scale)] //= 4
        words = TITLES[k // hold % len(TITLES)]
        for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 1)):
            at, font = (width // 10, y), cv2.FONT_HERSHEY_SIMPLEX
            cv2.putText(drawn, words, at, font, scale, colour, thickness)
        return drawn

    return disturb


def inset(rng: np.random.Generator, other: Callable[[int], Image]) -> Disturb:
    """Another shot in a corner, which comes and goes at once."""
    share, right, low = rng.uniform(0.2, 0.45), rng.random() < 0.5, rng.random() < 0.5  # noqa: PLR2004 - even odds

    def disturb(image: Image, k: int, _: int) -> Image:
        height, width = image.shape[:2]
        tall, wide = round(height * share), round(width * share)
        top, left = (height - tall - 6 if low else 6), (width - wide - 6 if right else 6)
        drawn = image.copy()
        drawn[top : top + tall, left : left + wide] = cv2.resize(other(k), (wide, tall))
        return drawn

    return disturb


def letterbox(rng: np.random.Generator) -> Disturb:
    """Black bars that come and go, at once or within a few frames."""
    share, across = rng.uniform(0.06, 0.2), rng.random() < 0.3  # noqa: PLR2004 - odds
    frames = int(rng.choice([1, 1, 8, 20]))

    def disturb(image: Image, k: int, n: int) -> Image:
        now = share * min(1.0, (k + 1) / frames, (n - k) / frames)
        drawn, width = image.copy(), round(image.shape[1 if across else 0] * now)
        if width:
            side = drawn.swapaxes(0, 1) if across else drawn
            side[:width], side[-width:] = 0, 0
        return drawn

    return disturb


BAITS: dict[str, tuple[Callable[[np.random.Generator], Disturb], tuple[int, int]]] = {
    "flash": (flash, (1, 6)),
    "light_ramp": (light_ramp, (10, 50)),
    "strobe": (strobe, (8, 40)),
    "shake": (shake, (8, 60)),
    "fast_pan": (fast_pan, (6, 24)),
    "occluder": (occluder, (6, 40)),
    "grain": (grain, (20, 200)),
    "subtitles": (subtitles, (20, 160)),
    "letterbox": (letterbox, (20, 100)),
}
