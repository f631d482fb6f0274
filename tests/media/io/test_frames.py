"""Images are the frames of their timestamps, whatever the video, upright and whole."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from tests.support.videos import counted_frames, ffmpeg, frame_number, render_counted
from vidcurate.errors import MediaError
from vidcurate.media.io.frames import Image, packets_needed, read_images
from vidcurate.media.io.images import encode_jpeg, read_as_jpeg, write_image
from vidcurate.media.io.probe import probe_video

N_FRAMES = 120
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "24", "-keyint_min", "24")
UNEVEN = "settb=1/12000,setpts='500*(N+floor(N/3)+mod(N*N,3))/TB/12000'"
ENCODINGS = {
    "mp4": X264,
    "open.mp4": (*X264, "-x264-params", "open-gop=1"),
    "mkv": X264,
    "ts": X264,
    "flv": X264,
    "mpg": ("-c:v", "mpeg2video", "-q:v", "3", "-bf", "2"),
    "avi": ("-c:v", "mpeg4", "-q:v", "3", "-bf", "2", "-g", "24"),
    "webm": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"),
    "av1.mkv": ("-c:v", "libsvtav1", "-preset", "12", "-svtav1-params", "scd=0"),
    "hevc.mp4": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"),
}


def luma(image: Image) -> Image:
    """The grey of an RGB image, shape (height, width)."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


@pytest.mark.parametrize("suffix", ENCODINGS)
def test_each_still_is_the_frame_of_its_time(suffix: str, tmp_path: Path) -> None:
    """Frames near and far, at both ends, in any order and twice: each is the one asked for."""
    path = tmp_path / f"video.{suffix}"
    uneven = UNEVEN if suffix in ("mp4", "mkv", "webm") else "null"
    render_counted(path, N_FRAMES, video_filter=uneven, encode=ENCODINGS[suffix])
    frames = counted_frames(path)
    wanted = [0, 1, 30, 31, 47, 48, 49, 95, len(frames) - 2, len(frames) - 1]
    times = [frames[i][0] for i in wanted]
    video = probe_video(path, "video")
    got = list(read_images(path, video, [*reversed(times), times[3]]))
    assert [pts for pts, _ in got] == times
    assert [frame_number(luma(image)) for _, image in got] == [frames[i][1] for i in wanted]


def test_stills_equal_a_plain_decode(video: Path) -> None:
    """Skipping what is not needed changes no pixel of what is."""
    with av.open(str(video)) as container:
        plain = {
            f.pts: f.to_ndarray(format="rgb24", interpolation="BICUBIC")
            for f in container.decode(video=0)
        }
    times = sorted(t for t in plain if t is not None)[5::17]
    for pts, image in read_images(video, probe_video(video, "video"), times):
        assert np.array_equal(image, plain[pts])


def test_a_time_without_a_frame_is_an_error(video: Path) -> None:
    """Times between frames, and after the last one, are named; nothing near them is given."""
    probed = probe_video(video, "video")
    frame_ticks = int(1 / (probed.frame_rate * probed.time_base))
    with pytest.raises(MediaError, match=f"pts {frame_ticks + 1}"):
        list(read_images(video, probed, [frame_ticks + 1]))
    with pytest.raises(MediaError, match="no frame can be decoded at 100"):
        list(read_images(video, probed, [int(100 / probed.time_base)]))


@pytest.mark.parametrize(
    ("turn", "top", "bottom"),
    [("0", "left", "left"), ("90", "right", "left"), ("-90", "left", "right")],
)
def test_turned_videos_give_upright_stills(
    turn: str, top: str, bottom: str, tmp_path: Path
) -> None:
    """A video that is shown turned gives turned images: its left side is where players show it."""
    flat, path = tmp_path / "flat.mp4", tmp_path / "turned.mp4"
    source = "color=black:size=64x48:duration=0.5,drawbox=0:0:32:48:white:fill"
    ffmpeg("-f", "lavfi", "-i", source, *X264, str(flat))
    ffmpeg("-display_rotation", turn, "-i", str(flat), "-c", "copy", str(path))
    video = probe_video(path, "video")
    [(_, image)] = read_images(path, video, [0])
    height, width = image.shape[:2]
    assert (width, height) == (video.display_width, video.display_height)
    if turn == "0":
        assert width > height
        assert image[:, 4].min() > 200
        assert image[:, -4].max() < 50
    else:
        assert width < height
        assert (image[4].min() > 200) == (top == "left")
        assert (image[-4].min() > 200) == (bottom == "left")


