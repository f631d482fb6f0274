"""A file that is no video is refused in plain words, and reaches nothing but itself."""

import os
from pathlib import Path

import av
import pytest

from tests.support.videos import ffmpeg, render, render_counted
from vidcurate.errors import MediaError
from vidcurate.media.io.container import codec_description, must_be_read_through, open_video
from vidcurate.media.io.probe import probe_video

X264 = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "24")
COLOUR = "color=red:size=64x48:duration=1"


@pytest.fixture(scope="session")
def index_first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds with the index before the data, so that it can be cut short anywhere."""
    path = tmp_path_factory.mktemp("index") / "video.mp4"
    return render_counted(path, 96, encode=(*X264, "-movflags", "+faststart"))


def reason(path: Path) -> str:
    """Why a file is refused."""
    with pytest.raises(MediaError) as caught:
        probe_video(path, "video")
    return str(caught.value)


def test_empty_file(tmp_path: Path) -> None:
    """A file of zero bytes says so."""
    (tmp_path / "video.mp4").touch()
    assert reason(tmp_path / "video.mp4") == "an empty file (0 bytes)"


@pytest.mark.parametrize("name", ["video.mp4", "video.mkv", "video.txt"])
def test_renamed_text(name: str, tmp_path: Path) -> None:
    """Text is no video, whatever its name ends in."""
    (tmp_path / name).write_text("Some words about videos.\n" * 100)
    assert reason(tmp_path / name) == "not a media file, or its header is damaged"


def test_file_gone(tmp_path: Path) -> None:
    """A file that is not there any more says so."""
    assert reason(tmp_path / "video.mp4") == "the file is gone"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(video: Path, tmp_path: Path) -> None:
    """A file that may not be read says so."""
    path = tmp_path / "video.mp4"
    path.write_bytes(video.read_bytes())
    path.chmod(0)
    assert reason(path) == "no permission to read the file"


def test_folder(tmp_path: Path) -> None:
    """A folder with a video's name is named as one."""
    assert reason(tmp_path) == "a folder, not a video"


@pytest.mark.parametrize("suffix", ["mp3", "m4a", "mkv"])
def test_audio_only(suffix: str, tmp_path: Path) -> None:
    """Sound without pictures is refused, and a cover picture is no video."""
    cover, path = tmp_path / "cover.jpg", tmp_path / f"song.{suffix}"
    sound = ("-f", "lavfi", "-i", "sine=duration=1")
    ffmpeg("-f", "lavfi", "-i", COLOUR, "-frames:v", "1", str(cover))
    art: tuple[str, ...] = ()
    if suffix != "mkv":
        art = ("-i", str(cover), "-map", "0", "-map", "1", "-disposition:v", "attached_pic")
    ffmpeg(*sound, *art, "-c:v", "mjpeg", str(path))
    assert reason(path) == "no video stream: audio only"


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "webp", "bmp", "avif", "tiff"])
def test_still_images(suffix: str, tmp_path: Path) -> None:
    """A picture is no video, even in a container that could hold one."""
    path = tmp_path / f"picture.{suffix}"
    av1 = ("-c:v", "libaom-av1", "-cpu-used", "8") if suffix == "avif" else ()
    ffmpeg("-f", "lavfi", "-i", COLOUR, "-frames:v", "1", *av1, str(path))
    assert reason(path) == "a still image, not a video"


def test_index_missing(tmp_path: Path, video: Path) -> None:
    """An MP4 whose index comes last and was cut off is told from other damage."""
    (tmp_path / "video.mp4").write_bytes(video.read_bytes()[:-8000])
    missing = "the index (moov) is missing: the file was cut short or never finished"
    assert reason(tmp_path / "video.mp4") == missing


def test_index_cut_short(tmp_path: Path, index_first: Path) -> None:
    """An MP4 that ends inside its index is told as such."""
    (tmp_path / "video.mp4").write_bytes(index_first.read_bytes()[:1000])
    assert reason(tmp_path / "video.mp4") == "the index (moov) is cut short"


def test_header_only(tmp_path: Path, index_first: Path) -> None:
    """An MP4 that ends with its index has no pictures."""
    data = index_first.read_bytes()
    (tmp_path / "video.mp4").write_bytes(data[: data.index(b"mdat") + 4])
    assert reason(tmp_path / "video.mp4") == "no video data: the file holds only its header"


def test_no_decoder(tmp_path: Path, video: Path) -> None:
    """A codec that is not known is named."""
    (tmp_path / "video.mp4").write_bytes(video.read_bytes().replace(b"avc1", b"zzzz"))
    assert reason(tmp_path / "video.mp4").startswith("no decoder for codec none (zzzz")


def test_raw_streams_are_refused(tmp_path: Path) -> None:
    """A raw stream has no timestamps, and time is never guessed from frame numbers."""
    ffmpeg("-f", "lavfi", "-i", COLOUR, *X264, str(tmp_path / "video.h264"))
    assert reason(tmp_path / "video.h264").startswith("no timestamps: a raw stream")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("#EXTM3U\n#EXTINF:1,\n{0}\n#EXT-X-ENDLIST\n", "an HLS playlist, not a video"),
        ("\ufeff#EXTM3U\n{0}\n", "an HLS playlist, not a video"),
        ("ffconcat version 1.0\nfile '{0}'\n", "a concat script, not a video"),
        (
            '<?xml version="1.0"?>\n<MPD><BaseURL>{0}</BaseURL></MPD>',
            "a DASH manifest, not a video",
        ),
    ],
)
@pytest.mark.parametrize("name", ["list.m3u8", "list.mpd", "video.mp4"])
def test_playlists_are_refused(text: str, why: str, name: str, video: Path, tmp_path: Path) -> None:
    """A file that names other files is refused even where these are there."""
    (tmp_path / name).write_text(text.format(video))
    assert reason(tmp_path / name) == why


def test_codec_words_of_a_known_stream(video: Path) -> None:
    """Libav's description of a stream is read by its index."""
    with av.open(str(video)) as container:
        assert codec_description(container, container.streams.video[0]).startswith("h264")


@pytest.mark.parametrize(("pixels", "is_read_through"), [("yuv420p", False), ("yuv444p", True)])
def test_full_colour_is_read_from_the_start(
    pixels: str, is_read_through: bool, tmp_path: Path
) -> None:
    """A decoder knows how early x264 wrote 4:4:4 only if it has seen the video's first packet."""
    video = render(
        tmp_path / "full.mp4",
        [("testsrc2", 0.5)],
        audio=False,
        encode=("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", pixels),
    )
    with open_video(video) as (container, stream):
        assert must_be_read_through(container, stream) == is_read_through
