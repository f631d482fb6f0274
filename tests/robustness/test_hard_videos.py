"""Videos that are hard on a shot detector: each gives right answers, or says why it does not."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from tests.support.videos import SHOTS, ffmpeg, render
from vidcurate.media.scan.scanner import ScanOptions, VideoScan, read_frames, scan_video
from vidcurate.media.scan.signals import METRICS
from vidcurate.media.shots.detectors import DETECTORS, DetectorOptions, detect

X264 = ("-c:v", "libx264", "-preset", "veryfast")
TWO = ((SHOTS[0], 1.5), (SHOTS[1], 1.5))
FINDS_CUTS = ("adaptive", "content", "histogram", "hash", "learned", "transnet", "koala", "both")
AT_THE_CUT = {detector: [1.5] for detector in FINDS_CUTS}


def change(window: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A stand-in for TransNetV2: frames are the old shot's last where the next one is unlike."""
    steps = np.abs(np.diff(window.astype(np.float32), axis=0)).mean(axis=(1, 2, 3))
    alarms = np.append(steps > 40.0, [False])
    return np.stack([alarms, alarms], axis=1).astype(np.float32)


def scanned(video: Path) -> tuple[VideoScan, pa.Table]:
    """A video scanned with every metric."""
    files = video.with_suffix(".frames"), video.with_suffix(".samples")
    found = scan_video(video, ScanOptions(metrics=tuple(METRICS)), *files, change)
    return found, read_frames(files[0])


def cuts(video: Path, detector: str) -> list[float]:
    """Seconds at which new shots begin."""
    scan, frames = scanned(video)
    options = DetectorOptions(detector=detector)
    return [cut.end_s for cut in detect(frames, scan.time_base, scan.frame_rate, options)]


def encoded(path: Path, *arguments: str) -> Path:
    """Two shots of a second and a half, 36 frames each, encoded anew."""
    plain = render(path.with_name("plain.mkv"), TWO, audio=False, encode=("-c:v", "ffv1"))
    ffmpeg("-i", str(plain), *arguments, f"file:{path}")
    return path


def every(video: Path) -> dict[str, list[float]]:
    """What each detector that finds hard cuts finds, from one scan."""
    scan, frames = scanned(video)
    return {
        name: [c.end_s for c in detect(frames, scan.time_base, scan.frame_rate, options)]
        for name in FINDS_CUTS
        for options in [DetectorOptions(detector=name)]
    }


@pytest.mark.parametrize(
    ("name", "encode"),
    [
        ("ten bits.mkv", (*X264, "-pix_fmt", "yuv420p10le")),
        ("rgb.mkv", ("-c:v", "ffv1", "-pix_fmt", "bgr0")),
        ("interlaced.mkv", (*X264, "-flags", "+ildct+ilme", "-x264opts", "tff=1")),
        ("odd.mkv", ("-vf", "crop=317:179:0:0:exact=1", "-c:v", "ffv1", "-pix_fmt", "yuv444p")),
        ("tiny.mkv", ("-vf", "scale=64:36", "-c:v", "ffv1")),
        ("tall.mkv", ("-vf", "scale=48:360", *X264)),
    ],
)
def test_formats(tmp_path: Path, name: str, encode: tuple[str, ...]) -> None:
    """Whatever the pixel format or size, the hard cut at 1.5 s is found by every detector."""
    assert every(encoded(tmp_path / name, *encode)) == AT_THE_CUT


def test_grey(tmp_path: Path) -> None:
    """Without colours the cut is found too, but for content, two thirds of which are colour."""
    found = every(encoded(tmp_path / "grey.mp4", *X264, "-pix_fmt", "gray"))
    assert found == AT_THE_CUT | {"content": []}


def test_variable_rate(tmp_path: Path) -> None:
    """Where every second frame is left out after the cut, the cut keeps its time."""
    pick = "select='lt(t,1.5)+not(mod(n,2))'"
    video = encoded(tmp_path / "vfr.mkv", "-vf", pick, "-fps_mode", "vfr", *X264)
    assert every(video) == AT_THE_CUT


def test_dropped_frames(tmp_path: Path) -> None:
    """A gap of a quarter of a second moves no cut and is none, but that the hash jumps."""
    pick = "select='lt(t,0.5)+gt(t,0.75)'"
    found = every(encoded(tmp_path / "gap.mkv", "-vf", pick, "-fps_mode", "vfr", *X264))
    assert found == AT_THE_CUT | {"hash": [0.792, 1.5]}


def test_duplicated_timestamps(tmp_path: Path) -> None:
    """Frames that share a timestamp are left out, the scan says how many, and the cut stays."""
    stamps = "setts=pts='if(eq(N,20),PTS-1001,PTS)':dts=PTS"
    video = encoded(tmp_path / "a.mkv", "-c:v", "ffv1")
    double = tmp_path / "double.mkv"
    ffmpeg("-i", str(video), "-c", "copy", "-bsf:v", stamps, f"file:{double}")
    assert every(double) == AT_THE_CUT


@pytest.mark.parametrize("detector", [*DETECTORS, "both"])
@pytest.mark.parametrize(("source", "n_frames"), [("testsrc2", 1), ("testsrc2", 5), ("black", 90)])
def test_no_cut_at_all(tmp_path: Path, detector: str, source: str, n_frames: int) -> None:
    """A video of one frame, of five, or all black has no cut by any detector."""
    video = tmp_path / "video.mp4"
    picture = "color=black" if source == "black" else source
    joint = ":" if "=" in picture else "="
    ffmpeg(
        "-f", "lavfi", "-i", f"{picture}{joint}size=320x180", "-frames:v", str(n_frames), str(video)
    )
    assert cuts(video, detector) == []


def test_shorter_than_all_windows(tmp_path: Path) -> None:
    """In six frames TransNetV2's, Koala-36M's and our detector still find the cut at the third."""
    video = render(tmp_path / "short.mp4", [(SHOTS[0], 0.125), (SHOTS[2], 0.125)], audio=False)
    for detector in ("transnet", "koala", "learned"):
        assert cuts(video, detector) == [0.125]
