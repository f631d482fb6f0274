import numpy as np
import pytest
from numpy.typing import NDArray

from vidcurate.captioning.quality.entities import EntityAgreement, compare_nouns

VECTORS = {"dog": (1.0, 0.0), "ball": (0.0, 1.0), "cat": (0.6, 0.8)}


def vector_of(noun: str) -> NDArray[np.float32]:
    """The vector of a noun."""
    return np.array(VECTORS[noun], np.float32)


def test_entity_score_by_hand() -> None:
    """R = 1/2; C = mean of 1 and (0.8 + 1) / 2; 2RC / (R + C) = 0.95 / 1.45."""
    found = compare_nouns(["dog", "ball", "dog"], ["cat", "dog"], vector_of)
    assert (found.n_caption, found.n_reference, found.recall) == (2, 2, 0.5)
    assert found.nearness == pytest.approx(0.95)
    assert found.score == pytest.approx(0.95 / 1.45)


def test_texts_without_nouns_have_no_score() -> None:
    """A text without nouns has recall 0 and no score; a reference without nouns has neither."""
    assert compare_nouns([], ["dog"], vector_of) == EntityAgreement(1, 0, 0.0, None)
    assert compare_nouns(["dog"], [], vector_of) == EntityAgreement(0, 1, None, None)
    assert compare_nouns([], ["dog"], vector_of).score is None
