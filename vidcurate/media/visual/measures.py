"""Measurements of one full-size picture: sharpness, noise, blocks, light, bars, colour.

Everything that depends on pixels being next to each other is measured at native size, since
scaling hides it, and on a bounded number of pixels, so that large frames cost no more.
"""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

COLOUR_NAMES = (
    "black",
    "grey",
    "white",
    "red",
    "orange",
    "yellow",
    "green",
    "cyan",
    "blue",
    "purple",
    "pink",
    "brown",
)
BANDS = 6
BAND_PIXELS = 1 << 18
GRID = 8
COLOUR_STEP = 3
DARK_BELOW, BRIGHT_ABOVE = 13, 242
BAR_LEVEL = 20
# Of a bar's border, the least share along which the picture is bright. On 9 videos of web video
# 0.20 to 1 at true bars, 0.14 and less at the dark edges of a stage, a concert and a candidates.
MIN_ALONG = 0.17
# From blue, green and red to red minus green, and to yellow minus blue.
OPPONENT = np.array([[0.0, -1.0], [-1.0, 0.5], [1.0, 0.5]], np.float32)
SECOND_DIFFERENCE = np.array([1.0, -2.0, 1.0], np.float32)


@dataclass(frozen=True, slots=True)
class Measures:
    """The measurements of one picture; shares are 0..1 of its pixels.

    `sharpness` is in squared 8-bit levels, `noise` in 8-bit levels, `blockiness` a ratio.
    The letterbox fields are widths of dark bars as shares of the picture's width or height, None
    where the picture's own edge is too dark to decide.
    """

    sharpness: float
    noise: float
    blockiness: float
    dark_share: float
    bright_share: float
    contrast: float
    letterbox_left: float | None
    letterbox_top: float | None
    letterbox_right: float | None
    letterbox_bottom: float | None


def measure(luma: Image, grid: Image, *, full_range: bool) -> Measures:
    """Measure native luma of shape (height, width), 8-bit, in limited or full range.

    `grid` are pixels of the same luma at even distances, in limited range.
    """
    bands = spread_bands(luma)
    dark, bright, contrast = exposure(grid)
    left, top, right, bottom = letterbox(luma, full_range=full_range)
    return Measures(
        sharpness=sharpness(bands),
        noise=noise(bands),
        blockiness=blockiness(bands),
        dark_share=dark,
        bright_share=bright,
        contrast=contrast,
        letterbox_left=left,
        letterbox_top=top,
        letterbox_right=right,
        letterbox_bottom=bottom,
    )


