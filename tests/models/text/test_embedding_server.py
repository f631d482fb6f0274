from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from tests.support.embedding_server import EmbeddingScript, Reply, embedding, vector_of
from vidcurate.errors import MediaError
from vidcurate.models.text.embedding_server import open_embedding_server
from vidcurate.models.text.encoder import TextVectors
from vidcurate.stages.captions.sentences import EmbeddingServerConfig


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddingScript]:
    """A running server."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with embedding(EmbeddingScript()) as script:
        yield script


def answers(script: EmbeddingScript, *groups: Sequence[str]) -> list[TextVectors | MediaError]:
    """What comes of groups of texts, one request at a time."""
    options = EmbeddingServerConfig(
        model="words", base_url=script.url, concurrency=1, max_retries=1, backoff_s=0.001
    )
    return list(open_embedding_server(options).encode(groups))


def test_vectors_come_in_the_order_of_the_texts(script: EmbeddingScript) -> None:
    """The server's numbers count, not its order; a group of texts is one request."""
    groups = (["one tree", "a"], ["three"])
    for group, found in zip(groups, answers(script, *groups), strict=True):
        assert isinstance(found, TextVectors)
        assert found.are_cut is None
        for text, vector in zip(group, found.vectors, strict=True):
            wanted = np.array(vector_of(text))
            assert vector == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-6)
    assert script.asked == [list(group) for group in groups]


def planted(vector: list[float]) -> Reply:
    """An answer of one vector."""
    return 200, {"data": [{"index": 0, "embedding": vector}]}


def test_another_length_midway_costs_its_own_row(script: EmbeddingScript) -> None:
    """A vector of another length than the first is a failed row that says both lengths."""
    script.say = lambda texts: planted([1.0] * (4 if texts == ["odd"] else 3))
    first, odd, last = answers(script, ["a"], ["odd"], ["b"])
    assert isinstance(first, TextVectors)
    assert isinstance(last, TextVectors)
    assert isinstance(odd, MediaError)
    assert "a vector has 4 numbers, and those before it 3: is another model running" in str(odd)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (planted([0.0, 0.0]), "a vector of zeros"),
        ((200, {"data": []}), "the answer holds 0 vectors for 1 texts"),
        ((200, {"choices": []}), "the answer holds 0 vectors for 1 texts"),
        (
            (200, {"data": [{"index": 1, "embedding": [1.0, 0.0]}]}),
            "the answer numbers its vectors [1] for 1 texts",
        ),
        ((200, {"data": [{"embedding": "AACAPw=="}]}), "the answer is not a list of embeddings"),
        ((400, {"error": {"message": "input is too long"}}), "input is too long"),
    ],
)
def test_an_answer_that_is_none(script: EmbeddingScript, reply: Reply, words: str) -> None:
    """What a server sends instead of vectors is a failed row that says what it was."""
    script.say = lambda _texts: reply
    [found] = answers(script, ["a"])
    assert isinstance(found, MediaError)
    assert words in str(found)
