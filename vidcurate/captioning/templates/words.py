"""Words for measured numbers: where one word ends and the next begins, and why there."""

import math
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

Bands = tuple[tuple[float, str], ...]  # (upper bound, word), in rising order; "" is left unsaid

# Mean luma, 0..255 full range. Video graded for day lies near 100..150, which needs no word.
LIGHT: Bands = (
    (12, "almost black"),
    (45, "dark"),
    (85, "dim"),
    (150, ""),
    (190, "bright"),
    (math.inf, "very bright"),
)
# Standard deviation of luma, 0..255. Fog and flat drawings stay below 30; an even ramp from black
# to white has 74.
CONTRAST: Bands = ((30, "low contrast"), (60, "moderate contrast"), (math.inf, "high contrast"))
# Variance of the Laplacian in squared 8-bit levels, at native size. High values need sharp edges;
# low ones come from blur or from plain subjects alike, so they are told as what they are.
SHARP_FROM = 200.0
DETAIL: Bands = ((10, "very little fine detail"), (40, "little fine detail"), (math.inf, ""))
# Hasler and Suesstrunk (2003), whose raters said slightly, moderately, quite and highly colourful
# at 15, 33, 59 and 82.
COLOUR: Bands = (
    (5, "almost colourless"),
    (15, "muted"),
    (59, ""),
    (82, "colourful"),
    (math.inf, "very colourful"),
)
# Mean optical flow in frame diagonals a second: at 0.3 the picture is replaced in about 3 s.
MOTION: Bands = (
    (0.005, "almost no motion"),
    (0.025, "little motion"),
    (0.1, "moderate motion"),
    (0.3, "strong motion"),
    (math.inf, "very strong motion"),
)
MOTION_WORTH_PLACING = 0.025  # frame diagonals a second: below, where it is says little
# Standard deviation of flow over the picture ÷ its mean: a pan has near 0; 1.5 needs large
# parts that stand still.
EVEN_MOTION, LOCAL_MOTION = 0.4, 1.5
# From half of the samples on, one movement speaks for the clip.
CAMERA_WORTH_SAYING = 0.5
# Slower is called slow: below little motion it is often no more than a hand's drift.
SLOW_CAMERA = 0.025
DIRECTED = {
    "pan_left": "pans left",
    "pan_right": "pans right",
    "tilt_up": "tilts up",
    "tilt_down": "tilts down",
    "zoom_in": "zooms in",
    "zoom_out": "zooms out",
    "roll": "rolls",
}
CAMERA = {"static": "is still", **DIRECTED, "shake": "shakes"}
# Of the labels that ImageNet's classifier thought likelier than not on 58 clips of two videos, two
# of three were wrong.
TAG_WORTH_SAYING = 0.9
MARK_WORTH_SAYING = 0.8  # of 58 clips without a mark one reached 0.74
MOST_QUOTED = 3  # strings: a screen full of text is not read out
SAME_READING = 0.75  # of two strings' letters: one line read twice, a little differently
SOUNDS = ("speech", "singing", "music")
SOUND_WORTH_SAYING = 0.3  # share of the time: birds and chords pass for a little speech

ALL = 0.98  # share above which "all" is true to the eye
PAUSE_WORTH_SAYING = 0.1  # share of frames that are black or repeat the one before: one notices
TONE_WORTH_SAYING = 0.2  # share of pixels near black or white: less is in any picture
BARS_SHOW_BELOW = 0.5  # share of black inside them: on a black ground, margins are no bars
BAR_WORTH_SAYING = 0.02  # share of the side: 14 lines of 720, wider than a coding margin
SQUARE_WITHIN = 0.05  # of a side ratio of 1: not seen without a ruler

# Shares of pixels at which one, two or three colours speak for the picture.
NEARLY_ONE, MOSTLY_ONE, LARGELY_ONE, TOGETHER = 0.8, 0.5, 0.35, 0.6
SECOND_COLOUR, THIRD_COLOUR = 0.15, 0.1

FRACTIONS = (
    (0.1, "a tenth"),
    (0.2, "a fifth"),
    (0.25, "a quarter"),
    (1 / 3, "a third"),
    (0.5, "half"),
    (2 / 3, "two thirds"),
    (0.75, "three quarters"),
    (0.9, "nine tenths"),
)
SIDES = ("left", "top", "right", "bottom")
MINUTE_S = 60


