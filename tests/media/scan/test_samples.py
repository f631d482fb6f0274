from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.videos import ffmpeg, render
from vidcurate.media.scan.files import read_samples
from vidcurate.media.scan.scanner import ScanOptions, scan_video
from vidcurate.media.visual.measures import COLOUR_NAMES

Rows = list[dict[str, object]]


def sampled(video: Path, folder: Path, options: ScanOptions | None = None) -> Rows:
    """All samples of a video."""
    scan_video(video, options or ScanOptions(), folder / "frames.arrow", folder / "samples.arrow")
    return list(read_samples(folder / "samples.arrow").to_pylist())


def picture(row: dict[str, object]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The proxy of a sample, BGR."""
    data = row["jpeg"]
    assert isinstance(data, bytes)
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def share(row: dict[str, object], name: str) -> float:
    """The share of one named colour in a sample."""
    colours = row["colours"]
    assert isinstance(colours, list)
    return float(colours[COLOUR_NAMES.index(name)])


def test_every_shot_has_a_sample(tmp_path: Path) -> None:
    """Shots of 0.3 s each have a sample, none is nearer than 0.25 s to the one before."""
    lengths = [1.0, 0.375, 0.375, 0.375, 0.375, 1.5]
    sources = ("testsrc2", "rgbtestsrc", "smptehdbars", "testsrc2", "rgbtestsrc", "smptehdbars")
    video = render(tmp_path / "fast.mp4", list(zip(sources, lengths, strict=True)), audio=False)
    times = [Fraction(int(str(row["pts"])), 12288) for row in sampled(video, tmp_path)]
    edges = np.cumsum([0.0, *lengths])
    for start, end in pairwise(edges):
        assert [t for t in times if start <= t < end], (start, end, times)
    gaps = np.diff([float(t) for t in times])
    assert gaps.min() >= 0.25
    assert gaps.max() <= 1.25 + 1 / 24


def test_flashing_does_not_put_samples_off(tmp_path: Path) -> None:
    """A video that changes wholly at every frame is still sampled, at most four times a second."""
    video = tmp_path / "flash.mp4"
    source = "color=black:size=320x180:rate=24,geq=lum='255*mod(N,2)':cb=128:cr=128"
    ffmpeg("-f", "lavfi", "-t", "4", "-i", source, "-qp", "10", f"file:{video}")
    rows = sampled(video, tmp_path)
    assert 4 <= len(rows) <= 16
    # Only the first change may be a cut; what goes on changing is motion, however fast.
    assert [row["motion_mean"] is None for row in rows[:3]] == [True, False, False]


def test_interval(video: Path, tmp_path: Path) -> None:
    """A longer interval leaves the first sample and one for each cut."""
    rows = sampled(video, tmp_path, ScanOptions(sample_interval_s=60.0))
    assert len(rows) == 3


@pytest.mark.parametrize("form", ["yuv420p", "yuvj420p"])
def test_exposure_is_of_the_full_range(form: str, tmp_path: Path) -> None:
    """A picture a quarter black and a quarter white is so in limited and in full range."""
    video = tmp_path / "halves.mkv"
    boxes = "drawbox=w=80:color=black:t=fill,drawbox=x=240:w=80:color=white:t=fill"
    bars = f"color=gray:size=320x180,{boxes}"
    ffmpeg(
        "-f", "lavfi", "-t", "0.2", "-i", bars, "-pix_fmt", form, "-c:v", "mjpeg", f"file:{video}"
    )
    row = sampled(video, tmp_path)[0]
    found = [row[name] for name in ("dark_share", "bright_share", "contrast")]
    assert found == pytest.approx([0.25, 0.25, 1.0], abs=0.02)


def test_proxy_is_scaled_and_never_enlarged(video: Path, tmp_path: Path) -> None:
    """A 320 x 180 video keeps its size at 448, and becomes 160 x 90 at 160."""
    assert picture(sampled(video, tmp_path)[0]).shape == (180, 320, 3)
    smaller = sampled(video, tmp_path, ScanOptions(max_proxy_side=160))
    assert picture(smaller[0]).shape == (90, 160, 3)


def test_proxy_stands_upright(tmp_path: Path) -> None:
    """A video turned by its display matrix gives proxies and bars as ffmpeg shows it."""
    stored = tmp_path / "stored.mp4"
    source = "color=blue:size=320x180:rate=24,drawbox=x=0:y=0:w=80:h=180:color=black:t=fill"
    ffmpeg("-f", "lavfi", "-t", "1", "-i", source, f"file:{stored}")
    for turn in (90, 180, 270):
        video, shown = tmp_path / f"{turn}.mp4", tmp_path / f"{turn}.png"
        copy = ("-c", "copy", f"file:{video}")
        ffmpeg("-display_rotation", str(turn), "-i", f"file:{stored}", *copy)
        ffmpeg("-i", f"file:{video}", "-frames:v", "1", f"file:{shown}")
        row = sampled(video, tmp_path)[0]
        expected = np.asarray(cv2.imread(str(shown)), np.uint8)
        proxy = picture(row)
        assert proxy.shape == expected.shape
        assert np.abs(proxy.astype(int) - expected).mean() < 4.0
        bars = {side: row[f"letterbox_{side}"] for side in ("left", "top", "right", "bottom")}
        dark = [side for side, width in bars.items() if width]
        at = {90: "bottom", 180: "right", 270: "top"}[turn]
        assert dark == [at]
        assert bars[at] == pytest.approx(0.25, abs=0.02)


def test_proxy_has_square_pixels(tmp_path: Path) -> None:
    """A video of 2:1 pixels gives proxies twice as wide."""
    video = tmp_path / "wide.mp4"
    source = "testsrc2=size=160x180:rate=24,setsar=2"
    ffmpeg("-f", "lavfi", "-t", "1", "-i", source, f"file:{video}")
    assert picture(sampled(video, tmp_path)[0]).shape == (180, 320, 3)


def test_motion_is_in_diagonals_a_second(tmp_path: Path) -> None:
    """A picture that moves by 5 pixels a frame at 24 frames/s is measured within a tenth."""
    video = tmp_path / "pan.mp4"
    base = "mandelbrot=size=1600x360:rate=24:end_scale=0.3:start_scale=0.3"
    still = f"{base},trim=end_frame=1,loop=-1:1,setpts=N/24/TB"
    source = f"{still},crop=640:360:x='5*n':y=0"
    ffmpeg("-f", "lavfi", "-t", "2", "-i", source, "-qp", "12", f"file:{video}")
    row = sampled(video, tmp_path)[0]
    assert row["motion_mean"] == pytest.approx(5 * 24 / float(np.hypot(640, 360)), rel=0.15)


def test_still_video_does_not_move(tmp_path: Path) -> None:
    """A frozen picture has no motion; the last sample, with no later frame, has none measured."""
    video = tmp_path / "still.mp4"
    source = "testsrc2=size=320x180:rate=24,trim=end_frame=1,loop=-1:1,setpts=N/24/TB"
    ffmpeg("-f", "lavfi", "-t", "2.05", "-i", source, f"file:{video}")
    rows = sampled(video, tmp_path)
    assert rows[0]["motion_mean"] == pytest.approx(0.0, abs=0.01)
    assert rows[-1]["motion_mean"] is None


def test_no_motion_across_a_cut(tmp_path: Path) -> None:
    """A sample followed by a cut within 80 ms has no motion."""
    shots = [("testsrc2", 1.0417), ("rgbtestsrc", 1.0)]
    video = render(tmp_path / "cut.mp4", shots, audio=False)
    at_cut = [row for row in sampled(video, tmp_path) if row["pts"] == 12288]
    assert [row["motion_mean"] for row in at_cut] == [None]


def test_colours_are_right_in_every_matrix(tmp_path: Path) -> None:
    """A yellow video is yellow whether it is tagged BT.601 or BT.709, and in 10 bits."""
    for name, pixels, matrix in (
        ("sd", "yuv420p", "smpte170m"),
        ("hd", "yuv420p", "bt709"),
        ("ten", "yuv420p10le", "bt709"),
    ):
        video = tmp_path / f"{name}.mkv"
        source = f"color=0xE0D020:size=320x180:rate=24,scale=out_color_matrix={matrix}"
        tags = ("-pix_fmt", pixels, "-colorspace", matrix)
        ffmpeg("-f", "lavfi", "-t", "0.5", "-i", source, *tags, "-c:v", "libx264", f"file:{video}")
        row = sampled(video, tmp_path)[0]
        assert share(row, "yellow") == 1.0
        assert picture(row)[90, 160] == pytest.approx([0x20, 0xD0, 0xE0], abs=6)
