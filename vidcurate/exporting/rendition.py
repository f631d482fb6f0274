"""How a clip's pictures are brought to the size, rate and length that training wants: pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Literal

from vidcurate.clips.rendition import Box, Rendition, Size
from vidcurate.options import listed

__all__ = ["Box", "Rendition", "RenditionOptions", "file_frames", "inside_bars", "plan_rendition"]


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


def plan_rendition(
    display: Size, box: Box | None, duration_s: Fraction, n_frames: int, options: RenditionOptions
) -> Rendition | str:
    """Plan the file of a clip, or say why it gets none.

    `display` is the size of the upright picture of square pixels, `box` what black bars leave of
    it; `duration_s` and `n_frames` are the clip's own.
    """
    length = file_frames(duration_s, n_frames, options)
    if length is None:
        at_rate = f" at {rate_text(options.fps)} fps" if options.fps else ""
        return f"fewer than {options.lengths[0]} frames{at_rate}"
    area = even_box(box or Box(0, 0, *display))
    if min(area.width, area.height) < 1:
        return "a picture of less than 2x2 pixels"
    size = file_size(area, options)
    if isinstance(size, str):
        return size
    if options.fit == "pad":
        crop, inner = area, fitted(area, size, enlarge=options.enlarge)
    else:
        crop, inner = crop_of(area, size), size
    if not all((*crop[2:], *inner)):
        return f"a picture too narrow for {size}"
    return Rendition(crop, inner, size, options.fps, length)


def file_frames(duration_s: Fraction, n_frames: int, options: RenditionOptions) -> int | None:
    """Return how many frames a clip's file has; None for a clip that fills no trained length."""
    available = ceil(duration_s * options.fps) if options.fps else n_frames
    filled = [length for length in options.lengths if length <= available]
    if options.lengths and not filled:
        return None
    return max(filled) if filled and options.cuts_to_length else available


def file_size(area: Box, options: RenditionOptions) -> Size | str:
    """Return the size of the file of a picture, or say why it has none."""
    multiple = options.side_multiple
    if options.sizes:
        found = nearest_size(area, options)
        return found or f"too small for {listed(map(str, options.sizes), 'or')} without enlarge"
    scale = Fraction(1)
    if options.short_side is not None:
        scale = Fraction(options.short_side, min(area.width, area.height))
        scale = scale if options.enlarge else min(scale, Fraction(1))
    near = ceil if options.fit == "pad" else floor
    width, height = (near(side * scale / multiple) * multiple for side in area[2:])
    return Size(width, height) if min(width, height) else f"a side of less than {multiple} pixels"


def nearest_size(area: Box, options: RenditionOptions) -> Size | None:
    """Return the size of the nearest aspect that a picture fills; of equal ones the largest."""
    fitting = [size for size in options.sizes if options.enlarge or fills(area, size, options.fit)]
    return min(
        fitting,
        key=lambda size: (aspect_ratio(area, size), -size.width * size.height),
        default=None,
    )


def fills(area: Box, size: Size, fit: Literal["crop", "pad"]) -> bool:
    """Check whether a picture is brought to a size without being enlarged."""
    sides = (area.width >= size.width, area.height >= size.height)
    return any(sides) if fit == "pad" else all(sides)


def aspect_ratio(area: Box, size: Size) -> Fraction:
    """Return how many times wider one picture is than another of the same height, at least 1."""
    ratio = Fraction(area.width * size.height, area.height * size.width)
    return max(ratio, 1 / ratio)


def crop_of(area: Box, size: Size) -> Box:
    """Return the middle part of a picture that has the aspect of a size, to two pixels."""
    width, height = area.width, area.height
    if width * size.height > height * size.width:
        width = height * size.width // size.height // 2 * 2
    else:
        height = width * size.height // size.width // 2 * 2
    left, top = (area.width - width) // 4 * 2, (area.height - height) // 4 * 2
    return Box(area.left + left, area.top + top, width, height)


def fitted(area: Box, size: Size, *, enlarge: bool) -> Size:
    """Return the largest even size inside another that has the aspect of a picture."""
    scale = min(Fraction(size.width, area.width), Fraction(size.height, area.height))
    scale = scale if enlarge else min(scale, Fraction(1))
    width, height = (floor(side * scale / 2) * 2 for side in area[2:])
    return Size(width, height)


def even_box(box: Box) -> Box:
    """Return the largest part of a box whose edges are even, as colour of half the size needs."""
    left, top = -(-box.left // 2) * 2, -(-box.top // 2) * 2
    right, bottom = (box.left + box.width) // 2 * 2, (box.top + box.height) // 2 * 2
    return Box(left, top, right - left, bottom - top)


def inside_bars(display: Size, shares: Sequence[float]) -> Box | None:
    """Return what bars leave of a picture; None where there are none.

    `shares` are those of width or height that bars take at left, top, right and bottom.
    """
    left, right = (round(share * display.width) for share in shares[::2])
    top, bottom = (round(share * display.height) for share in shares[1::2])
    if not any((left, top, right, bottom)):
        return None
    return Box(left, top, display.width - left - right, display.height - top - bottom)


def rate_text(fps: Fraction) -> str:
    """Write a rate as people do: 16, 23.976."""
    return f"{float(fps):.3f}".rstrip("0").rstrip(".")
