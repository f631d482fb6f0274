from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.support.videos import ffmpeg, render
from vidcurate.media.scan.files import read_frames
from vidcurate.media.scan.scanner import ScanOptions, VideoScan, scan_video
from vidcurate.media.scan.sparse import scan_in_part

X264 = ("-c:v", "libx264", "-preset", "medium", "-g", "30")
# What a scan says of a video that does not depend on which frames are decoded.
OF_TIME = (
    *("n_frames", "time_base", "first_pts", "end_pts", "duration_s", "frame_rate", "is_vfr"),
    *("proxy_width", "proxy_height", "fault", "clock_offsets", "losses"),
)
CASES = {
    "b-frames.mp4": X264,
    "vfr.mkv": ("-vf", "select='lt(t,1)+not(mod(n,3))'", "-fps_mode", "vfr", *X264),
    "open.ts": (*X264, "-x264-params", "open-gop=1"),
    "hevc.mkv": ("-c:v", "libx265", "-preset", "fast", "-x265-params", "keyint=30:log-level=0"),
    "mpeg2.ts": ("-c:v", "mpeg2video", "-bf", "2", "-g", "12"),
    "flash.flv": X264,
}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of three moving pictures, cut hard, next to lossless."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    shots = [("testsrc2", 1.6), ("mandelbrot", 1.2), ("life=mold=10:ratio=0.2", 1.4)]
    return render(path, shots, rate="25", audio=False, encode=("-c:v", "ffv1"))


def made(film: Path, path: Path, *arguments: str) -> Path:
    """The film encoded in some way."""
    ffmpeg("-i", f"file:{film}", *arguments, f"file:{path}")
    return path


def whole(video: Path, folder: Path) -> VideoScan:
    """A video scanned whole into files of a folder."""
    return scan_video(video, ScanOptions(), folder / "whole.frames", folder / "whole.samples")


def in_part(video: Path, folder: Path, decode: str) -> VideoScan:
    """A video scanned in part into files of a folder."""
    return scan_in_part(
        video, decode, ScanOptions(), folder / "part.frames", folder / "part.samples"
    )


def numbers(table: pa.Table, name: str) -> np.ndarray:
    """A column with NaN for null."""
    return np.asarray(table[name].to_numpy(), np.float64)


def assert_equal_times(one: VideoScan, other: VideoScan, folder: Path) -> None:
    """Two scans say the same of a video's time, frame by frame."""
    assert [(name, getattr(one, name)) for name in OF_TIME] == [
        (name, getattr(other, name)) for name in OF_TIME
    ]
    frames = [read_frames(folder / f"{name}.frames") for name in ("whole", "part")]
    for name in ("pts", "is_keyframe"):
        assert frames[0][name].to_pylist() == frames[1][name].to_pylist()


@pytest.mark.parametrize("name", CASES)
def test_reference_frames_have_the_times_and_numbers_of_a_whole_scan(
    name: str, film: Path, tmp_path: Path
) -> None:
    """Of frames that are left out only the numbers are null; all others are equal."""
    video = made(film, tmp_path / name, *CASES[name])
    one, other = whole(video, tmp_path), in_part(video, tmp_path, "reference")
    assert_equal_times(one, other, tmp_path)
    assert (other.decode, other.decode_reason) == ("reference", None)
    assert other.n_decoded < 0.8 * one.n_frames
    full, part = (read_frames(tmp_path / f"{n}.frames") for n in ("whole", "part"))
    known = ~np.isnan(numbers(part, "luma_mean"))
    assert known.sum() == other.n_decoded
    for column in ("luma_mean", "luma_spread", "black_share"):
        assert np.array_equal(numbers(full, column)[known], numbers(part, column)[known])
    follows = ~np.isnan(numbers(part, "luma_delta"))
    assert np.array_equal(follows, known & np.append(True, known[:-1]))
    assert np.array_equal(
        numbers(full, "luma_delta")[follows], numbers(part, "luma_delta")[follows]
    )
