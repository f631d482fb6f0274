"""script: a clip as a scene of a script, with its voice-over; after Vript (Yang et al. 2024)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from vidcurate.captioning.clip_input import CaptionText, ClipInput
from vidcurate.captioning.options import Script
from vidcurate.captioning.text.json_answer import ask_json
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Conversation

FIELDS = ("title", "shot_type", "camera_movement", "content")
SCENE: Mapping[str, Any] = MappingProxyType(
    {
        "type": "object",
        "properties": {name: {"type": "string"} for name in FIELDS},
        "required": list(FIELDS),
        "additionalProperties": False,
    }
)


def script(clip_input: ClipInput) -> Conversation[CaptionText]:
    """Ask for the content of a scene, with title, shot type and camera movement.

    The voice-over comes from the transcript or the subtitles, not from the model; it is null
    where there are none. Raises MediaError for a scene without content.
    """
    strategy = clip_input.config.strategy
    assert isinstance(strategy, Script)
    text = clip_input.heard
    heard = clip_input.in_tags("heard", text, strategy.max_prompt_chars)
    voice_over = clip_input.prompt("voice-over", heard=heard) if heard else ""
    parts = (clip_input.prompt("script", voice_over=voice_over), *clip_input.numbered_frames())
    answer = yield from ask_json(parts, dict(SCENE))
    scene = {name: " ".join(answer[name].split()) for name in FIELDS}
    if not scene["content"]:
        raise MediaError("the scene that the model wrote has no content")
    faults = clip_input.voice_over.faults if clip_input.voice_over else ()
    structured = {**scene, "voice_over": text or None}
    return CaptionText(scene["content"], "ok", structured=structured, repairs=faults)
