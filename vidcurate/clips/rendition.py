"""What the file of a clip is to be: which part of the picture, at which size, rate and length."""

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple


class Size(NamedTuple):
    """Width and height of pictures, in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


class Box(NamedTuple):
    """A part of an upright picture of square pixels, in pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a trainer reads of a clip file before it decodes it; `fps` is its average rate."""

    width: int
    height: int
    n_frames: int
    fps: Fraction


@dataclass(frozen=True, slots=True)
class Rendition:
    """What one clip's file is to be: cropped to `crop`, scaled to `inner`, padded to `size`.

    `crop` is a part of the upright picture of square pixels; on pixels of another shape its edges
    are those of the nearest pair of pixels. `inner` is `size` where nothing is padded; else it lies
    in the middle of black, its left and upper edge at even pixels.

    With `fps` the file has a constant rate, and picture k is that which the video shows at k / fps
    after the clip's start: the last of the clip's frames that begins by then. Without, the file
    holds the video's own frames at their times. `n_frames` is the length of the file; frames of the
    clip after it are left out.
    """

    crop: Box
    inner: Size
    size: Size
    fps: Fraction | None
    n_frames: int

    def facts(self, own_fps: Fraction) -> FileFacts:
        """Return what a trainer will read of the file; `own_fps` is the video's average rate."""
        return FileFacts(*self.size, self.n_frames, self.fps or own_fps)
