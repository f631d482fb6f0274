from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import log

import pytest

from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import (
    Answer,
    ChoiceAnswer,
    Conversation,
    Frame,
    ModelRequest,
    Outcome,
    Sound,
    ask_choice,
    by_requests,
    one_request,
    run_conversation,
    run_conversations,
)


def echo(request: ModelRequest) -> Outcome:
    """An answer that repeats the question, or an error where the question is "bad"."""
    [words] = request.parts
    if words == "bad":
        return MediaError("a bad question")
    return Answer(str(words), "ok", "echo", 1, 1, 0.0)


def counting(name: str, n: int) -> Conversation[str]:
    """A conversation of `n` requests, each of which carries all answers before it."""
    heard = name
    for number in range(n):
        answer = yield ModelRequest((f"{heard}{number}",))
        heard = answer.text
    return heard


def careful() -> Conversation[str]:
    """A conversation that goes on after a request that fails."""
    try:
        yield ModelRequest(("bad",))
    except MediaError:
        answer = yield ModelRequest(("good",))
        return answer.text
    return "no error came"


def careless() -> Conversation[str]:
    """A conversation that no failure was foreseen in."""
    yield ModelRequest(("bad",))
    return "no error came"


def test_each_answer_reaches_the_next_question() -> None:
    """A conversation gets its answers one by one, and its result is what it returns."""
    assert run_conversation(counting("a", 3), echo) == "a012"
    assert run_conversation(counting("a", 0), echo) == "a"


def test_requests_are_changed_on_their_way() -> None:
    """Each request goes another way, and an error on it is the conversation's own to bear."""
    passed: list[ModelRequest] = []

    def send(request: ModelRequest) -> Conversation[Answer]:
        passed.append(request)
        return one_request(replace(request, parts=(f"{request.parts[0]}!",)))

    def lost(request: ModelRequest) -> Conversation[Answer]:
        if request.parts == ("bad",):
            raise MediaError("lost on its way")
        return one_request(request)

    assert run_conversation(by_requests(counting("a", 2), send), echo) == "a0!1!"
    assert [request.parts for request in passed] == [("a0",), ("a0!1",)]
    assert run_conversation(by_requests(careful(), lost), echo) == "good"
    error = run_conversation(by_requests(careless(), lost), echo)
    assert isinstance(error, MediaError)
    assert "lost on its way" in str(error)


def test_an_error_is_raised_inside() -> None:
    """A failed request is raised in the conversation: caught there it goes on, else it ends it."""
    assert run_conversation(careful(), echo) == "good"
    error = run_conversation(careless(), echo)
    assert isinstance(error, MediaError)
    assert str(error) == "a bad question"


def test_batches_are_full_and_results_in_order() -> None:
    """Conversations of any length share batches; a long one holds no later one up."""
    sizes: list[int] = []

    def answer(requests: Sequence[ModelRequest]) -> Sequence[Outcome]:
        sizes.append(len(requests))
        return [echo(request) for request in requests]

    lengths = [5, 1, 0, 2, 1, 1]
    conversations = (counting(name, n) for name, n in zip("abcdef", lengths, strict=True))
    results = list(run_conversations(conversations, answer, 2))
    assert results == ["a01234", "b0", "c", "d01", "e0", "f0"]
    assert sizes == [2, 2, 2, 2, 2]


def test_batches_survive_what_fails() -> None:
    """An error ends its own conversation and no other of the batch."""
    conversations = iter([careless(), counting("a", 2), careful(), careless()])
    first, second, third, last = run_conversations(
        conversations, lambda requests: [*map(echo, requests)], 3
    )
    assert isinstance(first, MediaError)
    assert (second, third) == ("a01", "good")
    assert isinstance(last, MediaError)


def test_conversations_begin_as_needed() -> None:
    """No more are begun than fit into the batch."""
    begun: list[str] = []

    def conversations() -> Iterator[Conversation[str]]:
        for name in "abcdef":
            begun.append(name)
            yield counting(name, 1)

    results = run_conversations(conversations(), lambda requests: [*map(echo, requests)], 2)
    assert next(results) == "a0"
    assert begun == ["a", "b"]


def test_the_probabilities_of_choices_are_of_one_whole() -> None:
    """Each choice has its share of what the model gave to all of them; the rest is told."""
    asked: list[ModelRequest] = []
    shown = (Frame(1.0, b"jpeg"), Sound(b"wav", 1.0, 2.0))

    def answer(request: ModelRequest) -> Outcome:
        asked.append(request)
        logprobs = {"yes": log(0.6), "no": log(0.2)}
        return Answer("Yes", "ok", "eye", 1, 1, 0.0, (), "", logprobs, "logprobs")

    result = run_conversation(ask_choice(["Is it?", *shown], ["yes", "no", "unclear"]), answer)
    assert isinstance(result, ChoiceAnswer)
    assert result.probabilities == pytest.approx({"yes": 0.75, "no": 0.25, "unclear": 0.0})
    assert (result.choice, result.score_from) == ("yes", "logprobs")
    assert result.outside == pytest.approx(0.2)
    assert asked == [ModelRequest(("Is it?", *shown), choices=("yes", "no", "unclear"))]


def test_an_answer_that_is_no_choice_is_an_error() -> None:
    """Where the model holds no choice for likely, there are no probabilities."""
    error = run_conversation(ask_choice(["A maybe"], ["yes", "no"]), echo)
    assert isinstance(error, MediaError)
    assert str(error) == "the answer is none of yes, no: 'A maybe'"
