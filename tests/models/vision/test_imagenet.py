import sys

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vidcurate.errors import MissingExtraError
from vidcurate.models.vision.imagenet import PACKAGES, Tagger, open_imagenet, require_imagenet

for module in PACKAGES:
    pytest.importorskip(module, reason="the extra 'models' is not installed")


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    """The network with its published weights."""
    return open_imagenet()


def clock() -> NDArray[np.uint8]:
    """A drawn clock face with two hands and twelve marks."""
    face = np.full((300, 300, 3), 255, np.uint8)
    cv2.circle(face, (150, 150), 120, (0, 0, 0), 6)
    marks = [(k * np.pi / 6, 100, 115) for k in range(12)]
    for angle, start, end in [*marks, (0.3, 0, 110), (2.2, 0, 110)]:
        first, last = (
            (round(150 + r * np.sin(angle)), round(150 - r * np.cos(angle))) for r in (start, end)
        )
        cv2.line(face, first, last, (0, 0, 0), 5)
    return face


def traffic_light() -> NDArray[np.uint8]:
    """A drawn traffic light that shows red."""
    light = np.full((300, 300, 3), (120, 180, 240), np.uint8)
    cv2.rectangle(light, (100, 30), (200, 270), (30, 30, 30), -1)
    for number, colour in enumerate([(255, 30, 30), (90, 90, 20), (20, 90, 20)]):
        cv2.circle(light, (150, 75 + 75 * number), 30, colour, -1)
    return light


def test_things_are_named(tagger: Tagger) -> None:
    """A drawn clock and a drawn traffic light have their names: weights, colours and labels fit."""
    found = tagger.probabilities([clock(), traffic_light()])
    named = [tagger.labels[number] for number in found.argmax(axis=1)]
    assert named == ["analog clock", "traffic light"]
    assert found.max(axis=1) == pytest.approx([0.7, 0.4], abs=0.15)


def test_rows_are_probabilities_of_a_thousand_labels(tagger: Tagger) -> None:
    """Pictures of any size give one row each, of sum one; a batch changes nothing."""
    random = np.random.default_rng(4)
    pictures = [random.integers(0, 256, (*size, 3), np.uint8) for size in ((90, 160), (300, 200))]
    found = tagger.probabilities(pictures)
    assert found.shape == (2, 1000) == (2, len(tagger.labels))
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(tagger.probabilities(pictures[1:])[0], found[1], atol=1e-4)


@pytest.mark.parametrize("module", PACKAGES)
def test_missing_packages_name_the_extra(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one of the packages the error says what to install."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"{PACKAGES[module]} is .*'vidcurate\[models\]'"):
        require_imagenet()
