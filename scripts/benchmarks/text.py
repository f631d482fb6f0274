"""Measures how often text over real video is found, and told from text in the scene.

Each clip is a stretch of a real video over which one kind of text is drawn: subtitles that change,
a logo, a clock in a corner, credits that scroll, a sign that moves with the scene, or nothing.
Overlays are the first three; credits are counted by themselves, as they neither stay nor belong to
the scene. A clean stretch that shows text of its own counts as an error: give videos without.
Clips and texts follow from `--seed`.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from scripts.benchmarks.overlaid_videos import Draw, Picture, scanned, span, starts, stretch
from vidcurate.media.visual.proxies import clip_proxies
from vidcurate.models.vision.text_reader import TextReader, open_text_reader
from vidcurate.records import Text
from vidcurate.stages.scores.text import TextConfig, overlays, score

KINDS = ("clean", "subtitles", "logo", "clock", "credits", "sign")
OVERLAYS = frozenset({"subtitles", "logo", "clock"})
CLIP_S = 6
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX)
SPOKEN = (
    *("I never saw him again.", "Where did they go?", "Wait for me at the bridge!"),
    *("It was long before the war", "You must be joking.", "- No. - Yes, of course.", "Run!"),
)
NAMES = ("CASTLE VIDEOS", "canal 7", "NewsHour", "StudioNord", "TRAVEL+", "wild world")
SIGNS = ("BAKERY", "Main Street", "EXIT 42", "NO PARKING", "Hotel Astoria", "fresh fish")


def letters(picture: Picture, text: str, at: tuple[float, float], size: float, font: int) -> None:
    """Draw a line with a dark edge; `at` is its middle and `size` its height, as shares."""
    height, width = picture.shape[:2]
    scale = size * min(height, width) / 22
    (wide, high), _ = cv2.getTextSize(text, font, scale, 1)
    origin = (round(at[0] * width - wide / 2), round(at[1] * height + high / 2))
    ink = np.zeros((height, width), np.uint8)
    cv2.putText(ink, text, origin, font, scale, 255, 1, cv2.LINE_AA)
    edge = cv2.dilate(ink, np.ones((3, 3), np.uint8))
    darkened = picture * (1 - edge[:, :, None] / 255)
    picture[:] = np.maximum(darkened, ink[:, :, None]).astype(np.uint8)


def subtitles(dice: np.random.Generator, font: int) -> Draw:
    """Another sentence every two seconds."""
    said = [str(sentence) for sentence in dice.choice(SPOKEN, 3)]
    size = dice.uniform(0.04, 0.07)
    return lambda picture, time_s: letters(picture, said[int(time_s / 2)], (0.5, 0.9), size, font)


def logo(dice: np.random.Generator, font: int) -> Draw:
    """A name at the top or bottom, half to fully opaque."""
    name, opacity = str(dice.choice(NAMES)), dice.uniform(0.5, 1)
    size = dice.uniform(0.04, 0.08)
    at = (float(dice.uniform(0.25, 0.75)), float(dice.choice([0.1, 0.9])))

    def draw(picture: Picture, _time_s: float) -> None:
        full = picture.copy()
        letters(full, name, at, size, font)
        cv2.addWeighted(full, opacity, picture, 1 - opacity, 0, dst=picture)

    return draw


def clock(dice: np.random.Generator, font: int) -> Draw:
    """Seconds that count up in a corner."""
    at = (float(dice.choice([0.1, 0.9])), float(dice.choice([0.07, 0.93])))
    size, minute = dice.uniform(0.04, 0.06), int(dice.integers(10, 60))
    return lambda picture, time_s: letters(picture, f"{minute}:{30 + int(time_s)}", at, size, font)


def rolling(dice: np.random.Generator, font: int) -> Draw:
    """Names that scroll up at a tenth to a fifth of the height a second."""
    names = [str(name) for name in dice.choice(NAMES, 30)]
    speed, size = dice.uniform(0.1, 0.2), dice.uniform(0.04, 0.06)

    def draw(picture: Picture, time_s: float) -> None:
        for number, name in enumerate(names):
            y = 0.5 + number * 0.13 - speed * time_s
            if 0 < y < 1:
                letters(picture, name, (0.5, y), size, font)

    return draw


def sign(dice: np.random.Generator, font: int) -> Draw:
    """A board that the camera passes: it moves, grows and is seen askew."""
    board = np.full((90, 360, 3), dice.integers(0, 100, 3), np.uint8)
    letters(board, str(dice.choice(SIGNS)), (0.5, 0.5), 0.4, font)
    start, moves = dice.uniform(0.25, 0.6, 2), dice.uniform(0.04, 0.1, 2) * dice.choice([-1, 1], 2)
    askew = dice.uniform(-0.3, 0.3)
    corners = np.array([[0, 0], [360, 0], [360, 90], [0, 90]], np.float32)

    def draw(picture: Picture, time_s: float) -> None:
        height, width = picture.shape[:2]
        large = 0.25 + 0.02 * time_s
        shape = large * np.array([[0, 0], [1, askew], [1, askew + 0.3], [0, 0.3]])
        onto = np.asarray((start + moves * time_s + shape) * (width, height), np.float32)
        onto[:, 1] -= 0.3 * height * large
        warp = cv2.getPerspectiveTransform(corners, onto)
        cv2.warpPerspective(
            board, warp, (width, height), dst=picture, borderMode=cv2.BORDER_TRANSPARENT
        )

    return draw


def nothing(_dice: np.random.Generator, _font: int) -> Draw:
    """The video as it is."""
    return lambda _picture, _time_s: None


DRAWERS = dict(zip(KINDS, (nothing, subtitles, logo, clock, rolling, sign), strict=True))


def judge(reader: TextReader, samples_file: Path) -> Text:
    """The row of a whole made video."""
    clip = span(0, CLIP_S)
    proxies = clip_proxies(samples_file, clip, TextConfig().max_frames)
    frames = [reader.lines(proxy.image) for proxy in proxies]
    times_s = [float(proxy.pts * clip.time_base) for proxy in proxies]
    return score(clip, frames, overlays(frames, times_s))


def measure(video: Path, count: int, seed: int) -> tuple[Counter[str], Counter[str]]:
    """In how many stretches of one video text is found, and overlays, by what is drawn."""
    dice, reader = np.random.default_rng(seed), open_text_reader()
    has_text, has_overlay = Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        for start_s in starts(video, count, CLIP_S, dice):
            pictures = stretch(video, start_s, CLIP_S)
            for kind in KINDS:
                font = int(dice.choice(FONTS))
                row = judge(reader, scanned(pictures, DRAWERS[kind](dice, font), Path(name)))
                has_text[kind] += row.text_share > 0
                has_overlay[kind] += row.overlay_share > 0
    return has_text, has_overlay


def report(video: Path, count: int, seed: int) -> None:
    """Print what is found in one video."""
    has_text, has_overlay = measure(video, count, seed)
    print(f"{video.name}: {count} stretches of {CLIP_S} s, seed {seed}")
    for kind in KINDS:
        text, overlay = (found[kind] / count for found in (has_text, has_overlay))
        print(f"  {kind:10} text found in {text:4.0%}, overlay in {overlay:4.0%}")
    print(f"  text: {rates(has_text, frozenset(KINDS) - {'clean'}, count)}")
    del has_overlay["credits"]
    print(f"  overlay, credits left out: {rates(has_overlay, OVERLAYS, count)}", flush=True)


def rates(found: Mapping[str, int], positive: frozenset[str], count: int) -> str:
    """Precision and recall over as many clips of each kind."""
    right = sum(found[kind] for kind in found if kind in positive)
    return (
        f"precision {right / max(1, sum(found.values())):.0%}, "
        f"recall {right / (count * len(positive)):.0%}"
    )


def main() -> None:
    """Print for each video how often text and overlays are found, by kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--stretches", type=int, default=12, help="of each video")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for video in arguments.videos:
        report(video, arguments.stretches, arguments.seed)


if __name__ == "__main__":
    main()
