"""Compares what an English text says about the camera with what was measured."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from vidcurate.captioning.templates.facts import Facts, measured_number
from vidcurate.captioning.templates.words import MIN_CAMERA_SHARE

# A movement is contradicted where it was seen in less than this share of the clip's samples while
# another one is plain.
MAX_CONTRADICTED_SHARE = 0.1
BETWEEN = r"(?: (?!left|right|up|down|in|out)\w+){0,3}? "
# "She walks to the camera and turns" says nothing of the camera.
CAMERA_MOVES = (
    r"camera (?:(?!and |or |while |as )\w+ )?"
    r"(?:moves?|moving|tracks?|tracking|slides?|sliding|sweeps?|turns?)"
)
PAN = rf"\b(?:pan(?:s|ned|ning)?|truck(?:s|ed|ing)?|{CAMERA_MOVES}){BETWEEN}"
TILT = rf"\b(?:tilt(?:s|ed|ing)?|crane[sd]?|craning|{CAMERA_MOVES}){BETWEEN}"
ZOOM = rf"\b(?:zoom(?:s|ed|ing)?|push(?:es|ed|ing)?|doll(?:y|ies|ied|ying)){BETWEEN}"
STILL = r"(?:still|static|stationary|fixed|motionless|locked)"
# By the names of the columns of `motion`. Handheld is left out: a steady hand measures as static.
CLAIMS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        name: re.compile(pattern)
        for name, pattern in {
            "static": rf"camera (?:is|stays|remains|holds)(?: \w+)?? {STILL}\b"
            rf"|\b{STILL}(?:[- ]off)? (?:camera|shot|view)\b",
            "pan_left": rf"{PAN}(?:right to )?(?:the )?left(?! to (?:the )?right)",
            "pan_right": rf"{PAN}(?:left to )?(?:the )?right(?! to (?:the )?left)",
            "tilt_up": rf"{TILT}up",
            "tilt_down": rf"{TILT}down",
            "zoom_in": rf"{ZOOM}in",
            "zoom_out": rf"{ZOOM}(?:out|back)|\bpull(?:s|ed|ing)? (?:back|out)",
            "roll": r"camera (?:\w+ )?(?:roll(?:s|ing)?|rotat(?:es|ing))\b",
            "shake": r"camera (?:\w+ )?(?:shak(?:es?|ing|y))\b|\bshaky (?:camera|shot|footage)\b",
        }.items()
    }
)
DENIED = re.compile(r"\b(?:no|not|never|without|nor|neither|hardly)\b|n['\u2019]t\b")
DENIAL_REACHES = 24  # characters: about four words before what is denied
SENTENCE_ENDS = re.compile(r"[.!?;]")


def camera_claims(text: str) -> set[str]:
    """The camera movements that a text claims, by their names in `motion`.

    Movements without a direction are ignored, and so are those that the text denies.
    """
    plain = " ".join(text.casefold().split())
    return {
        name
        for name, pattern in CLAIMS.items()
        for found in pattern.finditer(plain)
        if not is_denied(plain, found)
    }


def is_denied(text: str, found: re.Match[str]) -> bool:
    """Whether a word in the match, or shortly before it, denies it."""
    before = text[max(0, found.start() - DENIAL_REACHES) : found.start()]
    return DENIED.search(SENTENCE_ENDS.split(before)[-1] + found[0]) is not None


def camera_conflicts(text: str, facts: Facts) -> tuple[str, ...]:
    """Movements that a text claims and `motion` contradicts, in words; none without `motion`.

    Raises MediaError for a measurement that is not a number.
    """
    camera = str(facts.get("motion", {}).get("camera"))
    share = measured_number(facts, "motion", f"{camera}_share") or 0.0
    if share < MIN_CAMERA_SHARE:
        return ()
    return tuple(
        f"says {in_words(name)}, measured {in_words(camera)} for {share:.0%}"
        for name in sorted(camera_claims(text))
        if (measured_number(facts, "motion", f"{name}_share") or 0.0) < MAX_CONTRADICTED_SHARE
    )


def in_words(movement: str) -> str:
    """The column name of a movement, in words."""
    return movement.replace("_", " ")
