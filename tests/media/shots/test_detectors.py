from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenedetect import (
    AdaptiveDetector,
    ContentDetector,
    HashDetector,
    HistogramDetector,
    SceneManager,
    open_video,
)

from tests.support.videos import SHOTS, ffmpeg, render
from vidcurate.errors import MediaError, UsageError
from vidcurate.media.scan.files import read_frames
from vidcurate.media.scan.scanner import ScanOptions, VideoScan, scan_video
from vidcurate.media.shots.detectors import DetectorOptions, detect
from vidcurate.media.shots.learned import COLUMNS
from vidcurate.media.shots.suspicion import LATE
from vidcurate.records import Cut
from vidcurate.stages.shots.cuts import Both, CutsConfig, check_signals
from vidcurate.stages.sources.scan import ScanConfig

BASE, RATE = Fraction(1, 24), Fraction(24)

ALL = ("content", "histogram", "threshold", "hash", "learned")


def recorded(columns: Mapping[str, Sequence[float]], pts: Sequence[int] | None = None) -> pa.Table:
    """Signals as a scan leaves them; one tick a frame unless times are given."""
    length = len(next(iter(columns.values())))
    ticks = list(pts or range(length))
    arrays = {name: pa.array(values, pa.float32()) for name, values in columns.items()}
    return pa.table({"pts": pa.array(ticks, pa.int64()), **arrays})


def spikes(length: int, at: Mapping[int, float], rest: float = 1.0) -> dict[str, list[float]]:
    """The same values for all three content components: spikes over a floor."""
    values = [at.get(k, rest) for k in range(length)]
    return {"delta_hue": values, "delta_sat": values, "delta_lum": values}


def found(frames: pa.Table, detector: str, **options: float) -> list[int]:
    """Ticks of the first frames of new shots."""
    chosen = DetectorOptions(detector=detector, **options)  # type: ignore[arg-type]
    return [cut.end_pts for cut in detect(frames, BASE, RATE, chosen)]


def scanned(video: Path, folder: Path) -> tuple[VideoScan, pa.Table]:
    """A video's scan and its per-frame signals."""
    files = folder / "frames.arrow", folder / "samples.arrow"
    return scan_video(video, ScanOptions(metrics=ALL), *files), read_frames(files[0])


@pytest.mark.parametrize("detector", ["content", "adaptive", "histogram", "hash", "learned"])
def test_hard_cuts_are_found_to_the_frame(video: Path, tmp_path: Path, detector: str) -> None:
    """The two hard cuts of three shots of 48 frames lie where they were made."""
    scan, frames = scanned(video, tmp_path)
    options = DetectorOptions(detector=detector)
    cuts = detect(frames, scan.time_base, scan.frame_rate, options)
    assert [(cut.start_pts, cut.end_pts) for cut in cuts] == [
        (47 * 512, 48 * 512),
        (95 * 512, 96 * 512),
    ]
    assert cuts[0].start_s == 47 / 24
    assert cuts[0].end_s == 2.0
    assert {(cut.kind, cut.detector) for cut in cuts} == {("cut", detector)}
    assert all(0.5 <= cut.confidence <= 1.0 for cut in cuts)


@pytest.mark.parametrize(
    ("detector", "theirs"),
    [
        ("content", ContentDetector),
        ("adaptive", AdaptiveDetector),
        ("histogram", HistogramDetector),
        ("hash", HashDetector),
    ],
)
def test_cuts_are_pyscenedetects(
    tmp_path_factory: pytest.TempPathFactory, detector: str, theirs: type
) -> None:
    """On a fast video of odd lengths all cuts are those of PySceneDetect's own run."""
    folder = tmp_path_factory.getbasetemp() / "fast"
    video = folder / "fast.mp4"
    if not video.exists():
        lengths = (1.0, 0.375, 0.75, 0.25, 1.5, 0.625, 0.625, 0.5, 2.0)
        shots = [(SHOTS[k % 4], length) for k, length in enumerate(lengths)]
        render(video, shots, size=(640, 360), audio=False)
    scan, frames = scanned(video, folder)
    manager = SceneManager()
    manager.add_detector(theirs())
    manager.detect_scenes(open_video(str(video)))
    expected = [cut.seconds for cut in manager.get_cut_list(show_warning=False)]
    options = DetectorOptions(detector=detector)
    cuts = detect(frames, scan.time_base, scan.frame_rate, options)
    assert len(expected) > 2
    assert [cut.end_s for cut in cuts] == pytest.approx(expected, abs=1e-3)


def test_content_merges_bursts() -> None:
    """A burst of cuts within 15 frames of each other counts once, as PySceneDetect counts it."""
    frames = recorded(spikes(120, {20: 90.0, 50: 90.0, 54: 90.0, 58: 90.0}))
    assert found(frames, "content") == [20, 50]
    assert found(frames, "content", min_scene_s=0.1) == [20, 50, 54, 58]


def test_least_length_is_in_real_time() -> None:
    """With a variable rate the least length between cuts is measured in seconds, not frames."""
    slow = [*range(30), *range(30, 300, 6)]
    frames = recorded(
        {"hash_distance": [0.9 if k in (25, 33, 36) else 0.0 for k in range(75)]}, slow
    )
    assert found(frames, "hash") == [25, 48, 66]
    assert found(frames, "hash", min_scene_s=1.0) == [25, 66]


def test_adaptive_ignores_steady_motion() -> None:
    """Motion that lasts is no cut however strong; a spike three times its neighbours is."""
    values = [1.0] * 30 + [40.0] * 30 + [1.0] * 30
    values[75] = 20.0
    frames = recorded({"delta_hue": values, "delta_sat": values, "delta_lum": values})
    assert found(frames, "adaptive") == [75]
    assert found(frames, "adaptive", min_adaptive_content=25.0) == []


