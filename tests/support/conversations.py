"""Runs a strategy on one clip with a model that answers from a list, for tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from vidcurate.captioning.clip_input import CaptionText, ClipInput, TextScorer
from vidcurate.captioning.options import CaptionConfig
from vidcurate.captioning.strategies.registry import STRATEGIES, prompts_of
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import (
    Answer,
    Frame,
    ModelRequest,
    Outcome,
    Status,
    run_conversation,
)
from vidcurate.records import Clip

CLIP = Clip("c1", "v1", 0, 96, Fraction(1, 24), 10.0, 14.0, 4.0, 96)
FRAMES = (Frame(10.5, b"first"), Frame(13.0, b"second"))


@dataclass
class Model:
    """A model that gives these outcomes in turn, and keeps what it was asked."""

    outcomes: Sequence[Outcome]
    requests: list[ModelRequest] = field(default_factory=list)

    def ask(self, request: ModelRequest) -> Outcome:
        """The next outcome."""
        self.requests.append(request)
        return self.outcomes[len(self.requests) - 1]

    def texts(self) -> list[str]:
        """The first text of each request."""
        return [str(request.parts[0]) for request in self.requests]


def reply(text: str, status: Status = "ok", model: str = "eye") -> Answer:
    """An answer."""
    return Answer(text, status, model, 1, 1, 0.0)


def caption_by(
    model: Model,
    facts: Mapping[str, Mapping[str, object]] | None = None,
    text_scorer: TextScorer | None = None,
    given: Mapping[str, Any] | None = None,
    **options: Any,
) -> CaptionText:
    """What a strategy comes to, `given` more of a clip. Raises MediaError where it fails."""
    config = CaptionConfig.model_validate({"backend": "openai", "model": "eye", **options})
    clip_input = ClipInput(CLIP, FRAMES, facts or {}, prompts_of(config), config)
    conversation = STRATEGIES[config.strategy.name].converse(
        replace(clip_input, text_scorer=text_scorer, **given or {})
    )
    result = run_conversation(conversation, model.ask)
    if isinstance(result, MediaError):
        raise result
    return result
