"""audible: a summary, what is seen and what is heard, after FAVD (Shen et al. 2023)."""

from collections.abc import Sequence
from typing import Any

from vidcurate.captioning.clip_input import CaptionText, ClipInput
from vidcurate.captioning.strategies.dense import as_sentence
from vidcurate.captioning.strategies.sound_facts import (
    music_text,
    sound_text,
    text_or_none,
    told_sound,
)
from vidcurate.captioning.text.json_answer import ask_json
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Conversation

MIN_TOKENS = 768  # three texts, of which one is as long as a caption
SEEN = ("summary", "visual")
AUDIO = "audio"


def audible(clip_input: ClipInput) -> Conversation[CaptionText]:
    """Ask for a summary, for the picture in four to six sentences, and for the sound in one or two.

    A model that hears gets the sound, any other what was measured of it and the words. Where
    nothing can be heard, and where nothing is known of the sound, it is not asked for: `audio` is
    null, and the repairs say why. Raises MediaError where the answer says nothing of the picture.
    """
    sound_task = task_about_sound(clip_input)
    fields = (*SEEN, AUDIO) if sound_task else SEEN
    answer = yield from ask_json(
        (
            clip_input.prompt("audible", sound_task=sound_task),
            *clip_input.numbered_frames(),
            *clip_input.numbered_sounds(),
        ),
        texts_schema(fields),
        max(MIN_TOKENS, clip_input.max_tokens),
    )
    texts = {name: text_or_none(answer.get(name)) for name in (*SEEN, AUDIO)}
    if not texts["visual"]:
        raise MediaError("the model's answer says nothing of what is seen")
    faults = clip_input.voice_over.faults if clip_input.voice_over else ()
    return CaptionText(
        " ".join(as_sentence(text) for text in texts.values() if text),
        "ok",
        short_text=texts["summary"],
        structured=texts,
        repairs=faults if texts[AUDIO] else (*faults, why_no_audio(clip_input, sound_task)),
    )


def texts_schema(names: Sequence[str]) -> dict[str, Any]:
    """The JSON schema of an object that has these texts."""
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": list(names),
        "additionalProperties": False,
    }


def task_about_sound(clip_input: ClipInput) -> str:
    """What is asked about the sound, with what is known of it; "" where nothing is."""
    if clip_input.sounds:
        return clip_input.prompt("audible-hear")
    if clip_input.quiet:
        return ""
    sounds = told_sound(clip_input, sound_text(clip_input), music_text(clip_input))
    if not sounds and not clip_input.heard:
        return ""
    return clip_input.prompt("audible-told", sounds=sounds)


def why_no_audio(clip_input: ClipInput, sound_task: str) -> str:
    """Why a caption has no text about sound."""
    if clip_input.quiet:
        return f"no audio text: {clip_input.quiet}"
    if not sound_task:
        return "no audio text: nothing is known of the sound"
    return "no audio text: the model wrote none"
