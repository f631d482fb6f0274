from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.videos import ffmpeg, render
from vidcurate.media.io.container import open_video
from vidcurate.media.io.decode import (
    KEPT,
    Faults,
    SmallFrame,
    decode_video,
    plane_array,
    shrinker_for,
    small_shape,
)

PLAIN = ("-c:v", "libx264", "-preset", "ultrafast")


def made(path: Path, *arguments: str, source: str = "testsrc2=size=320x180:rate=24") -> Path:
    """One second of a test picture, encoded as asked."""
    ffmpeg("-f", "lavfi", "-t", "1", "-i", source, *arguments, f"file:{path}")
    return path


def pictures(video: Path, faults: Faults | None = None) -> Iterator[tuple[int, SmallFrame]]:
    """Times and small pictures of a video, each picture copied."""
    with open_video(video) as (container, stream):
        shrinker = None
        for pts, frame in decode_video(container, stream, faults or Faults()):
            shrinker = shrinker or shrinker_for(frame)
            small = shrinker.shrink(frame)
            yield pts, SmallFrame(small.i420.copy(), small.colorspace)


@pytest.mark.parametrize(
    ("size", "step", "small"),
    [
        ((1280, 720), 5, (256, 144)),
        ((1920, 1080), 8, (240, 132)),
        ((3840, 2160), 15, (256, 144)),
        ((362, 640), 3, (120, 212)),
        ((199, 101), 1, (198, 100)),
        ((4096, 1), 16, (256, 4)),
    ],
)
def test_small_shape(size: tuple[int, int], step: int, small: tuple[int, int]) -> None:
    """Small pictures have a long side of at most 256 and sides that I420 can have."""
    assert small_shape(*size) == (step, small)


def test_every_frame_has_its_time(video: Path) -> None:
    """All 144 frames come out, 512 ticks of 1/12288 s apart, in order."""
    assert [pts for pts, _ in pictures(video)] == [512 * k for k in range(144)]


def test_small_picture_is_pyscenedetects(tmp_path: Path) -> None:
    """From 720p the luma is that of OpenCV's linear resize to 256 x 144, as PySceneDetect's."""
    video = made(tmp_path / "big.mp4", *PLAIN, source="testsrc2=size=1280x720:rate=24")
    with open_video(video) as (container, stream):
        _, frame = next(decode_video(container, stream, Faults()))
        expected = cv2.resize(plane_array(frame.planes[0]), (256, 144))
    _, small = next(pictures(video))
    assert np.array_equal(small.luma, expected)


