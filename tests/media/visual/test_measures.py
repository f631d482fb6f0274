import cv2
import numpy as np
import pytest

from vidcurate.media.visual.measures import (
    BAND_PIXELS,
    COLOUR_NAMES,
    Image,
    blockiness,
    coarse_pixels,
    colour_shares,
    colourfulness,
    exposure,
    letterbox,
    measure,
    noise,
    sharpness,
    spread_bands,
)

RANDOM = np.random.default_rng(5)


def noisy(sigma: float, size: tuple[int, int] = (360, 640)) -> Image:
    """A mid-grey picture with Gaussian noise."""
    return np.clip(np.rint(RANDOM.normal(120.0, sigma, size)), 0, 255).astype(np.uint8)


def painted(red: int, green: int, blue: int) -> Image:
    """A picture of one colour, BGR."""
    return np.full((90, 160, 3), (blue, green, red), np.uint8)


@pytest.mark.parametrize("size", [(2160, 3840), (1080, 1920), (720, 1280), (180, 320), (8, 8)])
def test_bands_are_bounded(size: tuple[int, int]) -> None:
    """Bands hold native pixels, begin on the block grid and never exceed their budget."""
    luma = noisy(20.0, size)
    bands = spread_bands(luma)
    assert sum(band.size for band in bands) <= max(BAND_PIXELS, 8 * 6 * size[1])
    starts = [int(np.where((luma == band[0]).all(axis=1))[0][0]) for band in bands]
    assert all(start % 8 == 0 for start in starts)
    assert starts == sorted(set(starts))


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    """On a small picture sharpness is the plain variance of cv2.Laplacian, and blur lowers it."""
    luma = noisy(10.0)
    assert sharpness(spread_bands(luma)) == pytest.approx(
        float(cv2.Laplacian(luma, cv2.CV_64F).var()), rel=0.01
    )
    blurred = cv2.GaussianBlur(luma, (0, 0), 2).astype(np.uint8)
    assert sharpness(spread_bands(blurred)) < sharpness(spread_bands(luma)) / 20


@pytest.mark.parametrize("sigma", [2.0, 5.0, 15.0])
def test_noise_is_its_standard_deviation(sigma: float) -> None:
    """Gaussian noise of a known standard deviation is measured to within 5 %."""
    assert noise(spread_bands(noisy(sigma))) == pytest.approx(sigma, rel=0.05)


def test_noise_ignores_ramps() -> None:
    """A smooth ramp has no noise."""
    ramp = np.tile(np.arange(256, dtype=np.uint8), (200, 1))
    assert noise(spread_bands(ramp)) < 0.1


def test_blockiness_sees_the_grid() -> None:
    """8 x 8 blocks of one level each show; noise and the same blocks shifted by 4 do not."""
    blocks = np.kron(RANDOM.integers(60, 180, (46, 81)), np.ones((8, 8))).astype(np.uint8)
    assert blockiness(spread_bands(blocks[:360, :640])) > 10.0
    assert blockiness(spread_bands(blocks[4:364, 4:644])) < 1.0
    assert blockiness(spread_bands(noisy(10.0))) == pytest.approx(1.0, abs=0.05)
    assert blockiness(spread_bands(np.full((64, 64), 90, np.uint8))) == 1.0


def test_exposure_counts_clipped_pixels() -> None:
    """Shares of dark and bright pixels and the contrast follow the picture."""
    luma = np.full((100, 100), 126, np.uint8)
    luma[:30] = 16
    luma[90:] = 235
    assert exposure(luma) == pytest.approx((0.3, 0.1, 1.0), abs=0.01)


def test_letterbox_bars() -> None:
    """Bars of 12.5 % at top and bottom and 5 % at the left are found to the pixel or sample."""
    luma = noisy(20.0, (720, 1280))
    luma[:90] = luma[630:] = 16
    luma[:, :64] = 17
    assert letterbox(luma, full_range=False) == pytest.approx((0.05, 0.125, 0.0, 0.125), abs=0.002)


def test_dark_edges_are_no_bars() -> None:
    """The dark surroundings of a lit object are not taken for bars; bars around it still are."""
    y, x = np.mgrid[:360, :640]
    lit = np.where(np.hypot(x - 320, y - 180) < 140, 200, 18).astype(np.uint8)
    assert letterbox(lit, full_range=False) == (None, None, None, None)
    lit[40:320] = np.maximum(lit[40:320], noisy(8.0, (280, 640)))
    assert letterbox(lit, full_range=False) == pytest.approx((0, 40 / 360, 0, 40 / 360), abs=0.003)


def test_black_picture_has_no_box() -> None:
    """Where all is dark no bar can be told from the picture."""
    dark = np.full((90, 160), 16, np.uint8)
    black = measure(dark, dark, full_range=False)
    assert black.letterbox_left is None
    assert black.letterbox_bottom is None
    assert (black.dark_share, black.sharpness, black.noise) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (1, 640), (7, 3)])
def test_tiny_pictures(size: tuple[int, int]) -> None:
    """Pictures smaller than any block or kernel are measured without an error."""
    luma = noisy(10.0, size)
    found = measure(luma, luma, full_range=True)
    assert np.isfinite(found.sharpness)
    assert np.isfinite(found.blockiness)


def test_colourfulness() -> None:
    """Grey is 0; a picture half red half green is more colourful than its paled copy."""
    assert colourfulness(coarse_pixels(painted(90, 90, 90))) == 0.0
    vivid = np.concatenate([painted(220, 30, 30), painted(30, 220, 30)])
    pale = (vivid // 4 + 96).astype(np.uint8)
    strong, weak = (colourfulness(coarse_pixels(bgr)) for bgr in (vivid, pale))
    assert strong > 2 * weak > 0.0


@pytest.mark.parametrize(
    ("name", "colour"),
    [
        ("black", (8, 8, 8)),
        ("grey", (128, 128, 128)),
        ("white", (245, 245, 245)),
        ("red", (200, 20, 20)),
        ("orange", (250, 140, 10)),
        ("yellow", (240, 230, 40)),
        ("green", (30, 160, 50)),
        ("cyan", (40, 220, 230)),
        ("blue", (30, 60, 200)),
        ("purple", (130, 40, 190)),
        ("pink", (255, 170, 190)),
        ("brown", (110, 65, 25)),
    ],
)
def test_colours_have_names(name: str, colour: tuple[int, int, int]) -> None:
    """Typical shades are counted under the name that people give them."""
    shares = colour_shares(coarse_pixels(painted(*colour)))
    assert shares[COLOUR_NAMES.index(name)] == 1.0
    assert shares.sum() == 1.0
