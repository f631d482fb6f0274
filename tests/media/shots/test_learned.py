from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from vidcurate.media.io.decode import SmallFrame
from vidcurate.media.shots.bands import (
    HEIGHT,
    N_FEATURES,
    WIDTH,
    bands,
    picture_features,
    small_yuv,
)
from vidcurate.media.shots.learned import (
    BLOCK,
    COLUMNS,
    CONTEXT,
    KINDS,
    MARGIN,
    SUSPECTED,
    LearnedDetector,
    LearnedOptions,
    calibrate,
    logits_of,
    probabilities,
    transitions,
    weights,
)

Values = NDArray[np.float32]


def pictures(n_frames: int, cuts: tuple[int, ...] = (), seed: int = 0) -> list[SmallFrame]:
    """Small pictures of smooth coloured shots that drift slowly, with hard cuts."""
    rng = np.random.default_rng(seed)
    found = []
    for k in range(n_frames):
        if k == 0 or k in cuts:
            coarse = rng.integers(20, 230, (3, 6, 8)).astype(np.float64)
        coarse += rng.normal(0, 0.3, coarse.shape)
        planes = np.clip(coarse, 16, 235).astype(np.uint8).repeat(6, 1).repeat(8, 2)
        luma, chroma = planes[0].repeat(2, 0).repeat(2, 1), planes[1:]
        found.append(SmallFrame(np.concatenate([luma, chroma.reshape(-1, luma.shape[1])]), 1))
    return found


def run(video: list[SmallFrame], block: int = BLOCK) -> Values:
    """All rows of a video that is fed and then taken at once."""
    detector = LearnedDetector(block=block)
    for small in video:
        detector.add(small)
    detector.finish()
    return detector.take()


def recorded(n_frames: int) -> Values:
    """Rows of a video without any alarm."""
    rows = np.zeros((n_frames, len(COLUMNS)), np.float32)
    rows[:, 2] = 1.0
    return rows