def test_small_pictures_are_kept_for_a_while(tmp_path: Path) -> None:
    """A small picture is what it was until as many more are made as are kept."""
    video = made(tmp_path / "moving.mp4", *PLAIN)
    with open_video(video) as (container, stream):
        frames = [frame for _, frame in decode_video(container, stream, Faults())][:KEPT]
        shrinker = shrinker_for(frames[0])
        found = [shrinker.shrink(frame) for frame in frames]
    expected = [small.i420 for _, small in pictures(video)]
    assert all(np.array_equal(a.i420, b) for a, b in zip(found, expected, strict=False))


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le"])
def test_chroma_lies_where_luma_does(tmp_path: Path, pixels: str) -> None:
    """A blue left half ends at the same place in luma and in chroma, however chroma is stored."""
    source = "color=white:size=640x360:rate=24,drawbox=w=320:h=360:color=blue:t=fill"
    video = made(tmp_path / "half.mkv", "-pix_fmt", pixels, "-c:v", "ffv1", source=source)
    _, small = next(pictures(video))
    height, width = small.luma.shape
    chroma = small.i420[height:].reshape(2, height // 2, width // 2)[0]
    edges = [
        int(np.abs(np.diff(row[height // 4].astype(int))).argmax()) for row in (small.luma, chroma)
    ]
    assert edges[0] / width == pytest.approx(0.5, abs=0.01)
    assert edges[1] / (width // 2) == pytest.approx(0.5, abs=0.015)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("ten bit.mkv", ("-pix_fmt", "yuv420p10le", "-c:v", "libx264", "-preset", "ultrafast")),
        ("four four four.mp4", ("-pix_fmt", "yuv444p", *PLAIN)),
        ("interlaced.mp4", ("-flags", "+ildct+ilme", "-c:v", "libx264", "-x264opts", "tff=1")),
        ("full range.avi", ("-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v", "2")),
        ("alpha.mov", ("-pix_fmt", "argb", "-c:v", "qtrle")),
        ("rgb.avi", ("-pix_fmt", "bgr24", "-c:v", "rawvideo")),
        ("palette.mov", ("-vf", "format=pal8", "-c:v", "qtrle")),
    ],
)
def test_formats_agree(tmp_path: Path, name: str, arguments: tuple[str, ...]) -> None:
    """Every pixel format gives nearly the luma that plain 8-bit 4:2:0 gives of the same picture."""
    _, expected = next(pictures(made(tmp_path / "plain.mp4", "-pix_fmt", "yuv420p", *PLAIN)))
    found = list(pictures(made(tmp_path / name, *arguments)))
    assert len(found) == 24
    difference = np.abs(found[0][1].luma.astype(int) - expected.luma)
    assert np.mean(difference) < 6.0


def test_grey_video_has_no_colour(tmp_path: Path) -> None:
    """A grey-only video comes out with neutral chroma."""
    video = made(tmp_path / "grey.mkv", "-pix_fmt", "gray", "-c:v", "ffv1")
    _, small = next(pictures(video))
    assert np.abs(small.i420[small.luma.shape[0] :].astype(int) - 128).max() <= 1


def test_odd_size(tmp_path: Path) -> None:
    """A video of 101 x 67 pixels is decoded and made even."""
    video = made(
        tmp_path / "odd.mkv",
        *("-pix_fmt", "yuv444p", "-c:v", "ffv1"),
        source="rgbtestsrc=size=101x67:rate=24",
    )
    assert next(pictures(video))[1].luma.shape == (64, 100)


def test_size_may_change_in_mid_stream(tmp_path: Path) -> None:
    """When the coded size changes, small pictures keep theirs and no frame is lost."""
    streams = b""
    for number, size in enumerate(("320x180", "160x120")):
        part = made(
            tmp_path / f"{number}.ts",
            *("-output_ts_offset", str(number), "-pix_fmt", "yuv422p10le", *PLAIN),
            source=f"testsrc2=size={size}:rate=24",
        )
        streams += part.read_bytes()
    video = tmp_path / "both.ts"
    video.write_bytes(streams)
    found = list(pictures(video))
    assert len(found) == 48
    assert {small.luma.shape for _, small in found} == {(88, 160)}


def test_damage_is_counted_and_passed_over(tmp_path: Path) -> None:
    """Frames after a damaged stretch of a video are still decoded, and the damage is counted."""
    video = render(tmp_path / "whole.ts", audio=False)
    data = bytearray(video.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    damaged = tmp_path / "damaged.ts"
    damaged.write_bytes(data)
    faults = Faults()
    times = [pts for pts, _ in pictures(damaged, faults)]
    assert faults.n_damaged > 0
    assert len(times) > 100
    assert times[-1] == [pts for pts, _ in pictures(video)][-1]


def test_time_never_goes_back(tmp_path: Path) -> None:
    """Frames whose timestamps start over are left out and counted, so that times only advance."""
    part = made(tmp_path / "part.ts", *PLAIN)
    video = tmp_path / "twice.ts"
    video.write_bytes(part.read_bytes() * 2)
    faults = Faults()
    times = [pts for pts, _ in pictures(video, faults)]
    assert times == sorted(set(times))
    assert len(times) + faults.n_out_of_order == 48
    assert faults.n_out_of_order > 0
