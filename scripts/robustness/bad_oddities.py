"""Files that are odd as a whole: names, archives, pictures, devices, sizes, streams and tags."""

import bz2
import gzip
import io
import lzma
import os
import socket
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from scripts.robustness.bad_damage import ANY, REFUSED, VIDEO, Case, case
from scripts.robustness.bad_references import box
from scripts.robustness.bad_videos import ffmpeg, make

NAMES = (
    *(
        'it\'s a "video".mp4',
        "two\nlines.mp4",
        "-rf",
        "--config=evil.yaml",
        "-i.mp4",
        "$(touch x).mp4",
    ),
    *("`touch x`;touch y&.mp4", "|touch z.mp4", "%s%n%x.mp4", "..\\..\\up.mp4", "...mp4"),
    *("..%2f..%2fup.mp4", "~root.mp4", "[red]markup[bold].mp4", "=cmd|' x'!A0.mp4"),
    *("\x1b]0;owned\x07\x1b[2J.mp4", "\u202e4pm.video.mp4", "日本 é.mp4", " .mp4", "CON.mp4"),
    *(
        "concat:a.mp4|b.mp4",
        "http:127.0.0.1.mp4",
        "pipe:0.mp4",
        "data:,x.mp4",
        "subfile,,start,0.mp4",
    ),
    *("video%03d.mp4", "*?[a].mp4", "a" * 251 + ".mp4", "é" * 125 + "x.mp4"),
)
PICTURES = ("png", "jpg", "bmp", "tiff", "webp", "gif", "avif", "tga")
HUGE, LONG = 16384, 1 << 23  # ffmpeg itself refuses to make 16384x16384, by little
N_STREAMS, N_TAGS = 1000, 4000
SPARSE_BYTES, BOMB_BYTES = 4 << 30, 32 << 20


def named(videos: Mapping[str, bytes]) -> Iterator[Case]:
    """Sound videos of odd names, no two of one content."""
    for number, name in enumerate(NAMES):
        data = videos["h264.mp4"] + box(b"free", number.to_bytes(8, "big"))
        yield case(name, "name", VIDEO, data)
    yield case("x.mp4", "name", VIDEO, videos["h264.mp4"])
    yield Case(b"caf\xe9.mp4", "name", REFUSED, partial(write, videos["h264.mp4"] + bytes(8)))


def write(data: bytes, path: Path) -> None:
    """A file of these bytes, whatever its name."""
    Path(os.fsdecode(bytes(path))).write_bytes(data)


def archives(videos: Mapping[str, bytes]) -> Iterator[Case]:
    """Archives, packed tight or not, and some that unpack to far more than they are."""
    video, bomb = videos["mpeg2.ts"], bytes(BOMB_BYTES)
    for name, method in (("stored", zipfile.ZIP_STORED), ("packed", zipfile.ZIP_DEFLATED)):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", method) as archive:
            archive.writestr(zipfile.ZipInfo("../../video.ts"), video)
        yield case(f"{name}.zip.mp4", "archive", REFUSED, packed.getvalue())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("../../video.ts")
        entry.size = len(video)
        tar.addfile(entry, io.BytesIO(video))
    yield case("video.tar.mp4", "archive", REFUSED, packed.getvalue())
    yield case("bomb.gz.mp4", "archive", REFUSED, gzip.compress(bomb, mtime=0))
    yield case("bomb.bz2.mp4", "archive", REFUSED, bz2.compress(bomb))
    yield case("bomb.xz.mp4", "archive", REFUSED, lzma.compress(bomb, preset=0))
    yield case("video.7z.mp4", "archive", REFUSED, b"7z\xbc\xaf\x27\x1c" + video)
    yield case("video.rar.mp4", "archive", REFUSED, b"Rar!\x1a\x07\x01\x00" + video)


def pictures() -> Iterator[Case]:
    """Single pictures under a video's name."""
    for kind in PICTURES:
        codec = {"tga": "targa", "jpg": "mjpeg", "avif": "libaom-av1"}.get(kind, kind)
        codec = "libwebp" if kind == "webp" else codec
        options = ("-frames:v", "1", "-an", "-c:v", codec)
        pixels = ("-pix_fmt", "yuvj420p" if kind == "jpg" else "yuv420p")
        if kind not in ("jpg", "webp", "avif"):
            pixels = (
                "-pix_fmt",
                "rgb8" if kind == "gif" else "bgr24" if kind != "png" else "rgb24",
            )
        form = {"tga": "image2", "jpg": "image2", "png": "image2", "bmp": "image2"}.get(kind, kind)
        form = "image2" if kind in ("tiff", "webp") else form
        yield Case(
            f"picture {kind}.mp4".encode(),
            "picture",
            REFUSED,
            lambda at, o=(*options, *pixels, "-f", form): make(at, o),  # type: ignore[misc]
        )


def special(folder: Path) -> Iterator[Case]:
    """What a folder may hold that is no plain file, and files of nothing."""
    links = {
        "zero device": "/dev/zero",
        "random device": "/dev/urandom",
        "terminal": "/dev/tty",
        "stdin": "/dev/stdin",
        "loop": "link loop.mp4",
        "nowhere": "nowhere/at all.mp4",
        "fifo": "fifo.mp4",
        "folder": str(folder),
    }
    for name, target in links.items():
        file = f"link {name}.mp4".encode()
        yield Case(file, "special", REFUSED, partial(link, target))
    yield Case(b"fifo.mp4", "special", REFUSED, os.mkfifo)
    yield Case(b"socket.mp4", "special", REFUSED, make_socket)
    yield Case(b"sparse.mp4", "special", REFUSED, make_sparse)
    yield case("zero bytes.mp4", "special", REFUSED, b"")
    yield case("one byte.mp4", "special", REFUSED, b"x")