def alarm(
    rows: Values, first: int, end: int, kind: str, middle: float = 0.99, inside: float = 0.99
) -> None:
    """Write a transition into rows, alarmed from `first` to `end`, strongest in its middle."""
    rows[(first + end) // 2, 0] = middle
    rows[first : end + 1, 1] = inside
    rows[first : end + 1, 2:] = np.eye(len(KINDS))[KINDS.index(kind)]


@pytest.mark.parametrize("n_frames", [1, 2, 30, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 77])
def test_one_row_for_each_frame(n_frames: int) -> None:
    """A video of any length, shorter than the bands or than a block, gives one row a frame."""
    rows = run(pictures(n_frames))
    assert rows.shape == (n_frames, len(COLUMNS))
    assert np.isfinite(rows).all()
    assert np.allclose(rows[:, 2:].sum(axis=1), 1.0, atol=1e-5)


def test_empty_video() -> None:
    """A video without frames gives no rows."""
    assert run([]).shape == (0, len(COLUMNS))


def test_same_numbers_however_they_are_taken() -> None:
    """Rows taken after every frame are those taken at the end, to the last bit."""
    video = pictures(2 * BLOCK + 100, (300, 700))
    detector, parts = LearnedDetector(), []
    for small in video:
        detector.add(small)
        parts.append(detector.take())
    detector.finish()
    parts.append(detector.take())
    assert np.array_equal(np.concatenate(parts), run(video))


@pytest.mark.parametrize("block", [64, 256])
def test_same_numbers_whatever_the_block(block: int) -> None:
    """Blocks of another length give the same probabilities but for the rounding of float32."""
    video = pictures(400, (130, 255))
    assert np.abs(run(video, block) - run(video)).max() < 1e-4


def test_picture_may_be_overwritten() -> None:
    """A small picture's memory may be used again as soon as it was added."""
    video = pictures(120, (60,))
    detector, shared = LearnedDetector(), video[0].i420.copy()
    for small in video:
        shared[:] = small.i420
        detector.add(SmallFrame(shared, 1))
    detector.finish()
    assert np.array_equal(detector.take(), run(video))


def test_hard_cuts_are_found_where_they_are() -> None:
    """Cuts between unlike shots are found at their very frames, also across blocks."""
    cuts = (90, 200, 208, BLOCK - 63, BLOCK, BLOCK + 120)
    found = transitions(run(pictures(BLOCK + 200, cuts)), LearnedOptions())
    assert [(one.start, one.end, one.kind) for one in found] == [(c - 1, c, "cut") for c in cuts]


@pytest.mark.parametrize("level", [16, 128, 235])
def test_even_video_has_no_cut(level: int) -> None:
    """A black, grey or white video has no transition."""
    even = SmallFrame(np.full((216, 256), level, np.uint8), 1)
    assert transitions(run([even] * 300), LearnedOptions()) == ()


def test_context_is_what_the_network_reads() -> None:
    """A frame's row changes with features 31 frames away, and not with those further off."""
    features = np.random.default_rng(0).normal(size=(2 * CONTEXT + 40, N_FEATURES))
    base = probabilities(features.astype(np.float32), weights())
    features[CONTEXT + 20 + CONTEXT] += 3.0
    moved = probabilities(features.astype(np.float32), weights())
    changed = np.flatnonzero(np.abs(moved - base).max(axis=1) > 1e-6)
    assert len(base) == 40
    assert changed.min() >= 20


def features_of(video: list[SmallFrame]) -> Values:
    """What the networks read of a video, the margins of its bands left out."""
    rows = np.empty((len(video), 3, HEIGHT, WIDTH), np.uint8)
    for small, row in zip(video, rows, strict=True):
        small_yuv(small, row)
    return bands(picture_features(rows))


@pytest.mark.parametrize("places", [(), (0,), (299,), (4, 5, 40, 41, 42, 200), range(300)])
def test_network_runs_on_the_frames_that_are_wanted(places: Sequence[int]) -> None:
    """Frames have the same logits, whichever others are wanted beside them."""
    features, network = features_of(pictures(300 + 2 * MARGIN, (150, 250))), weights().networks[0]
    everywhere = logits_of(features, network, np.ones(300, np.bool_))
    wanted = np.isin(np.arange(300), list(places))
    found = logits_of(features, network, wanted)
    assert found.shape == (len(places), len(COLUMNS))
    np.testing.assert_allclose(found, everywhere[wanted], rtol=1e-4, atol=1e-4)


def test_other_networks_are_asked_where_the_first_suspects() -> None:
    """Rows are the mean of all networks there, and the first network's own elsewhere."""
    features, ensemble = features_of(pictures(300 + 2 * MARGIN, (150, 250))), weights()
    everywhere = np.ones(300, np.bool_)
    each = [logits_of(features, one, everywhere) for one in ensemble.networks]
    odds = np.log(SUSPECTED / (1.0 - SUSPECTED))
    suspected = (each[0][:, :2] > odds).any(axis=1)
    assert 0 < suspected.sum() < 300
    expected = np.where(suspected[:, None], np.mean(each, axis=0), each[0])[:, :2]
    found = probabilities(features, ensemble)[:, :2]
    np.testing.assert_allclose(found, 1.0 / (1.0 + np.exp(-expected)), atol=1e-4)


def test_gradual_transition_keeps_both_ends() -> None:
    """A transition reaches from the frame before its first alarmed frame to its last."""
    rows = recorded(200)
    alarm(rows, 50, 70, "dissolve")
    (found,) = transitions(rows, LearnedOptions())
    assert (found.start, found.end, found.kind) == (49, 70, "dissolve")


def test_second_alarm_within_a_transition_is_the_same() -> None:
    """Two peaks in one alarmed span, or next to each other, are one transition: the stronger."""
    rows = recorded(200)
    alarm(rows, 50, 70, "wipe")
    rows[66, 0] = 0.97
    rows[120, :2], rows[123, :2] = (0.99, 0.99), (0.98, 0.99)
    found = transitions(rows, LearnedOptions())
    assert [(one.start, one.end) for one in found] == [(49, 70), (119, 120)]


def test_fade_out_and_in_are_one() -> None:
    """Two fades with less than a shot between them are one transition; two dissolves are two."""
    for kind, spans in (("fade", [(49, 90)]), ("dissolve", [(49, 68), (71, 90)])):
        rows = recorded(200)
        alarm(rows, 50, 68, kind)
        alarm(rows, 72, 90, kind)
        assert [(one.start, one.end) for one in transitions(rows, LearnedOptions())] == spans


def test_threshold_is_of_confidence() -> None:
    """Raising the threshold only removes transitions, the least sure first."""
    rows = recorded(400)
    for place, middle in ((50, 0.6), (150, 0.9), (250, 0.99)):
        alarm(rows, place, place, "cut", middle, middle)
    kept = [
        {one.end for one in transitions(rows, LearnedOptions(threshold=threshold))}
        for threshold in (0.0, *(calibrate(p, weights().calibration) for p in (0.75, 0.95)))
    ]
    assert kept[1] == {150, 250}
    assert kept[2] == {250}


def test_a_span_speaks_for_a_transition_whose_middle_is_unsure() -> None:
    """Where all frames are inside, a low peak is a transition; where none is, it is not."""
    rows = recorded(400)
    alarm(rows, 50, 90, "dissolve", 0.5, 0.999)
    alarm(rows, 250, 290, "dissolve", 0.5, 0.5)
    assert [(one.start, one.end) for one in transitions(rows, LearnedOptions())] == [(49, 90)]


def test_the_surest_alarm_is_taken_first() -> None:
    """Of two alarms too close to both be true, the surer stays, if its peak is the lower one."""
    rows = recorded(200)
    alarm(rows, 50, 50, "cut", 0.99, 0.9)
    alarm(rows, 51, 57, "wipe", 0.98, 0.999)
    found = transitions(rows, LearnedOptions(inside_threshold=0.95))
    assert [(one.start, one.end, one.kind) for one in found] == [(50, 57, "wipe")]


def test_video_cannot_begin_with_a_transition() -> None:
    """An alarm on the first frame, before which there is nothing, is none."""
    rows = recorded(50)
    alarm(rows, 0, 0, "cut")
    assert transitions(rows, LearnedOptions()) == ()


def test_size_of_a_picture_is_what_the_bands_read() -> None:
    """The detector keeps one block of 32 x 18 pictures and no more."""
    assert LearnedDetector().pictures.shape == (BLOCK, 3, HEIGHT, WIDTH)


def test_parts_of_one_wipe_are_one() -> None:
    """Alarms are one where all frames between are likelier inside than not, and two elsewhere."""
    rows = recorded(300)
    alarm(rows, 100, 120, "wipe")
    alarm(rows, 140, 160, "wipe", middle=0.95)
    apart = transitions(rows, LearnedOptions())
    assert [(one.start, one.end) for one in apart] == [(99, 120), (139, 160)]
    rows[121:140, 1], rows[121:140, 2:] = 0.6, rows[120, 2:]
    (found,) = transitions(rows, LearnedOptions())
    assert (found.start, found.end, found.kind) == (99, 160, "wipe")


def test_cuts_are_not_joined() -> None:
    """Two hard cuts with a short shot between them stay two, however unsure the frames between."""
    rows = recorded(200)
    for place in (100, 107):
        rows[place, 0] = 0.99
        rows[place, 1] = 0.99
    rows[101:107, 1] = 0.7
    assert [one.end for one in transitions(rows, LearnedOptions())] == [100, 107]
