"""Asks a model how well a clip's picture is made: three requests, after CAMP-VQA.

The first is about whole frames, the second about what changes between neighbours, the third about
the same places of the frames. The order and the questions are those of arXiv 2511.07290; words are
of a closed list here, so that they can be counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vidcurate.captioning.prompts import Prompt, fill_prompt, load_prompt
from vidcurate.captioning.templates.perceived import ATTRIBUTES
from vidcurate.captioning.text.json_answer import JSON_PROMPTS, ask_json
from vidcurate.models.chat.conversation import Conversation, Frame

QUALITY_PROMPT, RESIDUAL_PROMPT, FRAGMENT_PROMPT = "perceive", "residual", "fragment"
PROMPTS = (QUALITY_PROMPT, RESIDUAL_PROMPT, FRAGMENT_PROMPT, *JSON_PROMPTS)
LEVELS = ("none", "mild", "moderate", "severe")
NONE = "none"
WORDS = (
    *("blur", "blocks", "banding", "ringing", "ghosting", "flicker", "noise", "colour shift"),
    *("tearing", NONE),
)
MAX_WORDS = 2
QUALITY_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        **{name: {"type": "string", "enum": list(LEVELS)} for name in ATTRIBUTES},
        "text": {"type": "string", "minLength": 1},
    },
    "required": [*ATTRIBUTES, "text"],
    "additionalProperties": False,
}
WORDS_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "words": {
            "type": "array",
            "items": {"type": "string", "enum": list(WORDS)},
            "minItems": 1,
            "maxItems": MAX_WORDS,
        }
    },
    "required": ["words"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class SeenPictures:
    """What a model is shown of a clip: frames, and mosaics of differences and of fragments."""

    frames: tuple[Frame, ...]
    residuals: tuple[Frame, ...]
    fragments: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class Perceived:
    """What a model says: a paragraph, a level of each attribute, and words."""

    text: str
    levels: Mapping[str, str]
    residual_words: tuple[str, ...]
    fragment_words: tuple[str, ...]


def load_prompts() -> dict[str, Prompt]:
    """The prompts of the three requests."""
    return {name: load_prompt(name) for name in PROMPTS}


def perceive(
    pictures: SeenPictures,
    duration_s: float,
    hints: Sequence[str],
    prompts: Mapping[str, Prompt],
) -> Conversation[Perceived]:
    """Ask the three questions; raises MediaError where an answer cannot be used."""
    values = {"duration_s": f"{duration_s:.1f}", "hints": ", ".join(hints) or "nothing"}

    def asked(name: str, frames: Sequence[Frame]) -> tuple[str | Frame, ...]:
        text = fill_prompt(prompts[name], {**values, "n_frames": str(len(frames))})
        return text, *frames

    quality = yield from ask_json(asked(QUALITY_PROMPT, pictures.frames), QUALITY_SCHEMA)
    residual = yield from ask_json(asked(RESIDUAL_PROMPT, pictures.residuals), WORDS_SCHEMA)
    fragment = yield from ask_json(asked(FRAGMENT_PROMPT, pictures.fragments), WORDS_SCHEMA)
    return Perceived(
        text=" ".join(quality["text"].split()),
        levels={name: quality[name] for name in ATTRIBUTES},
        residual_words=said(residual["words"]),
        fragment_words=said(fragment["words"]),
    )


def said(words: Sequence[str]) -> tuple[str, ...]:
    """Words once each, without the word for nothing."""
    return tuple(dict.fromkeys(word for word in words if word != NONE))
