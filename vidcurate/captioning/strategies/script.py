"""script: a clip as a scene of a script, with what is heard; after Vript (Yang et al. 2024)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from vidcurate.captioning.material import Material, Told
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


def script(material: Material) -> Conversation[Told]:
    """The scene's content; beside it title, shot type, camera movement and voice-over.

    The voice-over is what the subtitles say, not the model; null where there are none. Raises
    MediaError for a scene without content.
    """
    text = material.voice.text if material.voice else ""
    heard = text[: material.config.max_prompt_chars]
    voice_over = material.prompt("voice-over", heard=heard) if heard else ""
    parts = (material.prompt("script", voice_over=voice_over), *material.shown())
    answer = yield from ask_json(parts, dict(SCENE))
    scene = {name: " ".join(answer[name].split()) for name in FIELDS}
    if not scene["content"]:
        raise MediaError("the scene that the model wrote has no content")
    faults = material.voice.faults if material.voice else ()
    structured = {**scene, "voice_over": text or None}
    return Told(scene["content"], "ok", structured=structured, repairs=faults)
