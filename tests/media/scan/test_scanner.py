from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.support.videos import ffmpeg, render
from vidcurate.errors import MediaError
from vidcurate.media.io.frame_times import mean_rate
from vidcurate.media.scan.scanner import (
    ScanOptions,
    VideoScan,
    read_frames,
    read_samples,
    scan_video,
)
from vidcurate.media.scan.signals import LUMA_COLUMNS

ENCODE = ("-c:v", "libx264", "-preset", "ultrafast")


def scanned(video: Path, folder: Path, options: ScanOptions | None = None) -> VideoScan:
    """A video scanned into two files of a folder."""
    files = folder / "frames.arrow", folder / "samples.arrow"
    return scan_video(video, options or ScanOptions(), *files)


def made(path: Path, seconds: float, *arguments: str, rate: str = "24") -> Path:
    """A moving test picture of some seconds."""
    source = f"testsrc2=size=320x180:rate={rate}"
    ffmpeg("-f", "lavfi", "-t", str(seconds), "-i", source, *arguments, f"file:{path}")
    return path


def test_whole_video(video: Path, tmp_path: Path) -> None:
    """Six seconds at 24 frames/s are reported as such, and the files hold a row for each."""
    found = scanned(video, tmp_path)
    assert (found.n_frames, found.first_pts, found.end_pts) == (144, 0, 144 * 512)
    assert (found.time_base, found.frame_rate) == (Fraction(1, 12288), Fraction(24))
    assert (found.duration_s, found.is_vfr, found.fault) == (6.0, False, None)
    assert (found.n_decode_errors, found.proxy_width, found.proxy_height) == (0, 320, 180)
    frames = read_frames(tmp_path / "frames.arrow")
    assert frames["pts"].to_pylist() == [512 * k for k in range(144)]
    assert frames["is_keyframe"].to_pylist()[:49:48] == [True, True]
    assert read_samples(tmp_path / "samples.arrow").num_rows == found.n_samples
    assert np.isfinite(frames["luma_mean"].to_numpy()).all()


