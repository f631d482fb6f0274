"""dense: the events of a clip, each with its start and end."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from vidcurate.captioning.clip_input import CaptionText, ClipInput
from vidcurate.captioning.strategies.merging import as_lines
from vidcurate.captioning.text.json_answer import ask_json
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Conversation
from vidcurate.records import SpanText

MIN_TOKENS = 1024  # a list of events is longer than a caption
EVENT = {
    "type": "object",
    "properties": {
        "start_s": {"type": "number"},
        "end_s": {"type": "number"},
        "text": {"type": "string"},
    },
    "required": ["start_s", "end_s", "text"],
    "additionalProperties": False,
}
EVENTS: Mapping[str, Any] = MappingProxyType(
    {
        "type": "object",
        "properties": {"events": {"type": "array", "items": EVENT}},
        "required": ["events"],
        "additionalProperties": False,
    }
)


def dense(clip_input: ClipInput) -> Conversation[CaptionText]:
    """Ask for events; give them in order of their start, as lines of text and as a list.

    Times are seconds from the clip's start. Events may overlap. Events that reach beyond the clip
    are cut to it; events without text or without time inside the clip are dropped. Both are noted.
    Raises MediaError where no event is left.
    """
    max_tokens = max(MIN_TOKENS, clip_input.max_tokens)
    answer = yield from ask_json(
        (clip_input.prompt("dense"), *clip_input.numbered_frames()), dict(EVENTS), max_tokens
    )
    events: list[SpanText] = []
    repairs: list[str] = []
    for event_json in answer["events"]:
        event, repair = cut_to_clip(event_json, clip_input.clip.duration_s)
        events += [] if event is None else [event]
        repairs += [] if repair is None else [repair]
    if not events:
        raise MediaError("; ".join(["the model named no event inside the clip", *repairs]))
    events.sort(key=lambda event: (event.start_s, event.end_s))
    structured = [{"start_s": e.start_s, "end_s": e.end_s, "text": e.text} for e in events]
    lines = as_lines([replace(event, text=as_sentence(event.text)) for event in events])
    return CaptionText(lines, "ok", structured=structured, repairs=tuple(repairs))


def as_sentence(text: str) -> str:
    """A text with a full stop at its end, so that it does not look broken off."""
    return f"{text}." if text[-1].isalnum() else text


def cut_to_clip(
    event_json: Mapping[str, Any], duration_s: float
) -> tuple[SpanText | None, str | None]:
    """Cut an event to the clip; None where nothing is left. Also returns a note of the change."""
    text = " ".join(event_json["text"].split())
    # Before anything is made of them: JSON's whole numbers may be too large for a float.
    times = [min(max(event_json[key], 0), duration_s) for key in ("start_s", "end_s")]
    start_s, end_s = (round(float(time_s), 3) for time_s in times)
    quoted = (
        f"{str(event_json['start_s'])[:12]} to {str(event_json['end_s'])[:12]} s, {text[:40]!r}"
    )
    if not text or start_s >= end_s:
        return None, f"event dropped: {quoted}"
    is_whole = times == [event_json["start_s"], event_json["end_s"]]
    return SpanText(start_s, end_s, text), None if is_whole else f"event cut to the clip: {quoted}"
