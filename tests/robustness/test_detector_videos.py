from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pytest

from tests.support.videos import ffmpeg, render
from vidcurate.media.scan.files import read_frames
from vidcurate.media.scan.scanner import ScanOptions, VideoScan, scan_video
from vidcurate.media.shots.detectors import DetectorOptions, detect
from vidcurate.media.shots.learned import COLUMNS
from vidcurate.records import Cut

PLAIN = ("-c:v", "libx264", "-preset", "ultrafast")
CUTS_S = (2.0, 4.0)
WAYS: dict[str, tuple[str, ...]] = {
    "frames that vary in length": ("-vf", "select='not(mod(n,3))+lt(t,3)'", "-fps_mode", "vfr"),
    "dropped frames": ("-vf", "select='lt(mod(n,17),15)'", "-fps_mode", "passthrough"),
    "doubled frames": ("-vf", "fps=60"),
    "odd size": ("-vf", "scale=321:179", "-c:v", "ffv1"),
    "tiny": ("-vf", "scale=16:10"),
    "upright": ("-vf", "scale=90:320"),
    "grey": ("-vf", "format=gray", "-c:v", "ffv1"),
    "10-bit": ("-vf", "format=yuv420p10le"),
    "4:4:4 full range": ("-vf", "scale=out_range=full,format=yuvj444p", "-c:v", "mjpeg"),
    "RGB": ("-vf", "format=bgr0", "-c:v", "ffv1"),
    "interlaced": ("-vf", "tinterlace=interleave_top", "-flags", "+ildct", "-c:v", "mpeg2video"),
    "hardly any bits": ("-crf", "40"),
}


def judged(video: Path, folder: Path) -> tuple[VideoScan, pa.Table, tuple[Cut, ...]]:
    """The scan of a video, its frames, and what the learned detector finds in them."""
    file = folder / "frames.arrow"
    scan = scan_video(video, ScanOptions(metrics=("learned",)), file, folder / "samples.arrow")
    frames = read_frames(file)
    options = DetectorOptions(detector="learned")
    return scan, frames, detect(frames, scan.time_base, scan.frame_rate, options)


@pytest.mark.parametrize("way", WAYS)
def test_hard_cuts_of_odd_videos(video: Path, tmp_path: Path, way: str) -> None:
    """Whatever the pixels and times of a video, its two cuts are found, each at its first frame."""
    odd = tmp_path / "odd.mkv"
    ffmpeg("-i", f"file:{video}", "-an", *PLAIN, *WAYS[way], f"file:{odd}")
    with av.open(str(odd)) as container:
        times = [frame.time or 0.0 for frame in container.decode(video=0)]
    _, _, cuts = judged(odd, tmp_path)
    assert [cut.kind for cut in cuts] == ["cut", "cut"]
    firsts = [min(t for t in times if t > second - 0.005) for second in CUTS_S]
    assert [cut.end_s for cut in cuts] == pytest.approx(
        firsts, abs=0.04 if "laced" in way else 1e-6
    )


def test_timestamps_given_twice(video: Path, tmp_path: Path) -> None:
    """Frames whose time does not advance are left out; the cuts are where the others have them."""
    plain, doubled = tmp_path / "plain.mkv", tmp_path / "doubled.mkv"
    ffmpeg("-i", f"file:{video}", "-an", *PLAIN, f"file:{plain}")
    with av.open(str(plain)) as source, av.open(str(doubled), "w") as out:
        copy = out.add_stream_from_template(source.streams.video[0])
        times: list[int] = []
        for number, packet in enumerate(p for p in source.demux(video=0) if p.pts is not None):
            assert packet.pts is not None
            packet.pts = packet.dts = times[-1] if number % 5 == 4 else packet.pts
            times.append(packet.pts)
            packet.stream = copy
            out.mux(packet)
    scan, _, cuts = judged(doubled, tmp_path)
    assert scan.n_decode_errors > 0
    assert scan.n_frames == len(set(times))
    firsts = [min(t for t in times if t >= second * 1000 - 5) / 1000 for second in CUTS_S]
    assert [cut.end_s for cut in cuts] == pytest.approx(firsts)


@pytest.mark.parametrize("n_frames", [1, 2, 5, 31, 63])
def test_videos_shorter_than_the_bands(tmp_path: Path, n_frames: int) -> None:
    """A video of one shot shorter than the network's view gives a row a frame and no cut."""
    short = tmp_path / "short.mp4"
    source = ("-f", "lavfi", "-i", "mandelbrot=size=320x180:rate=25")
    ffmpeg(*source, "-frames:v", str(n_frames), *PLAIN, "-pix_fmt", "yuv420p", f"file:{short}")
    scan, frames, cuts = judged(short, tmp_path)
    assert (scan.n_frames, len(frames), cuts) == (n_frames, n_frames, ())
    assert np.isfinite([frames[name].to_numpy() for name in COLUMNS]).all()


def test_short_video_with_a_cut(tmp_path: Path) -> None:
    """A cut is found in a video of 20 frames, ten of each shot."""
    shots = (("mandelbrot=start_scale=0.5", 0.4), ("smptehdbars", 0.4))
    short = render(tmp_path / "short.mp4", shots, rate="25", audio=False)
    _, _, cuts = judged(short, tmp_path)
    assert [cut.end_s for cut in cuts] == pytest.approx([0.4])


@pytest.mark.parametrize("colour", ["black", "white", "gray"])
def test_video_of_one_colour(tmp_path: Path, colour: str) -> None:
    """A video that shows one colour throughout has no cut, however it is compressed."""
    even = tmp_path / "even.mp4"
    source = ("-f", "lavfi", "-i", f"color={colour}:size=320x180:rate=25")
    ffmpeg(*source, "-frames:v", "150", *PLAIN, "-crf", "35", f"file:{even}")
    assert judged(even, tmp_path)[2] == ()


def test_8k(tmp_path: Path) -> None:
    """A cut between frames of 7680x4320 is found where it is."""
    large = tmp_path / "8k.mp4"
    shots = (("smptehdbars", 0.32), ("rgbtestsrc", 0.32))
    render(large, shots, size=(7680, 4320), rate="25", audio=False, encode=PLAIN)
    _, _, cuts = judged(large, tmp_path)
    assert [Fraction(cut.end_s).limit_denominator(100) for cut in cuts] == [Fraction(32, 100)]
