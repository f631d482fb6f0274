"""structured: the model fills in a form; its claims about the camera are compared with `motion`.

The package's own form has the parts of AuroraCap, MiraData and Koala-36M (subjects, background,
camera, style, lighting, a short and a dense text) and SkyReels' words for shots.
"""

import json
from collections.abc import Iterator
from typing import Any

from vidcurate.captioning.clip_input import CaptionText, ClipInput
from vidcurate.captioning.forms import bound_schema_of, schema_of, word_faults
from vidcurate.captioning.quality.camera_claims import camera_conflicts
from vidcurate.captioning.templates.facts import camera_clause
from vidcurate.captioning.text.json_answer import ask_json, asked_again
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Conversation, Part

MIN_TOKENS = 2048  # a form is several captions long
CAMERA_FIELDS = ("camera", "camera_language", "camera_motion")


def structured(clip_input: ClipInput) -> Conversation[CaptionText]:
    """Ask for a form's values: a dense text, a short one, and conflicts with the measurements.

    `repairs` names texts that have too few or too many words, also when asked for once more.
    """
    parts = (
        clip_input.prompt("structured", measured=measured_camera(clip_input)),
        *clip_input.numbered_frames(),
    )
    form, faults = yield from ask_form(clip_input, parts)
    camera_texts = (words for name in CAMERA_FIELDS for words in strings_in(form.get(name)))
    camera_sentences = [f"The camera is {words}." for words in camera_texts]
    return CaptionText(
        form["caption"],
        "ok",
        short_text=form.get("short_caption"),
        structured=form,
        repairs=faults,
        conflicts=camera_conflicts(
            " ".join([*camera_sentences, form["caption"]]), clip_input.facts
        ),
    )


def ask_form(
    clip_input: ClipInput, parts: tuple[Part, ...]
) -> Conversation[tuple[Any, tuple[str, ...]]]:
    """Ask for the form's values, once more where texts are too short or too long.

    Returns the values of the better answer, and which of its texts are outside. Raises MediaError
    where no answer follows the form.
    """
    text = clip_input.prompts["form"].text
    schema, bound = schema_of(text), bound_schema_of(text)
    max_tokens = max(MIN_TOKENS, clip_input.max_tokens)
    form = yield from ask_json(parts, schema, max_tokens, bound)
    faults = tuple(word_faults(form, schema))
    if not faults:
        return form, ()
    again = asked_again(json.dumps(form, ensure_ascii=False), "; ".join(faults))
    try:
        other = yield from ask_json((*parts, *again), schema, max_tokens, bound)
    except MediaError as error:
        return form, (*faults, f"asked again: {error}")
    other_faults = tuple(word_faults(other, schema))
    return (form, faults) if len(other_faults) > len(faults) else (other, other_faults)


def measured_camera(clip_input: ClipInput) -> str:
    """The measured movement of the camera as a part of the prompt; empty if none is plain."""
    clause = camera_clause(clip_input.facts)
    return clip_input.prompt("measured", camera=clause) if clause else ""


def strings_in(value: Any) -> Iterator[str]:
    """Every string of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for below in value.values() if isinstance(value, dict) else value:
            yield from strings_in(below)
