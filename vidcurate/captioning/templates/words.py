"""Words for measured numbers: the bounds of each word, and the reasons for them."""

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
CONTRAST: Bands = ((30, "low contrast"), (60, ""), (math.inf, "strong contrast"))
# Variance of the Laplacian in squared 8-bit levels, at native size. High values need sharp edges;
# low ones come from blur or from plain subjects alike, so their word claims neither.
MIN_CRISP_SHARPNESS = 200.0
DETAIL: Bands = ((10, "very little fine detail"), (40, "little fine detail"), (math.inf, ""))
# Hasler and Suesstrunk (2003), whose raters chose slightly, moderately, quite and highly colourful
# at 15, 33, 59 and 82.
COLOUR: Bands = (
    (5, "almost colourless"),
    (15, "muted"),
    (59, ""),
    (82, "colourful"),
    (math.inf, "very colourful"),
)
COLOUR_AS_NOUN: Mapping[str, str] = {
    "almost colourless": "almost no colour",
    "muted": "muted colours",
    "colourful": "vivid colours",
    "very colourful": "very vivid colours",
}
# Mean optical flow in frame diagonals a second: at 0.3 the picture is replaced in about 3 s.
MOTION: Bands = (
    (0.005, "almost no motion"),
    (0.025, "little motion"),
    (0.1, "moderate motion"),
    (0.3, "strong motion"),
    (math.inf, "very strong motion"),
)
MOVEMENT: Bands = (
    (0.005, "almost nothing moves"),
    (0.025, "little moves"),
    (0.1, "there is some movement"),
    (0.3, "there is a lot of movement"),
    (math.inf, "there is very fast movement"),
)
MIN_PLACED_MOTION = 0.025  # frame diagonals a second: below, its region says little
# Standard deviation of flow over the picture ÷ its mean: a pan has near 0; 1.5 needs large
# parts that stand still.
EVEN_MOTION, LOCAL_MOTION = 0.4, 1.5
# From half of the samples on, one movement speaks for the clip.
MIN_CAMERA_SHARE = 0.5
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
CAMERA = {"static": "stays still", **DIRECTED, "shake": "shakes"}
# Of the labels that ImageNet's classifier thought likelier than not on 58 clips of two videos, two
# of three were wrong.
MIN_TAG_PROBABILITY = 0.9
NOUN_TAGGERS = ("efficientnet",)  # backends whose labels are nouns; others have a user's own words
MIN_MARK_SCORE = 0.8  # of 58 clips without a mark one reached 0.74
MAX_QUOTED = 3  # strings: a screen full of text is not read out
SAME_READING = 0.75  # of two strings' letters: one line read twice, a little differently
SOUNDS = ("speech", "singing", "music")
MIN_SOUND_SHARE = 0.3  # share of the time: birds and chords pass for a little speech

ALL = 0.98  # share above which "all" is true to the eye
MIN_BLACK_SHARE = 0.1  # share of frames that are black: one notices
MIN_TONE_SHARE = 0.2  # share of pixels near black or white: less is in any picture
MAX_BLACK_INSIDE_BARS = 0.5  # share of black inside them: on a black ground, margins are no bars
MIN_BAR_SHARE = 0.02  # share of the side: 14 lines of 720, wider than a coding margin

# Shares of pixels at which one, two or three colours speak for the picture.
NEARLY_ONE, MOSTLY_ONE, LARGELY_ONE, TOGETHER = 0.8, 0.5, 0.35, 0.6
SECOND_COLOUR, THIRD_COLOUR = 0.15, 0.1

MANY_COLOURS = "many-coloured"

# Shares of a clip's time.
TIME: Bands = (
    (0.4, "some of the time"),
    (0.6, "about half of the time"),
    (ALL, "most of the time"),
    (math.inf, "throughout"),
)
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
REGIONS: Mapping[str, str] = {
    "top left": "at the top left",
    "top": "at the top",
    "top right": "at the top right",
    "left": "on the left",
    "centre": "in the centre",
    "right": "on the right",
    "bottom left": "at the bottom left",
    "bottom": "at the bottom",
    "bottom right": "at the bottom right",
}


def band_word(value: float, bands: Bands) -> str:
    """The word for a number by its band; a bound belongs to the band above it."""
    return next(word for bound, word in bands if value < bound)


def share_phrase(share: float) -> str:
    """A share of 0..1 as the nearest plain fraction."""
    if share >= ALL:
        return "all"
    return "about " + min(FRACTIONS, key=lambda named: abs(named[0] - share))[1]


def colours_phrase(colours: Mapping[str, float]) -> str:
    """The named colours of a picture by their shares of its pixels; empty without any."""
    ranked = sorted(colours.items(), key=lambda colour: (-colour[1], colour[0]))[:3]
    names, shares = [name for name, _ in ranked], [share for _, share in ranked]
    if not shares or shares[0] <= 0:
        return ""
    shares += [0.0] * (3 - len(shares))
    if shares[0] >= NEARLY_ONE:
        return f"almost entirely {names[0]}"
    if shares[0] >= MOSTLY_ONE:
        return f"mostly {names[0]}" + (f" with some {names[1]}" * (shares[1] >= SECOND_COLOUR))
    if shares[1] >= SECOND_COLOUR and sum(shares[:2]) >= TOGETHER:
        return f"mostly {names[0]} and {names[1]}"
    if shares[2] >= THIRD_COLOUR and sum(shares) >= TOGETHER:
        return f"mainly {as_list(names)}"
    return f"largely {names[0]}" if shares[0] >= LARGELY_ONE else MANY_COLOURS


def bars_phrase(left: float, top: float, right: float, bottom: float) -> str:
    """Where the black bars are, from their widths as shares of the side; empty without any."""
    shown = [size >= MIN_BAR_SHARE for size in (left, top, right, bottom)]
    named: dict[tuple[bool, ...], str] = {
        (True, True, True, True): "all around",
        (True, False, True, False): "on both sides",
        (False, True, False, True): "above and below",
    }
    if sum(shown) == 1:
        where = ("on the left", "above", "on the right", "below")[shown.index(True)]
        return f"a black bar {where}"
    if not any(shown):
        return ""
    sides = [side for side, is_shown in zip(SIDES, shown, strict=True) if is_shown]
    return f"black bars {named.get(tuple(shown), 'at the ' + as_list(sides))}"


def different(texts: Sequence[str]) -> list[str]:
    """Texts without those that repeat an earlier one with small differences."""
    kept: list[str] = []
    for text in texts:
        likeness = (SequenceMatcher(None, text, other).ratio() for other in kept)
        if all(like < SAME_READING for like in likeness):
            kept.append(text)
    return kept


def as_list(words: Sequence[str]) -> str:
    """Words as a list in a sentence: a, b and c."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def with_article(noun: str) -> str:
    """A noun with a or an before it; one in the plural has none."""
    if noun.endswith("s") and not noun.endswith(("ss", "us", "is")):
        return noun
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"
