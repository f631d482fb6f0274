"""single: all stills in one request; a sentence, a paragraph, or both in return."""

from vidcurate.captioning.material import Material, Told
from vidcurate.captioning.text.json_answer import ask_json
from vidcurate.models.chat.conversation import Ask, Conversation, said

BRIEF_AND_DETAILED = {
    "type": "object",
    "properties": {"brief": {"type": "string"}, "detailed": {"type": "string"}},
    "required": ["brief", "detailed"],
    "additionalProperties": False,
}


def single(material: Material) -> Conversation[Told]:
    """The model's text about all stills at once, with a brief one beside it if both are wanted."""
    parts = (material.prompt("describe"), *material.shown())
    if material.config.detail == "both":
        texts = yield from ask_json(parts, BRIEF_AND_DETAILED)
        return Told(texts["detailed"], "ok", short_text=texts["brief"])
    answer = yield Ask(parts)
    return Told(said(answer), answer.status)