def test_mirrored_videos_give_mirrored_stills(tmp_path: Path) -> None:
    """A display matrix that mirrors is followed."""
    flat, path = tmp_path / "flat.mp4", tmp_path / "mirrored.mp4"
    render_counted(flat, 4, encode=X264)
    ffmpeg("-display_hflip", "-i", str(flat), "-c", "copy", str(path))
    [(_, image)] = read_images(path, probe_video(path, "video"), [counted_frames(flat)[1][0]])
    assert frame_number(luma(image[:, ::-1])) == 1


def test_pixels_become_square(tmp_path: Path) -> None:
    """A video of 320x48 whose pixels are twice as wide as high gives images of 640x48."""
    path = tmp_path / "wide.mkv"
    render_counted(path, 4, video_filter="setsar=2/1", encode=X264)
    video = probe_video(path, "video")
    assert video.pixel_aspect == Fraction(2)
    [(_, image)] = read_images(path, video, [video.start_pts])
    assert image.shape == (48, 640, 3)


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_stills_are_written_in_each_format(kind: str, tmp_path: Path) -> None:
    """A written image reads back as the image, with red where red was."""
    image = np.full((90, 160, 3), (200, 40, 40), np.uint8)
    size = write_image(image, tmp_path / "still", kind, 90)  # type: ignore[arg-type]
    back = cv2.imread(str(tmp_path / "still"))
    assert size == (160, 90)
    assert back is not None
    assert np.abs(back[..., ::-1].astype(int) - image).max() < 8
    assert list(tmp_path.iterdir()) == [tmp_path / "still"]


def test_stills_are_shrunk_and_never_enlarged(tmp_path: Path) -> None:
    """The longer side is held to `max_side`, and a smaller image stays as it is."""
    image = np.zeros((90, 160, 3), np.uint8)
    assert write_image(image, tmp_path / "a", "png", max_side=80) == (80, 45)
    assert write_image(image, tmp_path / "b", "png", max_side=500) == (160, 90)


def test_jpeg_quality_sets_the_size() -> None:
    """A lower quality gives fewer bytes."""
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    assert encode_jpeg(noise, 90)[:2] == b"\xff\xd8"
    assert len(encode_jpeg(noise, 20)) < len(encode_jpeg(noise, 90))


def test_a_still_file_becomes_a_small_jpeg(tmp_path: Path) -> None:
    """A still on disk is read, shrunk and encoded; one that is gone is named."""
    write_image(np.zeros((90, 160, 3), np.uint8), tmp_path / "a.png", "png")
    data = np.frombuffer(read_as_jpeg(tmp_path / "a.png", 80), np.uint8)
    small = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert small is not None
    assert small.shape == (45, 80, 3)
    with pytest.raises(MediaError, match="gone"):
        read_as_jpeg(tmp_path / "b.png", 80)


def test_a_video_that_is_gone_is_named(video: Path) -> None:
    """Images of a video that was moved away fail with the plain reason."""
    probed = replace(probe_video(video, "video"), video_id="gone")
    with pytest.raises(MediaError, match="the file is gone"):
        list(read_images(video.with_name("gone.mp4"), probed, [0]))


def test_frames_after_one_keyframe_are_decoded_at_one_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three frames far apart in a video with a single keyframe cost one decode, not three."""
    path = tmp_path / "video.mp4"
    render_counted(path, N_FRAMES, encode=("-c:v", "libx264", "-g", "999", "-sc_threshold", "0"))
    times = [pts for pts, _ in counted_frames(path)]
    n_read = 0

    def counting(*arguments: Any, **named: Any) -> Iterator[Any]:
        nonlocal n_read
        for packet in packets_needed(*arguments, **named):
            n_read += 1
            yield packet

    monkeypatch.setattr("vidcurate.media.io.frames.packets_needed", counting)
    wanted = [times[i] for i in (10, 60, 110)]
    got = [pts for pts, _ in read_images(path, probe_video(path, "video"), wanted)]
    assert got == wanted
    assert n_read <= N_FRAMES + 1
