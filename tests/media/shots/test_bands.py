import numpy as np
import pytest

from vidcurate.media.io.decode import SmallFrame
from vidcurate.media.shots.bands import (
    CENTRED,
    HEIGHT,
    LAGS,
    MIXED,
    N_FEATURES,
    REACH,
    SWEPT,
    WIDTH,
    bands,
    histograms,
    local_contrast,
    matched,
    picture_features,
    shrink,
    small_yuv,
)


def noise(n_frames: int, seed: int = 3) -> np.ndarray:
    """Pictures of chance, shape (frames, 3, 18, 32)."""
    values = np.random.default_rng(seed).integers(16, 236, (n_frames, 3, HEIGHT, WIDTH))
    return values.astype(np.uint8)


def column(view: str, lag: int) -> int:
    """The column of the first band (luma) in one view."""
    if view == "across":
        return 2 * len(LAGS) + CENTRED.index(lag)
    return 2 * LAGS.index(lag) + (view == "backwards")


@pytest.mark.parametrize("size", [(144, 256), (4, 2), (256, 144), (108, 254), (8, 64), (256, 18)])
def test_picture_of_any_size(size: tuple[int, int]) -> None:
    """Small pictures of any shape that decode makes give the same 32 x 18, grey staying grey."""
    height, width = size
    i420 = np.full((height * 3 // 2, width), 128, np.uint8)
    i420[:height] = 77
    into = np.zeros((3, HEIGHT, WIDTH), np.uint8)
    small_yuv(SmallFrame(i420, 1), into)
    assert (into[0] == 77).all()
    assert (into[1:] == 128).all()


def test_shrink_averages_whole_cells() -> None:
    """Each cell is the mean of its pixels, and pixels that fill no cell are left out evenly."""
    cells = np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH) // 3
    plane = np.pad(cells.repeat(4, 0).repeat(4, 1), ((1, 1), (3, 3)), constant_values=255)
    into = np.zeros((HEIGHT, WIDTH), np.uint8)
    shrink(plane, into)
    assert np.array_equal(into, cells)


def test_number_of_features() -> None:
    """There are as many columns as the network is told, for all frames with 32 on both sides."""
    assert bands(picture_features(noise(2 * REACH + 5))).shape == (5, N_FEATURES)


def test_still_video_has_no_distances() -> None:
    """A video that stands still has no distance to itself in any band."""
    still = np.repeat(noise(1), 2 * REACH + 3, axis=0)
    features = bands(picture_features(still))
    assert np.abs(features[:, :-4]).max() < 2e-3


def test_black_and_white_are_alike_in_structure_only() -> None:
    """Two even pictures of other light are alike in all but colours, zones and level."""
    even = np.full((2 * REACH + 1, 3, HEIGHT, WIDTH), 128, np.uint8)
    even[:REACH, 0], even[REACH:, 0] = 16, 235
    features = bands(picture_features(even))[0]
    assert features[column("backwards", 1)] < 2e-3
    per_band = 2 * len(LAGS) + len(CENTRED)
    assert features[3 * per_band + column("backwards", 1)] == 1.0


def test_cut_is_seen_by_the_bands_that_span_it() -> None:
    """At the first frame after a cut every band backwards spans it, and none forwards."""
    video = np.concatenate([np.repeat(noise(1, seed), REACH + 1, axis=0) for seed in (1, 2)])
    features = bands(picture_features(video))
    after = REACH + 1 - REACH
    for lag in LAGS:
        assert features[after, column("backwards", lag)] > 0.5
        assert features[after, column("forwards", lag)] < 2e-3
    assert features[after, column("across", 2)] > 0.5


def test_dissolve_lies_on_the_way() -> None:
    """Half way through a dissolve a frame lies between those around it and not off the way."""
    one, other = noise(1, 1).astype(float), noise(1, 2).astype(float)
    shares = np.clip((np.arange(2 * REACH + 1) - REACH + 20) / 40, 0, 1)[:, None, None, None]
    video = np.round(one * (1 - shares) + other * shares).astype(np.uint8)
    features = bands(picture_features(video))[0]
    first = 8 * (2 * len(LAGS) + len(CENTRED))
    way, off = features[first : first + 2 * len(MIXED) : 2], features[first + 1 :: 2]
    assert np.abs(way).max() < 0.05
    assert off[: len(MIXED)][MIXED.index(8)] < 0.1


def test_rows_depend_on_their_neighbourhood_alone() -> None:
    """A frame's features are the same to the last bit whatever else is measured with it."""
    video = noise(400)
    whole = bands(picture_features(video))
    for first, end in ((0, 127), (10, 200), (131, 400)):
        assert np.array_equal(
            bands(picture_features(video[first:end])), whole[first : end - 2 * REACH]
        )


def test_histograms_are_shares() -> None:
    """Each frame's histogram sums to one, and depends on its own picture alone."""
    video = noise(7)
    shares = histograms(video)
    assert np.allclose(shares.sum(axis=1), 1.0)
    assert np.array_equal(histograms(video[3:4])[0], shares[3])


def scenery(n_frames: int, step: int = 0, seed: int = 4) -> np.ndarray:
    """Pictures of smooth texture through which a camera goes by `step` pixels a frame."""
    rng = np.random.default_rng(seed)
    wide = rng.integers(40, 200, (HEIGHT // 3, 200)).astype(np.float32).repeat(3, 0).repeat(3, 1)
    wide = (wide + np.roll(wide, 1, 1) + np.roll(wide, 1, 0)) / 3.0
    shown = [wide[:, k * step : k * step + WIDTH] for k in range(n_frames)]
    planes = np.full((n_frames, 3, HEIGHT, WIDTH), 128, np.uint8)
    planes[:, 0] = np.stack(shown).astype(np.uint8)
    return planes


def test_light_falls_out_of_local_contrast() -> None:
    """Half the light, or light from one side, leaves luma's contrast with its surroundings."""
    plain = scenery(1)[:, 0]
    side = np.linspace(0.5, 1.0, WIDTH)
    for dimmer in (0.5, side):
        dim = (plain * dimmer).astype(np.uint8)
        one, other = local_contrast(plain).ravel(), local_contrast(dim).ravel()
        assert np.corrcoef(one, other)[0, 1] > 0.97


def test_a_moving_camera_is_matched_and_a_cut_is_not() -> None:
    """Frames of a pan leave little after matching; those of two scenes leave much."""
    pan = scenery(12, step=2)
    cut = np.concatenate([scenery(1, seed=4), scenery(11, seed=9)])
    left = [matched(picture_features(video).relief)[1] for video in (pan, cut)]
    (panned, share), (jumped, jumped_share) = ((mean[0], part[0]) for mean, part in left)
    assert panned < 0.6 * jumped
    assert share < 0.2 < jumped_share


def test_a_wipe_spreads_and_a_dissolve_does_not() -> None:
    """Half way, zones of a wipe are all of one or of the other picture, a dissolve's between."""
    one, other = scenery(1, seed=4).astype(float), scenery(1, seed=9).astype(float)
    n_frames, inner = 2 * REACH + 1, np.arange(2 * REACH + 1) - REACH
    shares = np.clip((inner + 8) / 16, 0, 1)
    dissolve = one * (1 - shares[:, None, None, None]) + other * shares[:, None, None, None]
    wipe = np.where(np.arange(WIDTH) < shares[:, None, None, None] * WIDTH, other, one)
    first = 8 * (2 * len(LAGS) + len(CENTRED)) + 2 * len(MIXED) + 7 * SWEPT.index(8)
    spreads = [
        bands(picture_features(np.round(video).astype(np.uint8)))[0, first + 1]
        for video in (wipe, dissolve)
    ]
    assert len(dissolve) == n_frames
    assert spreads[0] > 0.7
    assert spreads[1] < 0.2