def test_same_video_same_files(video: Path, tmp_path: Path) -> None:
    """Scanning twice writes the same bytes."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        scanned(video, tmp_path / name)
    for file in ("frames.arrow", "samples.arrow"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_long_video_is_written_in_batches(tmp_path: Path) -> None:
    """A video of more frames than a batch holds has them all, in several batches."""
    video = made(tmp_path / "long.mp4", 40, *ENCODE, rate="50")
    assert scanned(video, tmp_path).n_frames == 2000
    frames = read_frames(tmp_path / "frames.arrow", ("pts", "luma_delta"))
    assert frames["luma_delta"].num_chunks > 1
    assert np.array_equal(np.diff(frames["pts"].to_numpy()), np.full(1999, 256))


def test_metrics_are_chosen(video: Path, tmp_path: Path) -> None:
    """Only the metrics asked for are recorded, besides luma; samples are taken all the same."""
    found = scanned(video, tmp_path, ScanOptions(metrics=("hash",)))
    frames = read_frames(tmp_path / "frames.arrow")
    assert frames.column_names == ["pts", "is_keyframe", *LUMA_COLUMNS, "hash_distance"]
    assert found.metrics == ("hash",)
    assert found.n_samples >= 6


def test_variable_frame_rate(tmp_path: Path) -> None:
    """A video whose rate halves midway is variable, keeps its times, and has the mean rate."""
    pick = "select='lt(t,1)+not(mod(n,2))'"
    video = made(tmp_path / "vfr.mkv", 2, "-vf", pick, "-fps_mode", "vfr", *ENCODE)
    found = scanned(video, tmp_path)
    assert found.is_vfr
    assert found.n_frames == 36
    times = read_frames(tmp_path / "frames.arrow")["pts"].to_numpy() * float(found.time_base)
    expected = [k / 24 for k in (*range(24), *range(24, 48, 2))]
    assert times == pytest.approx(expected, abs=0.0015)
    assert float(found.frame_rate) == pytest.approx(35 / expected[-1], rel=1e-3)


@pytest.mark.parametrize("rate", ["24000/1001", "25", "30000/1001", "59.94"])
@pytest.mark.parametrize("container", ["mkv", "mp4", "ts"])
def test_constant_rate_is_exact(tmp_path: Path, rate: str, container: str) -> None:
    """The usual rates are found exactly even where the container rounds times to milliseconds."""
    video = made(tmp_path / f"video.{container}", 2, *ENCODE, rate=rate)
    found = scanned(video, tmp_path)
    assert found.frame_rate == {"59.94": Fraction(60000, 1001)}.get(rate) or Fraction(rate)
    assert not found.is_vfr
    assert found.duration_s == pytest.approx(2.0, abs=0.05)


def test_unusual_rate_is_the_mean() -> None:
    """A rate that is none of the usual ones is the frames over their time, exactly."""
    assert mean_rate(70, 1000, Fraction(1, 100)) == 7
    assert mean_rate(77, 1000, Fraction(1, 100)) == Fraction(77, 10)


def test_one_frame_video(tmp_path: Path) -> None:
    """A video of one frame has one sample and lasts one frame."""
    found = scanned(made(tmp_path / "one.mp4", 1, "-frames:v", "1", *ENCODE), tmp_path)
    assert (found.n_frames, found.n_samples, found.is_vfr) == (1, 1, False)
    assert found.duration_s == pytest.approx(1 / 24, abs=1e-4)


def test_black_video(tmp_path: Path) -> None:
    """An all-black video scans without warnings and is black and frozen throughout."""
    video = tmp_path / "black.mp4"
    ffmpeg("-f", "lavfi", "-t", "2", "-i", "color=black:size=320x180:rate=24", f"file:{video}")
    found = scanned(video, tmp_path, ScanOptions(metrics=("histogram", "hash")))
    frames = read_frames(tmp_path / "frames.arrow")
    assert found.fault is None
    assert set(frames["black_share"].to_pylist()) == {1.0}
    assert set(frames["luma_delta"].to_pylist()) == {0.0}
    assert set(frames["histogram_correlation"].to_pylist()) == {1.0}
    assert set(frames["hash_distance"].to_pylist()) == {0.0}


def test_truncated_video_says_where_it_ends(tmp_path: Path) -> None:
    """A video cut off in the middle is scanned up to there, and the fault says so."""
    flags = ("-movflags", "+faststart", "-g", "12")
    video = made(tmp_path / "whole.mp4", 10, *ENCODE, *flags)
    short = tmp_path / "short.mp4"
    short.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    found = scanned(short, tmp_path)
    assert 3.0 < found.duration_s < 7.0
    assert found.fault is not None
    assert found.fault.startswith(f"decoding stopped at {found.duration_s:.1f} s of 10.0 s: ")


@pytest.mark.parametrize("content", [b"", b"not a video" * 100])
def test_no_video(tmp_path: Path, content: bytes) -> None:
    """What is no video is a MediaError, and leaves no files behind."""
    video = tmp_path / "video.mp4"
    video.write_bytes(content)
    with pytest.raises(MediaError):
        scanned(video, tmp_path)
    assert list(tmp_path.iterdir()) == [video]


def test_video_without_frames(tmp_path: Path) -> None:
    """A header without any decodable frame is a MediaError, and leaves no files behind."""
    video = made(tmp_path / "video.ts", 1, *ENCODE)
    whole = bytearray(video.read_bytes())
    for start in range(188 * 4, len(whole), 188):
        whole[start + 30 : start + 188] = b"\xff" * 158
    video.write_bytes(whole)
    with pytest.raises(MediaError):
        scanned(video, tmp_path)
    assert list(tmp_path.iterdir()) == [video]


def test_late_start_is_kept(tmp_path: Path) -> None:
    """A video that starts at 100 s keeps its own times; its length is that of its frames."""
    video = render(tmp_path / "video.ts", audio=False)
    late = tmp_path / "late.ts"
    ffmpeg("-i", f"file:{video}", "-c", "copy", "-output_ts_offset", "100", f"file:{late}")
    found = scanned(late, tmp_path)
    assert float(found.first_pts * found.time_base) > 100.0
    assert found.duration_s == pytest.approx(6.0, abs=0.05)
    assert found.fault is None


def test_missing_scan_file(tmp_path: Path) -> None:
    """A scan file that is gone is named, with what to do."""
    with pytest.raises(
        MediaError, match=r"cannot read the scan file 'none\.arrow': scan the video"
    ):
        read_frames(tmp_path / "none.arrow")


def test_the_network_judges_every_frame(video: Path, tmp_path: Path) -> None:
    """With `learned`, each frame has the network's numbers, and the rest is as without."""
    plain = scanned(video, tmp_path, ScanOptions(metrics=("content",)))
    without = read_frames(tmp_path / "frames.arrow").to_pydict()
    judged = scanned(video, tmp_path, ScanOptions(metrics=("content", "learned")))
    frames = read_frames(tmp_path / "frames.arrow").to_pydict()
    assert judged.n_frames == plain.n_frames == len(frames["shot_middle"])
    assert {name: frames[name] for name in without} == without
    strongest = sorted(sorted(range(144), key=lambda n: -frames["shot_middle"][n])[:2])
    assert [n in (47, 48, 49, 95, 96, 97) for n in strongest] == [True, True]
