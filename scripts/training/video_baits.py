"""Disturbances inside shots that are no transitions, for videos of which the truth is known."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.training.video_transitions import blend, magnified, moved

Image = NDArray[np.uint8]
Disturb = Callable[[Image, int, int], Image]

TITLES = ("and then", "no one knew why", "Chapter two", "that was 1962", "what do you mean?", "...")


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


def graphic(rng: np.random.Generator) -> Disturb:
    """A card with words that pops up or slides in, and is gone at once."""
    colour, words = rng.integers(0, 256, 3).tolist(), TITLES[int(rng.integers(len(TITLES)))]
    wide, tall = rng.uniform(0.2, 0.7), rng.uniform(0.1, 0.5)
    left, top = rng.uniform(0.0, 1.0 - wide), rng.uniform(0.0, 1.0 - tall)
    frames, solid = int(rng.choice([1, 1, 4, 10])), rng.uniform(0.5, 1.0)

    def disturb(image: Image, k: int, _: int) -> Image:
        height, width = image.shape[:2]
        x = round(width * (left - (1.0 - min(1.0, (k + 1) / frames)) * (left + wide)))
        y, shown = round(height * top), image.copy()
        corner = x + round(width * wide), y + round(height * tall)
        cv2.rectangle(shown, (x, y), corner, colour, -1)
        at, ink = (x + 4, (y + corner[1]) // 2), [255 - c for c in colour]
        cv2.putText(shown, words, at, cv2.FONT_HERSHEY_SIMPLEX, width / 400, ink, 1)
        return blend(image, shown, float(solid))

    return disturb


def lights(rng: np.random.Generator) -> Disturb:
    """Light of another strength and colour, switched on and off at once."""
    gains = rng.choice([0.35, 0.5, 0.7, 1.3, 1.6]) * rng.uniform(0.85, 1.15, 3)

    def disturb(image: Image, _: int, __: int) -> Image:
        return np.asarray(np.clip(image * gains, 0, 255), np.uint8)

    return disturb


def crash_zoom(rng: np.random.Generator) -> Disturb:
    """A fast zoom in, and out again at the end."""
    most = rng.uniform(1.3, 3.0)

    def disturb(image: Image, k: int, n: int) -> Image:
        return magnified(image, 1.0 + (most - 1.0) * min(1.0, 4.0 * min(k + 1, n - k) / n))

    return disturb


def refocus(rng: np.random.Generator) -> Disturb:
    """A lens that loses its focus and finds it again."""
    most = rng.uniform(0.02, 0.1)

    def disturb(image: Image, k: int, n: int) -> Image:
        side = 1 + 2 * round(image.shape[1] * most * np.sin(np.pi * (k + 1) / (n + 1)) / 2)
        return np.asarray(cv2.blur(image, (side, side)), np.uint8)

    return disturb


def crosser(rng: np.random.Generator, other: Callable[[int], Image]) -> Disturb:
    """Something near, of another shot's colours, that crosses the picture: a person, an animal."""
    tall, wide = rng.uniform(0.4, 1.4), rng.uniform(0.15, 0.8)
    low, backwards = rng.uniform(0.3, 0.9), rng.random() < 0.5  # noqa: PLR2004 - even odds
    bounce, blur = rng.uniform(0.0, 0.06), int(rng.integers(1, 6)) * 2 + 1
    boxed, flat = rng.random() < 0.3, rng.random() < 0.3  # noqa: PLR2004 - odds

    def disturb(image: Image, k: int, n: int) -> Image:
        height, width = image.shape[:2]
        done = (k + 0.5) / n
        x = round((-wide / 2 + (1 + wide) * (1.0 - done if backwards else done)) * width)
        y = round((low + bounce * np.sin(k * 0.9)) * height)
        half = max(1, round(wide * width / 2)), max(1, round(tall * height / 2))
        mask = np.zeros((height, width), np.uint8)
        if boxed:
            cv2.rectangle(mask, (x - half[0], y - half[1]), (x + half[0], y + half[1]), 255, -1)
        else:
            cv2.ellipse(mask, (x, y), half, 0, 0, 360, 255, -1)
            cv2.circle(mask, (x, y - half[1]), max(1, half[0] // 2), 255, -1)
        share = cv2.blur(mask, (blur, 3))[..., None].astype(np.float32) / 255.0
        body = moved(other(k), x - width // 2, 0.0)
        body = np.asarray(body // 3 + 30, np.uint8) if flat else body
        return np.asarray(image * (1.0 - share) + body * share, np.uint8)

    return disturb


def exposure(rng: np.random.Generator) -> Disturb:
    """Light that drifts to another level and stays, as automatic exposure or a turned lamp has it.

    It may overshoot, change colour, and change one side of the picture more than the other.
    """
    first, frames = rng.uniform(0.0, 0.8), int(np.exp(rng.uniform(np.log(8), np.log(80))))
    gain = rng.choice([rng.uniform(0.2, 0.75), rng.uniform(1.3, 2.6)])
    balance = rng.uniform(0.8, 1.25, 3) ** rng.choice([0.0, 1.0])
    overshoot, uneven = rng.choice([0.0, rng.uniform(0.1, 0.5)]), rng.choice([0.0, 1.0])
    angle, sharp = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(1.0, 6.0)
    lifted = rng.uniform(0.0, 50.0) * (rng.random() < 0.3)  # noqa: PLR2004 - odds
    goals = gain * balance

    def disturb(image: Image, k: int, n: int) -> Image:
        at = (k - first * n) / frames
        if at <= 0.0:
            return image
        far = 1.0 - np.cos(np.pi * min(at, 1.0))
        level = far / 2.0 + overshoot * np.exp(-2.0 * at) * np.sin(np.pi * at)
        gains = (np.exp(np.log(goals) * level)).astype(np.float32)
        if uneven:
            height, width = image.shape[:2]
            y, x = np.mgrid[0:height, 0:width].astype(np.float32)
            side = np.cos(angle) * (x / width - 0.5) + np.sin(angle) * (y / height - 0.5)
            share = (1.0 / (1.0 + np.exp(-sharp * 2.0 * side)))[..., None]
            gains = 1.0 + (gains - 1.0) * share
        return np.asarray(np.clip(image * gains + lifted * level, 0, 255), np.uint8)

    return disturb


def flicker(rng: np.random.Generator) -> Disturb:
    """Light that flickers a little for as long as the shot lasts, as lamps and old film do."""
    size, period = rng.uniform(0.02, 0.2), rng.uniform(2.0, 20.0)
    noise = rng.standard_normal(256) * rng.uniform(0.0, 1.0)

    def disturb(image: Image, k: int, _: int) -> Image:
        now = 1.0 + size * (np.sin(2.0 * np.pi * k / period) + noise[k % 256]) / 2.0
        return np.asarray(cv2.convertScaleAbs(image, alpha=max(0.1, float(now))), np.uint8)

    return disturb


def handheld(rng: np.random.Generator) -> Disturb:
    """A camera in the hand of someone who walks or runs: it sways, bounces, rolls, and blurs."""
    size, step = rng.uniform(0.01, 0.12), rng.uniform(0.15, 0.9)
    phases, rates = rng.uniform(0, 6, (3, 4)), rng.uniform(0.4, 2.2, (3, 4)) * step
    jolts = rng.standard_normal((3, 512)) * rng.choice([0.0, 0.1, 0.4])

    def pose(k: int) -> NDArray[np.float64]:
        return np.asarray(np.sin(phases + rates * k).sum(axis=1) / 2.0 + jolts[:, k % 512])

    def disturb(image: Image, k: int, _: int) -> Image:
        height, width = image.shape[:2]
        x, y, roll = pose(k) * size
        speed = np.abs(pose(k) - pose(k - 1))[:2] * size * width * 0.5
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 40.0 * roll, 1.0 + size)
        matrix[:, 2] += x * width, y * width
        found = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
        sides = [1 + 2 * int(min(10.0, v) / 2.0) for v in speed]
        return np.asarray(cv2.blur(found, (sides[0], sides[1])), np.uint8)

    return disturb


def turn(rng: np.random.Generator) -> Disturb:
    """A camera that turns fast to what lies beside and stays there, with the blur of its speed."""
    first, frames = rng.uniform(0.0, 0.85), int(rng.integers(5, 36))
    reach = rng.uniform(0.4, 2.5) * rng.choice([-1.0, 1.0]) * min(1.0, frames / 12.0)
    upright, blurs = rng.random() < 0.25, rng.uniform(0.2, 0.8)  # noqa: PLR2004 - odds

    def way(k: float, n: int) -> float:
        at = float(np.clip((k - first * n) / frames, 0.0, 1.0))
        return float(reach * (1.0 - np.cos(np.pi * at)) / 2.0)

    def disturb(image: Image, k: int, n: int) -> Image:
        if k < first * n:
            return image
        size = image.shape[0 if upright else 1]
        far = way(k, n) * size
        side = 1 + 2 * int(abs(far - way(k - 1, n) * size) * blurs / 2.0)
        found = moved(image, 0.0 if upright else far, far if upright else 0.0)
        return np.asarray(cv2.blur(found, (1, side) if upright else (side, 1)), np.uint8)

    return disturb


def push_in(rng: np.random.Generator) -> Disturb:
    """A slow zoom for as long as the shot lasts."""
    most, out = rng.uniform(1.1, 2.0), rng.random() < 0.4  # noqa: PLR2004 - odds

    def disturb(image: Image, k: int, n: int) -> Image:
        done = (n - k) / n if out else k / n
        return magnified(image, 1.0 + (most - 1.0) * float(np.clip(done, 0.0, 1.0)))

    return disturb


Order = Callable[[int], int]


def stutter(rng: np.random.Generator) -> Order:
    """Which frame of a shot is seen when: doubled, dropped, or held and caught up with."""
    way, every = int(rng.integers(4)), int(rng.choice([2, 2, 3, 4, 5]))
    places = np.cumsum(rng.integers(5, 60, 40))
    sizes = rng.integers(1, 7, 40)

    def doubled(k: int) -> int:
        return k // every * every

    def pulled_down(k: int) -> int:
        return k - k // (every + 2)

    def dropped(k: int) -> int:
        return k + int(sizes[: np.searchsorted(places, k, side="right")].sum())

    def held(k: int) -> int:
        number = int(np.searchsorted(places, k, side="right")) - 1
        begun = int(places[number]) if number >= 0 else -1000
        return begun if k - begun <= sizes[max(number, 0)] else k

    return (doubled, pulled_down, dropped, held)[way]


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
    "graphic": (graphic, (10, 90)),
    "lights": (lights, (6, 60)),
    "crash_zoom": (crash_zoom, (8, 60)),
    "refocus": (refocus, (12, 60)),
}

# What a shot has from its first frame to its last, its transitions too: how often.
LASTING: dict[str, tuple[Callable[[np.random.Generator], Disturb], float]] = {
    "exposure": (exposure, 0.16),
    "turn": (turn, 0.10),
    "handheld": (handheld, 0.12),
    "push_in": (push_in, 0.08),
    "flicker": (flicker, 0.05),
}
