"""Asks a model to grade a caption on the clip's frames, and to name what is wrong.

After VC-Inspector: a whole number first, then the objects and actions that are wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vidcurate.captioning.clip_input import ClipInput
from vidcurate.captioning.text.json_answer import JSON_PROMPTS, ask_json
from vidcurate.models.chat.conversation import Conversation

LOWEST, HIGHEST = 1, 5
GRADING_PROMPTS = ("inspect", *JSON_PROMPTS)
NAMES = {"type": "array", "items": {"type": "string"}}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "grade": {"type": "integer", "minimum": LOWEST, "maximum": HIGHEST},
        "wrong_objects": NAMES,
        "wrong_actions": NAMES,
        "explanation": {"type": "string"},
    },
    "required": ["grade", "wrong_objects", "wrong_actions", "explanation"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class ModelGrade:
    """A grade of 1 to 5, the objects and actions that are wrong, and an explanation."""

    grade: int
    wrong_objects: tuple[str, ...]
    wrong_actions: tuple[str, ...]
    explanation: str

    @property
    def score(self) -> float:
        """The grade as a number from 0 to 1."""
        return (self.grade - LOWEST) / (HIGHEST - LOWEST)

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong, as lines for a prompt."""
        if self.grade == HIGHEST:
            return ()
        wrong = (
            ("not so in the clip", self.wrong_objects),
            ("does not happen", self.wrong_actions),
        )
        lines = [f"{what}: {', '.join(names)}" for what, names in wrong if names]
        return (*lines, self.explanation) if self.explanation else tuple(lines)


def grade_caption(text: str, clip_input: ClipInput) -> Conversation[ModelGrade]:
    """Ask the model for its grade of a caption."""
    prompt = clip_input.prompt("inspect", caption=text)
    answer = yield from ask_json((prompt, *clip_input.numbered_frames()), SCHEMA)
    return ModelGrade(
        int(answer["grade"]),
        tuple(answer["wrong_objects"]),
        tuple(answer["wrong_actions"]),
        answer["explanation"],
    )
