"""A video's header is read right, and a file that is no video is refused in plain words."""

import os
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.videos import counted_frames, ffmpeg, render, render_counted
from vidcurate.media.io.probe import probe_video

X264 = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "24")
COLOUR = "color=red:size=64x48:duration=1"
UNEVEN = "settb=1/12000,setpts='500*(N+floor(N/3)+mod(N*N,3))/TB/12000'"
# Longer than the windows that are read, so that the middle and the tail are sought.
LONG = 400
ORDINARY: dict[str, tuple[str, Sequence[str]]] = {
    "plain.mp4": ("24", X264),
    "index first.mp4": ("24000/1001", (*X264, "-movflags", "+faststart")),
    "fragments.mp4": ("24", (*X264, "-movflags", "frag_keyframe+empty_moov")),
    "late.mp4": ("24", (*X264, "-output_ts_offset", "7")),
    "plain.mkv": ("24000/1001", X264),
    "fast.mkv": ("60000/1001", X264),
    "live.mkv": ("24", (*X264, "-live", "1")),
    "plain.webm": ("30", ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")),
    "hidden.webm": ("24", ("-c:v", "libvpx", "-auto-alt-ref", "1", "-cpu-used", "16")),
    "plain.mov": ("25", ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p")),
    "plain.ts": ("30000/1001", X264),
    "plain.mpg": ("25", ("-c:v", "mpeg2video", "-q:v", "3", "-bf", "2")),
    "plain.avi": ("25", ("-c:v", "mpeg4", "-q:v", "3")),
    "plain.flv": ("30", ("-c:v", "flv", "-q:v", "3")),
    "h264.flv": ("24", X264),
    "plain.wmv": ("24", ("-c:v", "wmv2", "-q:v", "3")),
    "plain.3gp": ("25", X264),
    "plain.ogv": ("24", ("-c:v", "libtheora", "-q:v", "7")),
    "plain.gif": ("25", ()),
}


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds with sound, index first, so that it can be cut short and still be opened."""
    path = tmp_path_factory.mktemp("plain") / "plain.mp4"
    encode = (*X264, "-movflags", "+faststart")
    return render_counted(path, 240, beep_s=(1, 2), encode=encode)


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_videos_have_no_faults(name: str, tmp_path: Path) -> None:
    """Every usual container: no fault, the exact rate, constant, and the true start and end."""
    rate, encode = ORDINARY[name]
    n_frames = 100 if name.endswith("gif") else LONG
    path = render_counted(tmp_path / name, n_frames, rate=rate, encode=encode)
    video = probe_video(path, "video")
    times = [pts for pts, _ in counted_frames(path)]
    length = len(times) / Fraction(rate)
    assert video.faults == ()
    assert video.frame_rate == Fraction(rate)
    assert not video.is_vfr
    assert video.start_pts == times[0]
    assert video.duration_s == pytest.approx(float(length), abs=0.002)
    assert video.end_s == pytest.approx(float(times[0] * video.time_base + length), abs=0.002)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_variable_rate_is_recognised(suffix: str, tmp_path: Path) -> None:
    """Frames 41, 83 and 125 ms apart are a variable rate, and no fault."""
    vp9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")
    path = tmp_path / f"video.{suffix}"
    render_counted(path, 250, video_filter=UNEVEN, encode=vp9 if suffix == "webm" else X264)
    video = probe_video(path, "video")
    assert video.is_vfr
    assert video.faults == ()


def test_a_rate_that_changes_late_is_variable(tmp_path: Path) -> None:
    """A video of 24 and then 12 frames/s is of variable rate though its head is constant."""
    slower = "settb=1/12000,setpts='500*(N+max(0,N-300))/TB/12000'"
    path = render_counted(tmp_path / "video.mp4", LONG, video_filter=slower, encode=X264)
    assert probe_video(path, "video").is_vfr


def test_milliseconds_passed_on_are_no_variable_rate(tmp_path: Path) -> None:
    """A constant video whose times went through Matroska's milliseconds stays constant in MP4."""
    rounded = render_counted(tmp_path / "video.mkv", LONG, rate="60000/1001", encode=X264)
    ffmpeg("-i", str(rounded), "-c", "copy", str(tmp_path / "video.mp4"))
    video = probe_video(tmp_path / "video.mp4", "video")
    assert not video.is_vfr
    assert float(video.frame_rate) == pytest.approx(60000 / 1001, rel=1e-4)


def test_container_facts(video: Path) -> None:
    """Codecs, sizes, depth and sound of a usual video."""
    probed = probe_video(video, "id of it")
    assert probed.video_id == "id of it"
    assert probed.container.startswith("mov")
    assert probed.size_bytes == video.stat().st_size
    assert (probed.video_codec, probed.pixel_format, probed.bit_depth) == ("h264", "yuv420p", 8)
    assert (
        (probed.width, probed.height) == (probed.display_width, probed.display_height) == (320, 180)
    )
    assert (probed.audio_codec, probed.audio_channels, probed.audio_rate_hz) == ("aac", 1, 44100)
    assert (probed.n_frames_header, probed.frame_rate) == (144, Fraction(24))
    assert not probed.is_hdr


@pytest.mark.parametrize(
    ("option", "rotation", "size"),
    [("0", 0, (64, 48)), ("90", 270, (48, 64)), ("-90", 90, (48, 64)), ("180", 180, (64, 48))],
)
def test_display_size_follows_the_turn(
    option: str, rotation: int, size: tuple[int, int], tmp_path: Path
) -> None:
    """The clockwise turn of the display matrix, and the size after it."""
    flat, path = tmp_path / "flat.mp4", tmp_path / "video.mp4"
    ffmpeg("-f", "lavfi", "-i", COLOUR, *X264, str(flat))
    ffmpeg("-display_rotation", option, "-i", str(flat), "-c", "copy", str(path))
    video = probe_video(path, "video")
    assert video.rotation_deg == rotation
    assert (video.display_width, video.display_height) == size


def test_display_size_follows_the_pixel_aspect(tmp_path: Path) -> None:
    """PAL DV's 720x576 with pixels of 16/15 is shown as 768x576."""
    path = tmp_path / "video.mkv"
    source = "color=red:size=720x576:duration=0.2,setsar=16/15"
    ffmpeg("-f", "lavfi", "-i", source, *X264, str(path))
    video = probe_video(path, "video")
    assert video.pixel_aspect == Fraction(16, 15)
    assert (video.display_width, video.display_height) == (768, 576)


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67", "bt709"])
def test_hdr_is_told_by_its_transfer(transfer: str, tmp_path: Path) -> None:
    """PQ and HLG are HDR, BT.709 is not, at 10 bits all three."""
    path = tmp_path / "video.mp4"
    tags = f"setparams=color_trc={transfer},format=yuv420p10le"
    x265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none")
    ffmpeg("-f", "lavfi", "-i", f"{COLOUR},{tags}", *x265, str(path))
    video = probe_video(path, "video")
    assert (video.transfer, video.bit_depth) == (transfer, 10)
    assert video.is_hdr == (transfer != "bt709")


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "webm", "flv"])
def test_truncated_videos_have_a_fault(suffix: str, plain: Path, tmp_path: Path) -> None:
    """A video cut off at 60 % opens, says that it lies, and ends where its data do."""
    whole, path = tmp_path / f"whole.{suffix}", tmp_path / f"video.{suffix}"
    sound: tuple[str, ...] = ("-c:a", "copy")
    encode: tuple[str, ...] = ("-c:v", "copy", "-movflags", "+faststart")
    if suffix in ("avi", "flv"):
        encode, sound = ("-c:v", "mpeg4" if suffix == "avi" else "flv"), ("-an",)
    if suffix == "webm":
        encode, sound = ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime"), ("-an",)
    ffmpeg("-i", str(plain), *encode, *sound, str(whole))
    data = whole.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    assert probe_video(whole, "video").faults == ()
    video = probe_video(path, "video")
    last = counted_frames(path)[-1][0]
    assert 1 < video.end_s < 9
    assert video.end_s == pytest.approx(float(last * video.time_base), abs=0.5)
    reported = " ".join(video.faults)
    assert "cut short" in reported or "the header says" in reported
    if suffix in ("mp4", "mkv", "webm"):
        assert (
            f"the file is cut short: it has {path.stat().st_size} of {len(data)} bytes" in reported
        )