def test_fade_keeps_both_ends() -> None:
    """A fade through black runs from the last bright frame to the first one after."""
    level = [100.0] * 30 + [50.0, 5.0, 0.0, 5.0, 50.0] + [100.0] * 30
    frames = recorded({"average_rgb": level})
    (cut,) = detect(frames, BASE, RATE, DetectorOptions(detector="threshold"))
    assert (cut.start_pts, cut.end_pts, cut.kind, cut.confidence) == (30, 34, "fade", 1.0)


def test_video_that_begins_black() -> None:
    """Black at the beginning ends in a transition; black at the end begins none."""
    frames = recorded({"average_rgb": [0.0] * 30 + [100.0] * 30 + [0.0] * 20})
    assert found(frames, "threshold") == [30]


def test_fixed_snaps_to_frames() -> None:
    """Fixed cuts lie on the first frame at or after each multiple of the interval."""
    frames = recorded({"luma_mean": [0.0] * 5}, [100, 110, 135, 149, 180])
    cuts = detect(frames, BASE, RATE, DetectorOptions(detector="fixed", fixed_interval_s=1.0))
    assert [(cut.start_pts, cut.end_pts) for cut in cuts] == [(110, 135), (135, 149), (149, 180)]


@given(st.lists(st.floats(0.0, 255.0, width=32), min_size=1, max_size=200), st.floats(0.1, 2.0))
def test_cuts_are_neighbours_in_order(values: list[float], least_s: float) -> None:
    """Whatever the signal: each cut joins two neighbouring frames, later than the one before."""
    frames = recorded({"delta_hue": values, "delta_sat": values, "delta_lum": values})
    for detector in ("content", "adaptive"):
        options = DetectorOptions(detector=detector, min_scene_s=least_s)
        cuts: tuple[Cut, ...] = detect(frames, BASE, RATE, options)
        assert all(cut.end_pts == cut.start_pts + 1 for cut in cuts)
        assert all(0.5 <= cut.confidence <= 1.0 for cut in cuts)
        if detector == "adaptive":
            gaps = np.diff([0, *(cut.end_pts for cut in cuts)])
            assert not len(cuts) or gaps.min() >= least_s * 24 - 1e-6


def test_confidence_grows_with_the_score() -> None:
    """A stronger cut has the higher confidence; one at the threshold has 0.5."""
    frames = recorded(spikes(100, {20: 27.0, 50: 54.0, 80: 200.0}))
    cuts = detect(frames, BASE, RATE, DetectorOptions(detector="content"))
    assert [cut.confidence for cut in cuts] == pytest.approx([0.5, 0.75, 0.9325])


def test_both_says_who_found_what() -> None:
    """A cut that two detectors find is surer than each says; one that one finds is half as sure."""
    content = spikes(120, {40: 54.0, 80: 54.0})
    frames = recorded(content | {"hash_distance": [0.7 if k == 41 else 0.0 for k in range(120)]})
    options = DetectorOptions(detector="both", both_of=("content", "hash"))
    cuts = detect(frames, BASE, RATE, options)
    assert [(cut.end_pts, cut.detector) for cut in cuts] == [(40, "content+hash"), (80, "content")]
    assert [cut.confidence for cut in cuts] == pytest.approx([0.9375, 0.375])
    sure = DetectorOptions(detector="both", both_of=("content", "hash"), min_confidence=0.5)
    assert detect(frames, BASE, RATE, sure) == cuts[:1]


def test_both_names_every_missing_metric() -> None:
    """Two detectors' metrics that the scan leaves out are all named, and what to run."""
    chosen = CutsConfig(detector=Both(both_of=("koala", "transnet")))
    with pytest.raises(UsageError, match=r"koala and transnet.*--metric koala --metric transnet"):
        check_signals(chosen, {"scan": ScanConfig()})
    check_signals(chosen, {"scan": ScanConfig(metrics=("transnet", "koala"))})


def test_missing_metric_names_the_option() -> None:
    """A detector without its signal says which scan option records it."""
    frames = recorded({"luma_mean": [0.0] * 40})
    with pytest.raises(MediaError, match=r"scan with 'histogram' in scan\.metrics"):
        found(frames, "histogram")
    with pytest.raises(MediaError, match="no detector 'hsv': choose from content, adaptive"):
        found(frames, "hsv")


def test_packets_tell_a_shot_at_a_keyframe_or_somewhere_before_a_large_one() -> None:
    """A keyframe is the first of its shot; of a large packet it is told that one begins by then."""
    nothing = [float("nan")] * 40
    change = [*nothing]
    change[10], change[25], change[30] = 0.9, 0.8, 0.2
    frames = recorded(dict.fromkeys(COLUMNS, nothing) | {"packet_change": change})
    change_of = pa.array(change, pa.float32(), from_pandas=True)
    place = frames.column_names.index("packet_change")
    frames = frames.set_column(place, "packet_change", change_of)
    frames = frames.append_column("is_keyframe", pa.array([k in (0, 10) for k in range(40)]))
    cuts = detect(frames, BASE, RATE, DetectorOptions())
    assert [(cut.start_pts, cut.end_pts, cut.detector) for cut in cuts] == [
        (9, 10, "packets"),
        (25 - LATE - 1, 25, "packets"),
    ]


def test_one_frame_has_no_cuts(tmp_path: Path) -> None:
    """A video of one frame has no cuts by any detector."""
    video = tmp_path / "one.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x180", "-frames:v", "1", f"file:{video}")
    scan, frames = scanned(video, tmp_path)
    for detector in ("content", "adaptive", "histogram", "hash", "threshold", "fixed"):
        options = DetectorOptions(detector=detector)
        assert detect(frames, scan.time_base, scan.frame_rate, options) == ()
