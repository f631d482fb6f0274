from pathlib import Path

import numpy as np
import pytest

from tests.support.tiny_models import save_sentence_encoder
from vidcurate.errors import UsageError
from vidcurate.models.text.encoder import TextVectors
from vidcurate.models.text.transformers_text import TransformersText, open_transformers_text

pytest.importorskip("transformers", reason="the extra 'models' is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny sentence encoder of random weights."""
    return save_sentence_encoder(tmp_path_factory.mktemp("encoder"))


def vectors(model: TransformersText, *texts: str) -> TextVectors:
    """The vectors of some texts."""
    [found] = model.encode([texts])
    assert isinstance(found, TextVectors)
    return found


def test_padding_changes_no_vector(folder: Path) -> None:
    """The mean goes over a text's own tokens: beside a longer text it has the same vector."""
    model = open_transformers_text(str(folder), "", "mean")
    alone = vectors(model, "a dog").vectors[0]
    beside = vectors(model, "a dog", "a dog runs and a cat runs").vectors
    assert beside.shape == (2, 16)
    assert beside[0] == pytest.approx(alone, abs=1e-5)
    assert not np.allclose(beside[0], beside[1], atol=1e-3)


def test_the_first_token_may_stand_for_all(folder: Path) -> None:
    """Pooling by the first token gives another vector than the mean, of length one as well."""
    first = vectors(open_transformers_text(str(folder), "", "first"), "a dog runs").vectors
    mean = vectors(open_transformers_text(str(folder), "", "mean"), "a dog runs").vectors
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-5)
    assert not np.allclose(first, mean, atol=1e-3)


def test_a_long_text_is_cut(folder: Path) -> None:
    """A text longer than the model's positions is cut, and said to be."""
    model = open_transformers_text(str(folder), "", "mean")
    assert vectors(model, "dog " * 40, "dog").are_cut == (True, False)


def test_a_folder_that_holds_no_model(tmp_path: Path) -> None:
    """The error names the folder and what should be there."""
    with pytest.raises(UsageError, match=r"cannot load the sentence encoder .*config\.json"):
        open_transformers_text(str(tmp_path), "", "mean")
