import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.pipeline import process
from vidcurate.clips.regions import Box
from vidcurate.errors import MissingExtraError
from vidcurate.models.vision.text_reader import MAX_READ, MIN_SIDE, TextReader, open_text_reader

pytest.importorskip("rapidocr", reason="the extra 'text' is not installed")

Image = NDArray[np.uint8]
HEIGHT, WIDTH = 252, 448


@pytest.fixture(scope="module")
def reader() -> TextReader:
    """The real networks."""
    return open_text_reader()


def scene() -> Image:
    """A smooth coloured picture without text."""
    dice = np.random.default_rng(2)
    coarse = dice.integers(40, 200, (6, 10, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


def write(picture: Image, text: str, at: tuple[int, int], size: float = 0.6) -> None:
    """Draw a line, its left end at the base line."""
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), 2, cv2.LINE_AA)


def test_text_is_found_where_it_is_and_read(reader: TextReader) -> None:
    """Two lines give two boxes around them, largest first, with what they say."""
    picture = scene()
    write(picture, "Hello world again", (120, 230))
    write(picture, "LIVE", (20, 30))
    low, high = reader.lines(picture)
    assert (low.text, high.text) == ("Hello world again", "LIVE")
    assert (low.box.region, high.box.region) == ("bottom", "top left")
    assert low.box.left == pytest.approx(120 / WIDTH, abs=0.03)
    assert low.box.bottom == pytest.approx(235 / HEIGHT, abs=0.04)
    assert low.box.area > high.box.area


def test_a_picture_without_text_has_none(reader: TextReader) -> None:
    """Smooth, black and noisy pictures, and one letter, are no text."""
    noise = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    letter = scene()
    write(letter, "X", (200, 130), 1.0)
    for picture in (scene(), np.zeros((HEIGHT, WIDTH, 3), np.uint8), noise, letter):
        assert reader.lines(picture) == []


def test_red_letters_are_read_on_blue(reader: TextReader) -> None:
    """Channels reach the networks in their order: letters as light as their ground are found."""
    picture = np.full((HEIGHT, WIDTH, 3), (20, 40, 200), np.uint8)
    cv2.putText(picture, "red and blue", (90, 130), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (230, 30, 20), 2)
    assert [line.text for line in reader.lines(picture)] == ["red and blue"]


@pytest.mark.parametrize("shape", [(1, 1), (2, 400), (9, 16), (MIN_SIDE, 60)])
def test_tiny_pictures_have_no_text(reader: TextReader, shape: tuple[int, int]) -> None:
    """Pictures too small for a letter give no line and no error."""
    assert reader.lines(np.full((*shape, 3), 128, np.uint8)) == []


def test_a_flat_picture_is_not_searched() -> None:
    """It would be enlarged to tens of thousands of pixels, which takes seconds."""
    reader = TextReader(engine=None)
    assert reader.find(np.full((MIN_SIDE - 1, 2000, 3), 128, np.uint8)) == []


def test_a_page_is_not_read_to_its_end(reader: TextReader) -> None:
    """Of many lines ten are read; the others are text all the same."""
    picture = np.zeros((600, 450, 3), np.uint8)
    for number in range(16):
        write(picture, f"line number {number}", (40, 30 + 36 * number))
    lines = reader.lines(picture)
    assert len(lines) >= 15
    assert sum(bool(line.text) for line in lines) == MAX_READ


def test_a_box_at_the_border_is_read(reader: TextReader) -> None:
    """A box that touches the picture's edges is cut there."""
    picture = np.zeros((40, 200, 3), np.uint8)
    write(picture, "border", (30, 28), 0.9)
    assert reader.read(picture, Box(0, 0, 1, 1)) == "border"


def test_a_missing_extra_is_reported_before_decoding(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without rapidocr the command that installs it is named, and no video is read."""
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vidcurate\[text\]'"):
        process(tmp_path / "out", {"text": {}}, video)
    assert not (tmp_path / "out" / "scans").exists()
