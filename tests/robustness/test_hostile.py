"""Hostile files through the whole run: each is a row with a reason, and nothing else is touched."""

import sys
from pathlib import Path
from types import ModuleType

import av
import pytest

from scripts.robustness import bad_references, run_hostile
from tests.support.paths import CONFIGS
from tests.support.videos import render
from vidcurate.errors import MediaError
from vidcurate.media.io.container import OPTIONS, STILLS, check_size
from vidcurate.media.io.orientation import MOST_PIXELS
from vidcurate.media.io.probe import probe_video

CONFIG = CONFIGS / "quickstart.yaml"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the watch on files is Linux's own")
# A few of each kind; `make hostile` runs them all.
CHOSEN = frozenset(
    {
        *("cut at 0.5 h264.mkv", "cut at 0.95 mpeg2.ts", "flipped many vp9.webm"),
        *("flipped few mpeg4.avi", "flipped head gif.gif", "flipped tail h264.mp4"),
        *("lie sample count max.mp4", "lie frame length negative.mp4", "lie nested boxes.mp4"),
        *("lie length nan.mkv", "lie size 65535.avi", "lie head 1.y4m", "lie length.flv"),
        *("hls http.mp4", "hls-key http.mp4", "ffconcat path.mp4", "dash http.mp4", "sdp tcp.mp4"),
        *(
            "smooth http.mp4",
            "svg path.mp4",
            "avisynth path.mp4",
            "m3u8.m3u8",
            "reference video.mov",
        ),
        *("redirect.mov", "still%03d.jpg", "still001.jpg", "stored.zip.mp4", "video.tar.mp4"),
        *("bomb.gz.mp4", "picture png.mp4", "fifo.mp4", "socket.mp4", "link zero device.mp4"),
        *("link loop.mp4", "link fifo.mp4", "sparse.mp4", "zero bytes.mp4", "1x1.mkv", "16k.gif"),
        *("-rf", "$(touch x).mp4", "two\nlines.mp4", "\x1b]0;owned\x07\x1b[2J.mp4"),
        *("concat:a.mp4|b.mp4", "long tag.mp4", "attached.mkv", "subtitled.mp4"),
    }
)


@pytest.fixture(scope="module")
def hostile() -> ModuleType:
    """The script as a module."""
    return run_hostile


@LINUX
def test_a_run_survives_hostile_files(hostile: ModuleType, tmp_path: Path) -> None:
    """The run ends well; each file is exported, left out or refused with a reason, as it should.

    No connection is made, nothing outside the data set is read or changed, and nothing that is
    said steers a terminal.
    """
    judged = hostile.make_and_run(
        tmp_path, 1, CONFIG, lambda c: c.name.decode("utf-8", "replace") in CHOSEN
    )
    assert len(judged.made) == len(CHOSEN)
    assert judged.faults == ()
    shown = list(hostile.table(judged))
    assert shown[-1].startswith(f"| all | {len(CHOSEN)} |")


@LINUX
def test_the_watches_see(hostile: ModuleType, tmp_path: Path) -> None:
    """A file that is opened and a port that is called are noted: silence means something."""
    (tmp_path / "secret").write_bytes(b"x")
    with hostile.opened_below(tmp_path) as opened:
        (tmp_path / "secret").read_bytes()
    assert opened == ["secret"]
    with hostile.heard_on() as (port, calls):
        address = f"http://127.0.0.1:{port}/video.ts"
        with pytest.raises(av.FFmpegError):
            av.open(address)
    assert calls[0].startswith(b"GET /video.ts")


def test_a_reference_video_reaches_nothing(tmp_path: Path) -> None:
    """A MOV whose pictures lie in another video shows them only where that is asked for."""
    outside = render(tmp_path / "outside.mp4", [("testsrc2", 2.5)], size=(320, 240), rate="12")
    path = tmp_path / "video.mov"
    bad_references.reference_video(path, outside)
    follow = {"enable_drefs": "1", "use_absolute_path": "1", "protocol_whitelist": "file"}
    with av.open(str(path), options=follow) as container:
        assert any(packet.size for packet in container.demux(video=0))
    with pytest.raises(MediaError, match="no video data"):
        probe_video(path, "video")


@pytest.mark.parametrize(
    "name", ["concat", "hls", "dash", "sdp", "image2", "lavfi", "tty", "svg_pipe", "vobsub"]
)
def test_demuxers_that_follow_texts_are_refused(name: str) -> None:
    """What reads other files, addresses or scripts, or draws text, is on no list."""
    assert name in av.formats_available
    assert name not in OPTIONS["format_whitelist"].split(",")


def test_every_picture_format_is_named() -> None:
    """Pictures are opened, to be told from what is no media at all."""
    assert {"png_pipe", "jpeg_pipe", "webp_pipe"} <= set(STILLS)


def test_the_largest_picture() -> None:
    """16K UHD is read; twice as much is refused before it is decoded, with its size."""
    check_size(15360, 8640)
    check_size(MOST_PIXELS, 1)
    with pytest.raises(MediaError, match="pictures of 16384x16384: more than 134 million pixels"):
        check_size(16384, 16384)


@pytest.mark.parametrize("mark", [b"PK\x03\x04", b"\x1f\x8b\x08", b"BZh9", b"7z\xbc\xaf", b"Rar!"])
def test_archives_are_named(mark: bytes, video: Path, tmp_path: Path) -> None:
    """An archive is refused as one, though a demuxer would find the video that is packed in it."""
    path = tmp_path / "video.mp4"
    path.write_bytes(mark + bytes(64) + video.read_bytes())
    with pytest.raises(MediaError, match="archive, not a video: unpack it"):
        probe_video(path, "video")
