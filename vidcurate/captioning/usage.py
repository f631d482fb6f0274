"""Counts what the requests of a conversation use, so that strategies need no accounts.

It also takes the text out of answers that are JSON where plain text was asked for.
"""

from dataclasses import dataclass, replace
from typing import TypeVar

from vidcurate.captioning.text.json_answer import plain_text
from vidcurate.models.chat.conversation import (
    Answer,
    Conversation,
    Frame,
    ModelRequest,
    by_requests,
)
from vidcurate.models.chat.output_text import MARKUP

T = TypeVar("T")
MAX_QUOTE = 60  # characters of an answer in an error


@dataclass(slots=True)
class Usage:
    """What all requests about one clip used; tokens are None where none are counted.

    `shown_times_s` are the times of the frames that a model was shown in any of them.
    """

    model: str = ""
    n_requests: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    shown_times_s: frozenset[float] = frozenset()

    def add(self, request: ModelRequest, answer: Answer) -> None:
        """Count one more request and its answer; what a classifier says is no request."""
        if answer.score_from == "classifier":
            self.seconds += answer.seconds
            return
        self.model = answer.model
        self.n_requests += 1
        self.prompt_tokens = sum_known(self.prompt_tokens, answer.prompt_tokens)
        self.completion_tokens = sum_known(self.completion_tokens, answer.completion_tokens)
        self.seconds += answer.seconds
        self.notes = tuple(dict.fromkeys((*self.notes, *answer.notes)))
        shown = answer.shown_times_s
        if shown is None:
            shown = tuple(part.time_s for part in request.parts if isinstance(part, Frame))
        self.shown_times_s |= set(shown)


def sum_known(so_far: int | None, more: int | None) -> int | None:
    """A sum of what is known."""
    return so_far if more is None else (so_far or 0) + more


def count_usage(conversation: Conversation[T], usage: Usage) -> Conversation[T]:
    """Run a conversation, count its answers, and unwrap JSON where none was asked for."""

    def counted(request: ModelRequest) -> Conversation[Answer]:
        answer = yield request
        if request.schema is None and not request.choices:
            answer = without_json(answer)
        usage.add(request, answer)
        return answer

    return by_requests(conversation, counted)


def without_json(answer: Answer) -> Answer:
    """An answer without the JSON around its text, noted; empty if the JSON has no one text."""
    text = plain_text(answer.text)
    if text == answer.text:
        return answer
    if text is None:
        reason = f"it is JSON that holds no one text: {answer.text[:MAX_QUOTE]}"
        return replace(answer, text="", status="empty", reason=reason)
    return replace(answer, text=text, notes=(*answer.notes, MARKUP))
