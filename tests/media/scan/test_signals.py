from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scenedetect.detectors import HashDetector, HistogramDetector

from vidcurate.errors import MediaError
from vidcurate.media.io.container import open_video
from vidcurate.media.io.decode import Faults, SmallFrame, decode_video, shrinker_for
from vidcurate.media.scan.signals import METRICS, SignalMeter, signal_columns

SIZE = (144, 256)


def uniform(luma: int, u: int = 128, v: int = 128) -> SmallFrame:
    """A small picture of one colour, given as limited-range codes."""
    planes = [np.full(SIZE, luma, np.uint8)]
    planes += [np.full((SIZE[0] // 4, SIZE[1]), code, np.uint8) for code in (u, v)]
    return SmallFrame(np.concatenate(planes), 1)


def measured(
    pictures: list[SmallFrame], metrics: tuple[str, ...] = tuple(METRICS)
) -> dict[str, NDArray[np.float32]]:
    """All signals of some pictures."""
    meter = SignalMeter(metrics, len(pictures))
    for picture in pictures:
        meter.add(picture)
    return meter.take()


def video_pictures(video: Path) -> list[SmallFrame]:
    """Every second small picture of a video, so that neighbours differ."""
    shrinker, found = None, []
    with open_video(video) as (container, stream):
        for _, frame in decode_video(container, stream, Faults()):
            shrinker = shrinker or shrinker_for(frame)
            small = shrinker.shrink(frame)
            found.append(SmallFrame(small.i420.copy(), small.colorspace))
    return found[::2]


def test_columns_follow_the_metrics() -> None:
    """Luma is always recorded; a metric adds its own columns; an unknown one is an error."""
    assert signal_columns(()) == ("luma_mean", "luma_spread", "black_share", "luma_delta")
    assert signal_columns(("hash", "content"))[4:] == (*METRICS["content"], "hash_distance")
    with pytest.raises(MediaError, match="no metric 'color': choose from content, edges"):
        signal_columns(("color",))


def test_black_and_white() -> None:
    """Limited-range black is 0 and wholly black, white is 255 and not black at all."""
    found = measured([uniform(16), uniform(235)])
    assert found["luma_mean"] == pytest.approx([0.0, 255.0], abs=1.5)
    assert found["black_share"].tolist() == [1.0, 0.0]
    assert found["luma_spread"] == pytest.approx([0.0, 0.0], abs=1e-3)
    assert found["average_rgb"] == pytest.approx([0.0, 255.0], abs=2.0)


@pytest.mark.parametrize("taken", [1, 7, 50])
def test_each_row_is_of_its_own_frame(taken: int) -> None:
    """Luma is numpy's own in full range, in order, however many frames are taken."""
    dice = np.random.default_rng(3)
    noisy = [dice.integers(0, 256, (SIZE[0] * 3 // 2, SIZE[1])) for _ in range(50)]
    pictures = [SmallFrame(np.minimum(noise, 5 * n + 9).astype(np.uint8), 1) for n, noise in
        enumerate(noisy)]  # fmt: skip
    meter = SignalMeter(("learned",), 50)
    found: dict[str, list[float]] = {}
    for number, picture in enumerate(pictures, 1):
        meter.add(picture)
        if number % taken == 0 or number == len(pictures):
            for name, values in meter.take().items():
                found.setdefault(name, []).extend(values.tolist())
    wide = [(p.luma - 16.0) * 255 / 219 for p in pictures]
    means = [max(0.0, luma.mean()) for luma in wide]
    assert found["luma_mean"] == pytest.approx(means, rel=1e-6)
    assert found["luma_spread"] == pytest.approx([luma.std() for luma in wide], rel=1e-5)
    assert found["black_share"] == pytest.approx([(luma < 19.5).mean() for luma in wide])
    changes = [np.abs(luma - before).mean() for before, luma in pairwise(wide)]
    assert found["luma_delta"] == pytest.approx([0.0, *changes], rel=1e-6)


def test_luma_needs_no_colours() -> None:
    """Greys have the same luma within a level whether colours are worked out beside or not."""
    greys = [uniform(code) for code in range(16, 236)]
    plain, coloured = measured(greys, ("learned",)), measured(greys, ("content", "learned"))
    assert plain["luma_mean"] == pytest.approx(coloured["luma_mean"], abs=1.0)
    assert plain["luma_delta"] == pytest.approx(coloured["luma_delta"], abs=1.0)
    assert np.sum(plain["black_share"] != coloured["black_share"]) <= 1


def test_first_picture_differs_from_nothing() -> None:
    """The first picture has no change, full correlation and no hash distance."""
    found = measured([uniform(100, 90, 200)])
    for column in (*METRICS["content"], "delta_edges", "luma_delta", "hash_distance"):
        assert found[column].tolist() == [0.0]
    assert found["histogram_correlation"].tolist() == [1.0]


def test_blocks_do_not_show(video: Path) -> None:
    """Signals taken in blocks of 7 pictures are those taken in one block."""
    pictures = video_pictures(video)
    whole = measured(pictures)
    meter, blocks = SignalMeter(tuple(METRICS), 7), []
    for picture in pictures:
        meter.add(picture)
        if meter.count == meter.capacity:
            blocks.append(meter.take())
    blocks.append(meter.take())
    for column, values in whole.items():
        assert np.array_equal(np.concatenate([block[column] for block in blocks]), values)


def test_signals_are_those_of_pyscenedetect(video: Path) -> None:
    """Content components, histogram and hash are what PySceneDetect's code makes of the picture."""
    pictures = video_pictures(video)
    found = measured(pictures)
    meter = SignalMeter((), 1)
    images = [meter.to_bgr(picture).copy() for picture in pictures]
    hsv = [cv2.cvtColor(image, cv2.COLOR_BGR2HSV).astype(int) for image in images]
    deltas = [np.abs(b - a).mean(axis=(0, 1)) for a, b in pairwise(hsv)]
    for place, column in enumerate(METRICS["content"]):
        assert found[column][1:] == pytest.approx([delta[place] for delta in deltas], rel=1e-5)
    histograms = [HistogramDetector.calculate_histogram(image, bins=128) for image in images]
    expected = [cv2.compareHist(a, b, cv2.HISTCMP_CORREL) for a, b in pairwise(histograms)]
    assert found["histogram_correlation"][1:] == pytest.approx(expected, abs=2e-3)
    # Whole cells of 16 only: 80 of the 88 rows.
    hashes = [HashDetector.hash_frame(image[4:84], 8, 2) for image in images]
    distances = [np.mean(a != b) for a, b in pairwise(hashes)]
    assert found["hash_distance"][1:] == pytest.approx(distances, abs=1e-6)
    assert found["average_rgb"] == pytest.approx([image.mean() for image in images], rel=1e-5)


def test_cut_moves_every_signal(video: Path) -> None:
    """At a cut all change signals are far from what they are in a still stretch."""
    found = measured(video_pictures(video))
    cut, inside = 24, 30
    assert sum(found[c][cut] for c in METRICS["content"]) / 3 > 27.0
    assert found["delta_edges"][cut] > 10 * found["delta_edges"][inside]
    assert found["histogram_correlation"][cut] < 0.8
    assert found["hash_distance"][cut] > 0.3
    assert found["luma_delta"][cut] > 20.0


def test_frozen_picture() -> None:
    """A repeated picture has no luma change, however noisy it is."""
    noise = np.random.default_rng(3).integers(16, 236, (SIZE[0] * 3 // 2, SIZE[1]), np.uint8)
    found = measured([SmallFrame(noise, 1), SmallFrame(noise.copy(), 1)])
    assert found["luma_delta"].tolist() == [0.0, 0.0]


def test_colour_matrix_is_the_videos() -> None:
    """The same codes give other colours when the video says BT.709 than when it says BT.601."""
    same = uniform(120, 80, 190).i420
    found = measured([SmallFrame(same, 1), SmallFrame(same.copy(), 5)])
    assert found["average_rgb"][0] != pytest.approx(found["average_rgb"][1], abs=1.0)
