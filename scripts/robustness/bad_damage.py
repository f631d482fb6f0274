"""Videos damaged in their bytes: cut short, with flipped bits, and with headers that lie."""

import random
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

REFUSED, VIDEO, ANY = "refused", "video", "any"
ONES = 0xFFFFFFFF
NESTED = 20_000


@dataclass(frozen=True)
class Case:
    """A bad file: its name, what is bad about it, what must become of it, and how it is made.

    `expected` is `refused` (a failed row with a reason), `video` (it ends in the export) or `any`
    (one of both, or a filter's reason).
    """

    name: bytes
    kind: str
    expected: str
    write: Callable[[Path], object]


def case(name: str, kind: str, expected: str, data: bytes) -> Case:
    """A case that is nothing but bytes."""
    return Case(name.encode(), kind, expected, lambda path: path.write_bytes(data))


def damaged(videos: Mapping[str, bytes], seed: int) -> Iterator[Case]:
    """Every video cut short at three places and with flipped bits in four ways."""
    dice = random.Random(seed)  # noqa: S311 - the same seed gives the same files
    for name, data in videos.items():
        for share in (0.02, 0.5, 0.95):
            short = data[: int(len(data) * share)]
            yield case(f"cut at {share} {name}", "cut short", ANY, short)
        size = len(data)
        ways = {
            "head": [dice.randrange(min(size, 512)) for _ in range(4)],
            "tail": [size - 1 - dice.randrange(min(size, 4096)) for _ in range(40)],
            "few": [dice.randrange(size) for _ in range(20)],
            "many": [dice.randrange(size) for _ in range(size // 100)],
        }
        for way, places in ways.items():
            yield case(f"flipped {way} {name}", "flipped bits", ANY, flipped(data, places, dice))


def flipped(data: bytes, places: list[int], dice: random.Random) -> bytes:
    """Bytes with one bit turned at each place."""
    changed = bytearray(data)
    for place in places:
        changed[place] ^= 1 << dice.randrange(8)
    return bytes(changed)


def mutated(data: bytes, dice: random.Random) -> bytes:
    """Bytes after one to eight random changes: a bit, a number, a hole, a repeat or an end."""
    for _ in range(dice.randint(1, 8)):
        at, length = dice.randrange(max(1, len(data))), dice.choice((1, 2, 4, 8, 64, 4096))
        piece = data[at : at + length]
        change = dice.choice(("bit", "bytes", "limit", "hole", "repeat", "end"))
        if change == "bit":
            piece = flipped(piece, [0], dice) if piece else piece
        elif change == "bytes":
            piece = dice.randbytes(len(piece))
        elif change == "limit":
            piece = dice.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * len(piece)
        elif change == "hole":
            piece = b""
        elif change == "repeat":
            piece = piece * dice.randint(2, 50)
        elif dice.random() < 1 / 4:
            return data[:at]
        data = data[:at] + piece + data[at + length :]
    return data


def lying(videos: Mapping[str, bytes]) -> Iterator[Case]:
    """Videos whose headers state what is not so."""
    lies = chain(
        mp4_lies(videos["h264.mp4"]),
        matroska_lies(videos["h264.mkv"]),
        avi_lies(videos["mpeg4.avi"]),
        other_lies(videos),
    )
    return (case(f"lie {name}", "lying header", ANY, data) for name, data in lies)


def mp4_lies(video: bytes) -> Iterator[tuple[str, bytes]]:
    """Boxes of an MP4 (ISO/IEC 14496-12) with wrong counts, times and sizes."""
    fields = {
        "mvhd timescale": (b"mvhd", 16, 0),
        "mvhd duration": (b"mvhd", 20, ONES - 1),
        "mdhd timescale 0": (b"mdhd", 16, 0),
        "mdhd timescale 1": (b"mdhd", 16, 1),
        "mdhd timescale max": (b"mdhd", 16, ONES),
        "mdhd duration": (b"mdhd", 20, ONES >> 1),
        "sample count max": (b"stsz", 12, ONES),
        "sample count 2^28": (b"stsz", 12, 1 << 28),
        "entry count": (b"stts", 8, ONES >> 1),
        "frame count": (b"stts", 12, ONES >> 1),
        "frame length 0": (b"stts", 16, 0),
        "frame length max": (b"stts", 16, ONES >> 1),
        "frame length negative": (b"stts", 16, ONES),
        "chunk place": (b"stco", 12, ONES),
        "display offset": (b"ctts", 16, ONES >> 1),
        "edit list": (b"elst", 16, ONES >> 1),
        "moov size": (b"moov", -4, ONES),
        "trak size": (b"trak", -4, 8),
        "mdat size": (b"mdat", -4, ONES),
        "width and height": (b"avc1", 28, ONES),
    }
    for name, (box, offset, value) in fields.items():
        yield f"{name}.mp4", put(video, video.index(box) + offset, ">I", value)
    constant = put(video, video.index(b"stsz") + 8, ">I", 1)
    yield "constant samples.mp4", put(constant, video.index(b"stsz") + 12, ">I", 1 << 30)
    head = video[: video.index(b"moov") - 4]
    boxes = [struct.pack(">I4s", 8 * (NESTED - n), b"moov") for n in range(NESTED)]
    yield "nested boxes.mp4", head + b"".join(boxes)


def matroska_lies(video: bytes) -> Iterator[tuple[str, bytes]]:
    """Elements of a Matroska file (RFC 9559) with wrong numbers."""
    length = video.index(b"\x44\x89\x88") + 3
    for name, value in {"nan": float("nan"), "inf": float("inf"), "huge": 1e300, "-": -1.0}.items():
        yield f"length {name}.mkv", put(video, length, ">d", value)
    scale = video.index(b"\x2a\xd7\xb1") + 4
    yield "tick 0.mkv", video[:scale] + b"\0\0\0" + video[scale + 3 :]
    yield "tick max.mkv", video[:scale] + b"\xff\xff\xff" + video[scale + 3 :]
    segment = video.index(b"\x18\x53\x80\x67") + 4
    yield "segment.mkv", video[:segment] + b"\x01" + b"\xfe" * 7 + video[segment + 8 :]


def avi_lies(video: bytes) -> Iterator[tuple[str, bytes]]:
    """Fields of an AVI's headers that are wrong."""
    header, format_ = video.index(b"strh") + 8, video.index(b"strf") + 8
    yield "rate 0.avi", put(video, header + 24, "<I", 0)
    yield "scale 0.avi", put(video, header + 20, "<I", 0)
    yield "rate max.avi", put(video, header + 24, "<I", ONES)
    yield "length.avi", put(video, header + 32, "<I", ONES >> 1)
    yield "size 65535.avi", put(put(video, format_ + 4, "<i", 65535), format_ + 8, "<i", 65535)
    yield "size negative.avi", put(video, format_ + 8, "<i", -(1 << 31))
    yield "riff size.avi", put(video, 4, "<I", ONES - 1)


def other_lies(videos: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Headers of other containers that are wrong."""
    body = videos["raw.y4m"].partition(b"\n")[2]
    sizes = ("W99999 H99999 F12:1", "W320 H240 F0:0", "W-1 H-1 F12:1", "W320 H240 F1:4294967295")
    for number, size in enumerate(sizes):
        yield f"head {number}.y4m", f"YUV4MPEG2 {size} C420jpeg\n".encode() + body
    yield "size 65535.gif", put(videos["gif.gif"], 6, "<I", ONES)
    flv = videos["flv1.flv"]
    yield "length.flv", put(flv, flv.index(b"duration") + 9, ">d", 1e300)
    yield "tag size.flv", flv[:14] + b"\xff\xff\xff" + flv[17:]


def put(data: bytes, at: int, form: str, value: float) -> bytes:
    """Bytes with one number written over what was there."""
    number = struct.pack(form, value)
    return data[:at] + number + data[at + len(number) :]
