"""Requests to a model that sees, hears or reads, and its answers, wherever it runs.

A conversation is a generator: it yields requests, receives answers, and returns its result. So a
strategy is written as if it were alone with the model, while a backend runs many conversations at
once, in threads or in batches.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp
from typing import Any, Generic, Literal, TypeVar

from vidcurate.errors import MediaError, ServerError

T = TypeVar("T")
Status = Literal["ok", "truncated", "refused", "empty"]
ScoreSource = Literal["logprobs", "words", "classifier", ""]
MAX_QUOTE = 60  # characters of an answer in an error
MAX_OUTSIDE = 0.5  # likelier than not, an answer is none of the choices


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a clip: its time in seconds of the video, and the picture as a JPEG file.

    `clip_start_s` is when its clip begins, in seconds of the video.
    """

    time_s: float
    jpeg: bytes = field(repr=False)
    clip_start_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Sound:
    """A piece of a clip's sound: a WAV file, one channel at 16 kHz in 16 bits, at most 30 s.

    `start_s` and `end_s` are its times in seconds of the video, `clip_start_s` when its clip
    begins there.
    """

    wav: bytes = field(repr=False)
    start_s: float
    end_s: float
    clip_start_s: float = 0.0


Part = str | Frame | Sound


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One request: texts, frames and sounds in their order.

    `schema` is the JSON schema that the answer should follow, `max_tokens` the longest answer if
    not the backend's own. `to` names one of several models. `choices` are the words of which the
    answer is to be one; the backend says so to the model, and measures how probable each is.
    """

    parts: tuple[Part, ...]
    schema: Mapping[str, Any] | None = None
    max_tokens: int | None = None
    to: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer to one request.

    `status` is `ok`, `truncated` (the model ran out of tokens), `refused` (the model declined) or
    `empty` (no text came); `reason` says why, where it is known. `seconds` is the time of the
    answer itself, without earlier tries that failed. Tokens are None where the backend does not
    count them. `notes` say what was removed from the text, and how the request was changed.

    `choice_logprobs` are the natural logarithms of the probability of each choice that was asked
    for; one that the model holds for too improbable to tell is not among them. `score_from` says
    where they come from: `logprobs`, the model's own probabilities of its tokens, `words`, how sure
    the model says it is, or `classifier`, where an image classifier answered in a model's place.
    """

    text: str
    status: Status
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float
    notes: tuple[str, ...] = ()
    reason: str = ""
    choice_logprobs: Mapping[str, float] | None = None
    score_from: ScoreSource = ""
    shown_times_s: tuple[float, ...] | None = None


Conversation = Generator[ModelRequest, Answer, T]
Outcome = Answer | MediaError


@dataclass(frozen=True, slots=True)
class ConversationEnd(Generic[T]):
    """The result of a conversation."""

    result: T | MediaError


def answer_text(answer: Answer) -> str:
    """The text of an answer.

    Raises MediaError where the model refused or gave no text.
    """
    if answer.status in ("refused", "empty"):
        why = f": {answer.reason}" if answer.reason else ""
        raise MediaError(f"the model's answer was {answer.status}{why}")
    return answer.text


@dataclass(frozen=True, slots=True)
class ChoiceAnswer:
    """How probable each choice is; together they are 1.

    `outside` is the probability that the model held for answers that are no choice, 0 where it was
    asked in words. `score_from` is that of the answer.
    """

    probabilities: Mapping[str, float]
    outside: float
    score_from: ScoreSource
    answer: Answer

    @property
    def is_outside(self) -> bool:
        """Whether the model held answers that are no choice for likelier than the choices."""
        return self.outside > MAX_OUTSIDE

    @property
    def choice(self) -> str:
        """The most probable choice, the first of equals."""
        return max(self.probabilities, key=lambda choice: self.probabilities[choice])


def ask_choice(
    parts: Sequence[Part], choices: Sequence[str], to: str = ""
) -> Conversation[ChoiceAnswer]:
    """Ask a question that is answered by one of some words, and how probable each of them is.

    `parts` need not name the choices. Raises MediaError where the model refuses, and where it
    would answer with none of them.
    """
    answer = yield ModelRequest(tuple(parts), to=to, choices=tuple(choices))
    text = answer_text(answer)
    found = {c: exp(logprob) for c, logprob in (answer.choice_logprobs or {}).items()}
    total = sum(found.values())
    if not total:
        raise MediaError(f"the answer is none of {', '.join(choices)}: {text[:MAX_QUOTE]!r}")
    shares = {choice: found.get(choice, 0.0) / total for choice in choices}
    return ChoiceAnswer(shares, max(0.0, 1.0 - total), answer.score_from, answer)


def advance(
    conversation: Conversation[T], outcome: Outcome | None
) -> ModelRequest | ConversationEnd[T]:
    """Give a conversation an outcome, None to begin, and return its next request or its end.

    An error is raised inside the conversation, which may go on without that answer; an error of the
    server says nothing about the clip and ends the conversation.
    """
    if isinstance(outcome, ServerError):
        conversation.close()
        return ConversationEnd(outcome)
    try:
        if outcome is None:
            return next(conversation)
        return (
            conversation.throw(outcome)
            if isinstance(outcome, MediaError)
            else conversation.send(outcome)
        )
    except StopIteration as end:
        return ConversationEnd(end.value)
    except MediaError as error:
        return ConversationEnd(error)


def one_request(request: ModelRequest) -> Conversation[Answer]:
    """A conversation that ends with its first answer."""
    answer = yield request
    return answer


def by_requests(
    conversation: Conversation[T], send: Callable[[ModelRequest], Conversation[Answer]]
) -> Conversation[T]:
    """The same conversation, of which `send` sends each request and gives the answer.

    So requests and answers are changed or counted. An error that `send` raises reaches the
    conversation as one of the model's would. Raises MediaError where the conversation does.
    """
    step = advance(conversation, None)
    while isinstance(step, ModelRequest):
        try:
            answer = yield from send(step)
        except MediaError as error:
            step = advance(conversation, error)
            continue
        step = advance(conversation, answer)
    if isinstance(step.result, MediaError):
        raise step.result
    return step.result


def run_conversation(
    conversation: Conversation[T], answer: Callable[[ModelRequest], Outcome]
) -> T | MediaError:
    """Run one conversation to its end; `answer` answers each request at once."""
    step = advance(conversation, None)
    while isinstance(step, ModelRequest):
        step = advance(conversation, answer(step))
    return step.result


def run_conversations(
    conversations: Iterable[Conversation[T]],
    answer: Callable[[Sequence[ModelRequest]], Sequence[Outcome]],
    size: int,
) -> Iterator[T | MediaError]:
    """Run conversations, `size` at a time in one batch, and yield their results in order."""
    source = enumerate(conversations)
    waiting: dict[int, tuple[Conversation[T], ModelRequest]] = {}
    results: dict[int, T | MediaError] = {}
    due = 0

    def run_to_request(number: int, conversation: Conversation[T], outcome: Outcome | None) -> None:
        step = advance(conversation, outcome)
        if isinstance(step, ModelRequest):
            waiting[number] = conversation, step
        else:
            results[number] = step.result

    while True:
        while len(waiting) < size and (following := next(source, None)):
            run_to_request(*following, None)
        if not waiting:
            break
        batch = dict(waiting)
        waiting.clear()
        outcomes = answer([request for _, request in batch.values()])
        for (number, (conversation, _)), outcome in zip(batch.items(), outcomes, strict=True):
            run_to_request(number, conversation, outcome)
        while due in results:
            yield results.pop(due)
            due += 1
    yield from (results[number] for number in sorted(results))