def test_wrong_duration_is_a_fault(tmp_path: Path, plain: Path) -> None:
    """A Matroska header that says ten times the length is contradicted."""
    path = tmp_path / "video.mkv"
    ffmpeg("-i", str(plain), "-c", "copy", str(path))
    data = bytearray(path.read_bytes())
    place = data.index(b"\x44\x89\x88") + 3
    data[place : place + 8] = b"\x40\xf8\x6a\x00\x00\x00\x00\x00"
    path.write_bytes(data)
    video = probe_video(path, "video")
    assert video.faults == ("the header says 100.00 s, the data ends at 10.00 s",)
    assert video.duration_s == pytest.approx(10, abs=0.05)


def test_a_video_joined_late_can_be_probed(tmp_path: Path) -> None:
    """A broadcast that begins in the middle of a group of pictures has facts all the same."""
    whole = render(tmp_path / "whole.ts", encode=X264)
    data = whole.read_bytes()
    start = len(data) // 3 // 188 * 188
    (tmp_path / "video.ts").write_bytes(data[start:])
    assert probe_video(tmp_path / "video.ts", "video").frame_rate == 24


@pytest.mark.parametrize("name", ["-dash 'q' \"d\".mp4", "co:lon %03d.mp4", "new\nline.mp4"])
def test_any_name_works(name: str, video: Path, tmp_path: Path) -> None:
    """Names with dashes, quotes, colons, patterns and newlines are no obstacle."""
    (tmp_path / name).write_bytes(video.read_bytes())
    assert probe_video(tmp_path / name, "video").faults == ()


def test_names_need_not_be_utf8(video: Path, tmp_path: Path) -> None:
    """A name in another encoding is no obstacle."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    path.write_bytes(video.read_bytes())
    assert probe_video(path, "video").faults == ()


def test_libav_is_silent(tmp_path: Path, video: Path) -> None:
    """Nothing that libav says of a damaged video reaches stderr."""
    data = bytearray(video.read_bytes())
    data[3000:20000:7] = b"\xff" * len(data[3000:20000:7])
    (tmp_path / "video.mp4").write_bytes(data)
    script = (
        "import sys; from pathlib import Path; from vidcurate.media.io.probe import probe_video\n"
        "from vidcurate.errors import MediaError\n"
        "try: probe_video(Path(sys.argv[1]), 'x')\n"
        "except MediaError: pass"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "video.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