def word_of(value: float, bands: Bands) -> str:
    """The word of the band that a number lies in; a bound belongs to the band above it."""
    return next(word for bound, word in bands if value < bound)


def length_phrase(duration_s: float) -> tuple[str, str]:
    """What stands before and after the word clip: ("4.2-second", "") or ("", " of 1 minute")."""
    whole_s = round(duration_s)
    if whole_s < MINUTE_S:
        return f"{max(duration_s, 0.1):.1f}".removesuffix(".0") + "-second", ""
    minutes, seconds = divmod(whole_s, MINUTE_S)
    parts = [plural(minutes, "minute"), *([plural(seconds, "second")] if seconds else [])]
    return "", f" of {' and '.join(parts)}"


def plural(count: int, noun: str) -> str:
    """A number and its noun: 1 minute, 2 minutes."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def share_phrase(share: float) -> str:
    """A share of 0..1 as the nearest plain fraction."""
    if share >= ALL:
        return "all"
    return "about " + min(FRACTIONS, key=lambda named: abs(named[0] - share))[1]


def shape_word(width: float, height: float) -> str:
    """Landscape, portrait or square, from the size as displayed."""
    if abs(width / height - 1) <= SQUARE_WITHIN:
        return "square"
    return "landscape" if width > height else "portrait"


def rate_phrase(rate: float, *, is_vfr: bool) -> str:
    """The frame rate, to two places, and that it varies where it does."""
    digits = f"{rate:.2f}".rstrip("0").removesuffix(".")
    return (
        f"about {digits} frames per second at a varying rate"
        if is_vfr
        else f"{digits} frames per second"
    )


def colours_phrase(colours: Mapping[str, float]) -> str:
    """What the picture's named colours are, by their shares of its pixels; empty without any."""
    ranked = sorted(colours.items(), key=lambda colour: (-colour[1], colour[0]))[:3]
    names, shares = [name for name, _ in ranked], [share for _, share in ranked]
    if not shares or shares[0] <= 0:
        return ""
    shares += [0.0] * (3 - len(shares))
    if shares[0] >= NEARLY_ONE:
        return f"almost all {names[0]}"
    if shares[0] >= MOSTLY_ONE:
        return f"mostly {names[0]}" + (f" and some {names[1]}" * (shares[1] >= SECOND_COLOUR))
    if shares[1] >= SECOND_COLOUR and sum(shares[:2]) >= TOGETHER:
        return f"mostly {names[0]} and {names[1]}"
    if shares[2] >= THIRD_COLOUR and sum(shares) >= TOGETHER:
        return f"mainly {joined(names)}"
    return f"largely {names[0]}" if shares[0] >= LARGELY_ONE else "of many colours"


def bars_phrase(left: float, top: float, right: float, bottom: float) -> str:
    """Where the black bars are, from their widths as shares of the side; empty without any."""
    shown = [size >= BAR_WORTH_SAYING for size in (left, top, right, bottom)]
    named: dict[tuple[bool, ...], str] = {
        (True, True, True, True): "all around",
        (True, False, True, False): "on both sides",
        (False, True, False, True): "above and below",
    }
    if sum(shown) == 1:
        place = ("on the left", "above", "on the right", "below")[shown.index(True)]
        return f"a black bar {place}"
    if not any(shown):
        return ""
    places = [side for side, is_shown in zip(SIDES, shown, strict=True) if is_shown]
    return f"black bars {named.get(tuple(shown), 'at the ' + joined(places))}"


def different(texts: Sequence[str]) -> list[str]:
    """Texts without those that are an earlier one read a little differently."""
    kept: list[str] = []
    for text in texts:
        likeness = (SequenceMatcher(None, text, other).ratio() for other in kept)
        if all(like < SAME_READING for like in likeness):
            kept.append(text)
    return kept


def joined(words: Sequence[str]) -> str:
    """Words as a list in a sentence: a, b and c."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def article(phrase: str) -> str:
    """A or An, as the phrase is spoken: an 8-second clip, an 11-second clip, a 1.8-second clip."""
    vowel = phrase[0] in "aeiou8" or phrase.startswith(("11-", "11.", "18-", "18."))
    return "An" if vowel else "A"
