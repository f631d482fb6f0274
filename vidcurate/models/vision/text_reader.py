"""Finds and reads text in pictures by rapidocr, with the weights that the package brings.

Sources: the package rapidocr; its networks are PaddleOCR's (Liao et al. 2020, "Real-time scene text
detection with differentiable binarization").
"""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidcurate.clips.regions import Box
from vidcurate.errors import MissingExtraError

Image = NDArray[np.uint8]

# Smaller pictures are enlarged until their short side has so many pixels. More finds letters of
# under 6 pixels, and takes time with the square of it.
SHORT_SIDE = 256
# Where the short side has fewer, no letter is large enough to be found, and to enlarge is slow.
MIN_SIDE = 6
SETTINGS = {
    "Global.log_level": "critical",
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Det.limit_type": "min",
    "Det.limit_side_len": SHORT_SIDE,
}
# What is taken for text in leaves and fur reads as one character, or with little confidence, which
# is the recogniser's mean probability of a character.
MIN_CONFIDENCE, MIN_CHARACTERS = 0.6, 2
MAX_LINE = 0.5  # of the picture's height; what is higher is no line
# A line takes half the time of the search. Where there are so many, those unread are text as well.
MAX_READ = 10


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text: where it lies, and what it says, empty where it was not read."""

    box: Box
    text: str


@dataclass(frozen=True, slots=True)
class TextReader:
    """A loaded detector and recogniser; pictures are RGB, shape (height, width, 3)."""

    engine: Any

    def lines(self, picture: Image) -> list[Line]:
        """The lines of text in a picture, largest first; those after the tenth are not read."""
        boxes = [box for box in self.find(picture) if box.bottom - box.top <= MAX_LINE]
        boxes.sort(key=lambda box: -box.area)
        read = [Line(box, self.read(picture, box)) for box in boxes[:MAX_READ]]
        return [line for line in read if line.text] + [Line(box, "") for box in boxes[MAX_READ:]]

    def find(self, picture: Image) -> list[Box]:
        """Upright boxes around what looks like lines of text."""
        height, width = picture.shape[:2]
        if min(height, width) < MIN_SIDE:
            return []
        found = self.engine(bgr(picture), use_det=True, use_cls=False, use_rec=False)
        if found.boxes is None:
            return []
        corners = np.asarray(found.boxes, np.float64) / (width, height)
        return [
            Box(*map(float, (*box.min(axis=0), *box.max(axis=0)))) for box in corners.clip(0, 1)
        ]

    def read(self, picture: Image, box: Box) -> str:
        """The text in a box; empty where it is uncertain, or only one character."""
        height, width = picture.shape[:2]
        rows = slice(int(box.top * height), int(np.ceil(box.bottom * height)))
        columns = slice(int(box.left * width), int(np.ceil(box.right * width)))
        part = picture[rows, columns]
        found = self.engine(bgr(part), use_det=False, use_cls=False, use_rec=True)
        text = found.txts[0].strip() if found.txts else ""
        is_text = sum(map(str.isalnum, text)) >= MIN_CHARACTERS
        return text if is_text and found.scores[0] >= MIN_CONFIDENCE else ""


def bgr(picture: Image) -> Image:
    """A picture in rapidocr's order of channels."""
    return np.ascontiguousarray(picture[..., ::-1])


def require_rapidocr() -> None:
    """Raise MissingExtraError where a package is not installed; nothing is imported."""
    for package in ("rapidocr", "onnxruntime"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "text")


def open_text_reader() -> TextReader:
    """The networks on one CPU thread.

    Raises MissingExtraError without the package.
    """
    require_rapidocr()
    from rapidocr import RapidOCR  # noqa: PLC0415 - heavy, and not everyone's

    return TextReader(RapidOCR(params=SETTINGS))
