"""What is said to a model that sees and writes, and what it answers, whatever it runs on.

A conversation is a generator: it yields what it asks, is sent the answer, and returns what it made
of all answers. So a strategy is written as if it were alone with the model, while a backend holds
many conversations at once, in threads or in batches.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from vidcurate.errors import MediaError, ServerError

T = TypeVar("T")
Status = Literal["ok", "truncated", "refused", "empty"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One still of a clip: its time in seconds of the video, and the picture as a JPEG file.

    `clip_start_s` is when its clip begins, in seconds of the video.
    """

    time_s: float
    jpeg: bytes = field(repr=False)
    clip_start_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: texts and pictures in the order in which they are said.

    `schema` is the JSON schema that the answer should follow, `max_tokens` the longest answer if
    not the backend's own. `to` names one of several models.
    """

    parts: tuple[str | Frame, ...]
    schema: Mapping[str, Any] | None = None
    max_tokens: int | None = None
    to: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said to one request.

    `status` is `ok`, `truncated` (the model ran out of tokens), `refused` (the model would not
    say) or `empty` (no text came); `reason` says why, where it is known. `seconds` is what the
    answer itself took, without earlier tries that failed. Tokens are None where the backend does
    not count them. `notes` tell what was taken from the text, and how the request differed from
    what was asked.
    """

    text: str
    status: Status
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float
    notes: tuple[str, ...] = ()
    reason: str = ""


Conversation = Generator[Ask, Answer, T]
Outcome = Answer | MediaError


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """What a conversation came to."""

    result: T | MediaError


def said(answer: Answer) -> str:
    """The text of an answer.

    Raises MediaError where the model would say nothing.
    """
    if answer.status in ("refused", "empty"):
        why = f": {answer.reason}" if answer.reason else ""
        raise MediaError(f"the model's answer was {answer.status}{why}")
    return answer.text


def advance(talk: Conversation[T], outcome: Outcome | None) -> Ask | Ended[T]:
    """The next request of a conversation that is told an outcome, None to begin.

    An error is raised inside the conversation, which may go on without that answer; one of the
    server says nothing of the clip and ends it.
    """
    if isinstance(outcome, ServerError):
        talk.close()
        return Ended(outcome)
    try:
        if outcome is None:
            return next(talk)
        return talk.throw(outcome) if isinstance(outcome, MediaError) else talk.send(outcome)
    except StopIteration as end:
        return Ended(end.value)
    except MediaError as error:
        return Ended(error)


def hold(talk: Conversation[T], ask: Callable[[Ask], Outcome]) -> T | MediaError:
    """The result of one conversation, each request of which is answered at once."""
    step = advance(talk, None)
    while isinstance(step, Ask):
        step = advance(talk, ask(step))
    return step.result


def hold_in_batches(
    talks: Iterable[Conversation[T]],
    answer: Callable[[Sequence[Ask]], Sequence[Outcome]],
    size: int,
) -> Iterator[T | MediaError]:
    """The results of conversations, in order, of which `size` are answered together."""
    source = enumerate(talks)
    waiting: dict[int, tuple[Conversation[T], Ask]] = {}
    results: dict[int, T | MediaError] = {}
    due = 0

    def go_on(number: int, talk: Conversation[T], outcome: Outcome | None) -> None:
        step = advance(talk, outcome)
        if isinstance(step, Ask):
            waiting[number] = talk, step
        else:
            results[number] = step.result

    while True:
        while len(waiting) < size and (following := next(source, None)):
            go_on(*following, None)
        if not waiting:
            break
        batch = dict(waiting)
        waiting.clear()
        outcomes = answer([ask for _, ask in batch.values()])
        for (number, (talk, _)), outcome in zip(batch.items(), outcomes, strict=True):
            go_on(number, talk, outcome)
        while due in results:
            yield results.pop(due)
            due += 1
    yield from (results[number] for number in sorted(results))
