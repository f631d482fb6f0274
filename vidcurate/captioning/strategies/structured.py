"""structured: the model fills in a form; its claims about the camera are compared with `motion`.

The package's own form has the parts of AuroraCap, MiraData and Koala-36M (subjects, background,
camera, style, lighting, a short and a dense text) and SkyReels' words for shots.
"""

from collections.abc import Iterator
from typing import Any

from vidcurate.captioning.clip_input import CaptionText, ClipInput
from vidcurate.captioning.forms import bound_schema_of, schema_of
from vidcurate.captioning.quality.camera_claims import camera_conflicts
from vidcurate.captioning.templates.facts import camera_clause
from vidcurate.captioning.text.json_answer import ask_json
from vidcurate.models.chat.conversation import Conversation

MIN_TOKENS = 2048  # a form is several captions long


def structured(clip_input: ClipInput) -> Conversation[CaptionText]:
    """Ask for a form's values: a dense text, a short one, and conflicts with the measurements."""
    parts = (
        clip_input.prompt("structured", measured=measured_camera(clip_input)),
        *clip_input.numbered_frames(),
    )
    text = clip_input.prompts["form"].text
    max_tokens = max(MIN_TOKENS, clip_input.max_tokens)
    form = yield from ask_json(parts, schema_of(text), max_tokens, bound_schema_of(text))
    camera_sentences = [f"The camera is {words}." for words in strings_in(form.get("camera"))]
    return CaptionText(
        form["caption"],
        "ok",
        short_text=form.get("short_caption"),
        structured=form,
        conflicts=camera_conflicts(
            " ".join([*camera_sentences, form["caption"]]), clip_input.facts
        ),
    )


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
