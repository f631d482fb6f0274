"""single: all frames in one request, for a sentence, a paragraph, or both."""

from vidcurate.captioning.clip_input import CaptionText, ClipInput
from vidcurate.captioning.text.json_answer import ask_json
from vidcurate.models.chat.conversation import Conversation, ModelRequest, answer_text

BRIEF_AND_DETAILED = {
    "type": "object",
    "properties": {"brief": {"type": "string"}, "detailed": {"type": "string"}},
    "required": ["brief", "detailed"],
    "additionalProperties": False,
}


def single(clip_input: ClipInput) -> Conversation[CaptionText]:
    """Ask for one text about all frames, with a brief one as well if both are wanted."""
    parts = (clip_input.prompt("describe"), *clip_input.numbered_frames())
    if clip_input.config.detail == "both":
        texts = yield from ask_json(parts, BRIEF_AND_DETAILED)
        return CaptionText(texts["detailed"], "ok", short_text=texts["brief"])
    answer = yield ModelRequest(parts)
    return CaptionText(answer_text(answer), answer.status)