def link(target: str, path: Path) -> None:
    """A symbolic link."""
    path.symlink_to(target)


def make_socket(path: Path) -> None:
    """A socket's file; its name is given from its folder, since such names must be short."""
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


def make_sparse(path: Path) -> None:
    """Four GiB of zeros that take no room."""
    with path.open("wb") as file:
        file.truncate(SPARSE_BYTES)


CODING = {"ffv1": ("-level", "1")}  # later levels cut the picture into more slices than fit


def sizes() -> Iterator[Case]:
    """Pictures of extreme sizes in videos that are otherwise sound."""
    shapes = {
        "1x1": (1, 1),
        "2x2": (2, 2),
        "wide": (HUGE, 2),
        "tall": (2, HUGE),
        "16k": (HUGE, 16000),
    }
    for name, (width, height) in shapes.items():
        for codec, ending in (("ffv1", "mkv"), ("gif", "gif"), ("mjpeg", "mov")):
            length_s = 1 if name == "16k" else 4
            colour = f"color=red:size={width}x{height}:rate=2:duration={length_s}"
            pixels = "rgb8" if codec == "gif" else "yuvj420p" if codec == "mjpeg" else "yuv420p"
            options = ("-c:v", codec, "-pix_fmt", pixels, "-an", *CODING.get(codec, ()))
            yield Case(
                f"{name}.{ending}".encode(),
                "size",
                REFUSED if name == "16k" else ANY,
                lambda at, o=options, c=colour: make(at, o, c),  # type: ignore[misc]
            )


def crowded(videos: Mapping[str, bytes]) -> Iterator[Case]:
    """A thousand streams, long and many tags, chapters, subtitles and attached files."""
    yield Case(b"streams.mkv", "streams", VIDEO, lambda at: multiplied(at, videos))
    yield Case(b"streams.mov", "streams", VIDEO, lambda at: multiplied(at, videos))
    yield Case(b"tags.mkv", "tags", VIDEO, lambda at: tagged(at, videos))
    yield Case(b"tags.mp4", "tags", VIDEO, lambda at: tagged(at, videos))
    yield case("long tag.mp4", "tags", VIDEO, with_long_title(videos["h264.mp4"]))
    yield Case(b"attached.mkv", "tracks", VIDEO, lambda at: attached(at, videos))
    yield Case(b"subtitled.mkv", "tracks", VIDEO, lambda at: subtitled(at, videos, "srt"))
    yield Case(b"subtitled.mp4", "tracks", VIDEO, lambda at: subtitled(at, videos, "mov_text"))
    yield case("subtitles.mp4", "tracks", REFUSED, SUBTITLES.encode())


def beside(path: Path, data: bytes | str, ending: str) -> Path:
    """A file that is needed to make another and goes afterwards; it lies outside the folder."""
    file = path.parent.parent / f"material{ending}"
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return file


def multiplied(path: Path, videos: Mapping[str, bytes]) -> None:
    """A video whose sound is there 999 times."""
    video = beside(path, videos["h264.mp4"], ".mp4")
    streams = ("-map", "0:v", *("-map", "0:a") * (N_STREAMS - 1), "-t", "2.2")
    ffmpeg("-i", f"file:{video}", *streams, "-fflags", "+bitexact", "-c", "copy", f"file:{path}")


def tagged(path: Path, videos: Mapping[str, bytes]) -> None:
    """A video with many tags that would steer a terminal, and as many chapters."""
    lines = [";FFMETADATA1", "title=\x1b[2J[red]=cmd|' /C x'!A0"]
    lines += [f"tag{n}=value" for n in range(N_TAGS)]
    for n in range(N_TAGS // 10):
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={n}", f"END={n + 1}", "title=\x1b[31m"]
    tags = beside(path, "\n".join(lines), ".txt")
    video = beside(path, videos["h264.mp4"], ".mp4")
    exact = ("-fflags", "+bitexact", "-movflags", "use_metadata_tags")
    ffmpeg(
        "-i",
        f"file:{video}",
        "-i",
        f"file:{tags}",
        "-map_metadata",
        "1",
        *exact,
        "-c",
        "copy",
        f"file:{path}",
    )


def with_long_title(video: bytes) -> bytes:
    """An MP4 with a second index box that holds nothing but a title of 8 MiB."""
    text = (LONG).to_bytes(4, "big") + bytes(4) + b"A" * LONG
    return video + box(b"udta", box(b"\xa9nam", text))


SUBTITLES = "1\n00:00:00,000 --> 00:00:02,000\n\x1b[2J<font face='../../x'>{\\an8}text</font>\n\n"


def subtitled(path: Path, videos: Mapping[str, bytes], codec: str) -> None:
    """A video with subtitles."""
    text, video = beside(path, SUBTITLES, ".srt"), beside(path, videos["h264.mp4"], ".mp4")
    exact = ("-fflags", "+bitexact", "-c", "copy", "-c:s", codec)
    ffmpeg("-i", f"file:{video}", "-i", f"file:{text}", *exact, f"file:{path}")


def attached(path: Path, videos: Mapping[str, bytes]) -> None:
    """A video with attached files whose names lead elsewhere."""
    file, video = beside(path, "#!/bin/sh\n", ".ttf"), beside(path, videos["h264.mp4"], ".mp4")
    names = ("-metadata:s:t", "filename=../../../outside/attached.ttf")
    kind = ("-metadata:s:t", "mimetype=font/ttf")
    exact = ("-fflags", "+bitexact", "-c", "copy")
    ffmpeg("-i", f"file:{video}", "-attach", str(file), *names, *kind, *exact, f"file:{path}")