def spread_bands(luma: Image) -> list[Image]:
    """Return at most 262 144 native pixels: the whole picture, or six full-width bands.

    Each band begins on a row divisible by 8, so that a codec's block grid is where it is expected.
    """
    height, width = luma.shape
    rows = max(GRID, BAND_PIXELS // (BANDS * width) // GRID * GRID)
    if height <= rows * BANDS:
        return [luma]
    starts = np.linspace(0, height - rows, BANDS).astype(int) // GRID * GRID
    return [luma[start : start + rows] for start in starts]


def sharpness(bands: list[Image]) -> float:
    """Return the variance of the 3 x 3 Laplacian (Pech-Pacheco et al. 2000), squared levels.

    The mean of a Laplacian is zero but for the border, so its mean square is taken.
    """
    total = sum(cv2.norm(cv2.Laplacian(band, cv2.CV_16S), cv2.NORM_L2SQR) for band in bands)
    return total / count_pixels(bands)


def noise(bands: list[Image]) -> float:
    """Estimate the standard deviation of noise in 8-bit levels (Immerkaer 1996).

    Fine texture counts as noise: the estimate is an upper bound on detailed pictures.
    """
    total = 0.0
    for band in bands:
        second = cv2.sepFilter2D(band, cv2.CV_16S, SECOND_DIFFERENCE, SECOND_DIFFERENCE)
        total += cv2.norm(second, cv2.NORM_L1)
    return float(np.sqrt(np.pi / 2) / 6 * total / count_pixels(bands))


def blockiness(bands: list[Image]) -> float:
    """Compare luma steps across the 8 x 8 block grid with steps elsewhere; 1 where no grid shows.

    After Wang, Sheikh and Bovik (2002), as a ratio. One level is added to both sides so that flat
    pictures do not divide by nothing.
    """
    on_grid, everywhere = np.zeros(2), np.zeros(2)
    for band in bands:
        for lines in (band, np.asarray(cv2.transpose(band), np.uint8)):
            on_grid += sum_of_steps(lines, GRID)
            everywhere += sum_of_steps(lines, 1)
    means = [total / max(n_steps, 1.0) for total, n_steps in (on_grid, everywhere - on_grid)]
    return float((means[0] + 1.0) / (means[1] + 1.0))


def sum_of_steps(lines: Image, every: int) -> tuple[float, int]:
    """Add up the mean absolute luma steps into every so many-th row, and count them."""
    after = lines[every::every]
    before = lines[every - 1 :: every][: len(after)]
    total = cv2.norm(after, before, cv2.NORM_L1) if after.size else 0.0
    return total / lines.shape[1], len(after)


def count_pixels(bands: list[Image]) -> int:
    """Count the pixels of all bands."""
    return sum(band.size for band in bands)


def exposure(grid: Image) -> tuple[float, float, float]:
    """Return shares of dark and of bright pixels, and contrast, of luma in limited range.

    Dark is below 5 % of full range, bright above 95 %. Contrast is the distance between the 5th
    and the 95th percentile of luma as a share of full range.
    """
    counts = np.asarray(cv2.calcHist([grid], [0], None, [256], [0, 256])).ravel()
    levels = level_table(full_range=False)
    below = np.cumsum(counts) / grid.size
    dark = counts[levels < DARK_BELOW].sum() / grid.size
    bright = counts[levels > BRIGHT_ABOVE].sum() / grid.size
    low, high = np.searchsorted(below, (0.05, 0.95))
    return float(dark), float(bright), float(levels[high] - levels[low]) / 255.0


@cache
def level_table(*, full_range: bool) -> NDArray[np.float64]:
    """Return the full-range luma 0..255 of each 8-bit code."""
    codes = np.arange(256.0)
    return codes if full_range else np.clip((codes - 16.0) * 255.0 / 219.0, 0.0, 255.0)


def letterbox(
    luma: Image, *, full_range: bool
) -> tuple[float | None, float | None, float | None, float | None]:
    """Return the shares of width or height that dark bars take at left, top, right and bottom.

    A row or column belongs to a bar while none of its sampled pixels (every 8th) exceeds 20 of
    255. None where a bar cannot be distinguished from the picture's dark edge, whose border is
    not straight. A bar may hide behind a dark picture: take the least over a clip.
    """
    limit = int(np.searchsorted(level_table(full_range=full_range), BAR_LEVEL, side="right")) - 1
    sides = luma.T, luma, luma.T[::-1], luma[::-1]
    left, top, right, bottom = (bar_width(lines[:, ::GRID], limit) for lines in sides)
    return left, top, right, bottom


def bar_width(lines: Image, limit: int) -> float | None:
    """Return the share of first rows without a bright pixel, if they end along a straight border.

    Just past a bar's border bright pixels lie all along it; a dark corner ends here and there.
    """
    if (lines[0] > limit).any():
        return 0.0
    bright = lines > limit
    has_any = bright.any(axis=1)
    if not has_any.any():
        return None
    first = int(has_any.argmax())
    along = bright[first : first + max(2, len(bright) // 300)].any(axis=0)
    return first / len(bright) if along.mean() >= MIN_ALONG else None


def coarse_pixels(bgr: Image) -> Image:
    """Return every third pixel of a picture each way, enough to measure its colours."""
    # Copied as items of three bytes, which is twice as fast as byte by byte.
    pixels = np.ascontiguousarray(bgr).view("V3")[::COLOUR_STEP, ::COLOUR_STEP]
    return np.ascontiguousarray(pixels).view(np.uint8)


def colourfulness(coarse: Image) -> float:
    """Return the colourfulness of Hasler and Suesstrunk (2003), 0..about 150, of BGR pixels.

    0 is grey; about 33 is moderate, 59 quite and 109 extremely colourful by their raters.
    """
    opponent = coarse.astype(np.float32) @ OPPONENT
    mean, spread = cv2.meanStdDev(opponent)
    return float(np.hypot(*spread.ravel()) + 0.3 * np.hypot(*mean.ravel()))


def colour_shares(coarse: Image) -> NDArray[np.float32]:
    """Return the share of each of COLOUR_NAMES among BGR pixels; sums to 1."""
    # Named for red in the first place: 5 bits a channel, blue the highest.
    index = np.asarray(cv2.cvtColor(coarse, cv2.COLOR_RGB2BGR555)).view(np.uint16)
    counts = np.bincount(colour_table()[index].ravel(), minlength=len(COLOUR_NAMES))
    return (counts / index.size).astype(np.float32)


@cache
def colour_table() -> NDArray[np.uint8]:
    """Return the index in COLOUR_NAMES of each colour of 5 bits a channel, blue the highest bits.

    Black, white and grey are set by value and saturation, the others by hue in degrees; brown is
    a dark orange, pink a light red or a hue between purple and red.
    """
    code = np.arange(1 << 15)
    channels = np.stack([code >> 10, (code >> 5) & 31, code & 31], axis=1) * 255 // 31
    hsv = cv2.cvtColor(
        np.asarray(channels / 255.0, np.float32).reshape(1, -1, 3), cv2.COLOR_BGR2HSV
    )
    hue, saturation, value = np.asarray(hsv)[0].T
    edges = (0, 15, 45, 68, 165, 195, 260, 310, 345, 361)
    names = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "red")
    table = np.zeros(len(code), np.uint8)
    for (low, high), name in zip(pairwise(edges), names, strict=True):
        table[(hue >= low) & (hue < high)] = COLOUR_NAMES.index(name)
    reddish = (hue < edges[1]) | (hue >= edges[-2])
    rules = (
        ((hue >= edges[1]) & (hue < edges[2]) & (value < 0.65), "brown"),  # noqa: PLR2004 - share
        (reddish & (saturation < 0.5) & (value > 0.75), "pink"),  # noqa: PLR2004
        (saturation < 0.16, "grey"),  # noqa: PLR2004 - share
        ((saturation < 0.16) & (value > 0.8), "white"),  # noqa: PLR2004 - share
        (value < 0.16, "black"),  # noqa: PLR2004 - share
    )
    for where, name in rules:
        table[where] = COLOUR_NAMES.index(name)
    return table
