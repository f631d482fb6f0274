"""How a clip's pictures are brought to the size, rate and length that training wants: pure."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from vidcurate.exporting.training import FileFacts, Size


@dataclass(frozen=True, slots=True)
class Box:
    """A part of an upright picture of square pixels, in pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class RenditionOptions:
    """What files are to be like.

    `fps` is a constant rate; None keeps the video's own frames and times. `sizes` are exact sizes,
    of which each clip gets that of the nearest aspect; with none, `short_side` bounds the shorter
    side, and None keeps the size. Sides are multiples of `side_multiple`. `lengths` are numbers of
    frames that are trained, the shortest first; with `cuts_to_length` a file has the longest of
    them that the clip fills, else all of the clip. Clips that are too short, or that would have to
    be enlarged, are left out.
    """

    fps: Fraction | None = None
    sizes: tuple[Size, ...] = ()
    short_side: int | None = None
    side_multiple: int = 2
    fit: Literal["crop", "pad"] = "crop"
    enlarge: bool = False
    lengths: tuple[int, ...] = ()
    cuts_to_length: bool = False


@dataclass(frozen=True, slots=True)
class Rendition:
    """What one clip's file is to be: cropped to `crop`, scaled to `inner`, padded to `size`.

    `inner` is `size` where nothing is padded. With `fps`, picture k is that which the video shows
    at k / fps after the clip's start; without, the file holds the video's own frames. `n_frames`
    is the length of the file.
    """

    crop: Box
    inner: Size
    size: Size
    fps: Fraction | None
    n_frames: int

    def facts(self, own_fps: Fraction) -> FileFacts:
        """Return what a trainer will read of the file; `own_fps` is the video's average rate."""
        return FileFacts(*self.size, self.n_frames, self.fps or own_fps)


def plan_rendition(
    display: Size, box: Box | None, duration_s: Fraction, n_frames: int, options: RenditionOptions
) -> Rendition | str:
    """Plan the file of a clip, or say why it gets none.

    `display` is the size of the upright picture of square pixels, `box` what black bars leave of
    it; `duration_s` and `n_frames` are the clip's own.
    """
    raise NotImplementedError
