from collections.abc import Iterator, Sequence

from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import (
    Answer,
    Conversation,
    ModelRequest,
    Outcome,
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
