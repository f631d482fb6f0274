"""Whether a video's pictures or sound are encrypted, as its container says: no decoder tells that.

A decoder that is given ciphertext finds damage, and may make pictures of it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple
from uuid import UUID

from vidcurate.media.io.envelope import EBML, FIRST_BOXES, SEGMENT, ebml_length

# Sample entries of protected streams: ISO/IEC 14496-12, and Apple's FairPlay.
PROTECTED = frozenset({b"encv", b"enca", b"enct", b"encs", b"drmi", b"drms"})
TO_SAMPLE_ENTRIES = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
STSD_HEADER = 8
# Matroska (RFC 9559): Tracks, TrackEntry, ContentEncodings, ContentEncoding, ContentEncryption.
TRACKS = b"\x16\x54\xae\x6b"
CLUSTER = b"\x1f\x43\xb6\x75"
TO_ENCRYPTION = (TRACKS, b"\xae", b"\x6d\x80", b"\x62\x40", b"\x50\x35")
# Objects of an ASF header that announce encryption: plain, extended and advanced.
ASF = UUID("75b22630-668e-11cf-a6d9-00aa0062ce6c").bytes_le
ASF_ENCRYPTION = tuple(
    UUID(name).bytes_le
    for name in (
        "2211b3fb-bd23-11d2-b4b7-00a0c955fc6e",
        "298ae614-2622-4c17-b935-dae07ee9289c",
        "43058533-6981-49e6-9b74-ad12cb86d58c",
    )
)
ASF_HEADER_BYTES = 1 << 20
LOOK_BYTES = 4 << 20
TS_SIZES = (188, 192, 204)
TS_RUN = 8
PACK = b"\x00\x00\x01\xba"
# A video some of whose packets are marked by damage is not encrypted.
MOST = 0.5
LEAST_PACKETS = 4


class Part(NamedTuple):
    """A box or an element: its kind, where its content begins, where it ends."""

    kind: bytes
    start: int
    end: int


def is_encrypted(path: Path) -> bool:
    """Whether a video says that its streams, or most packets of them, are encrypted."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(TS_SIZES[-1] * TS_RUN)
        if head[4:8] in FIRST_BOXES:
            return has_protected_entry(file, 0, size, TO_SAMPLE_ENTRIES)
        if head[:4] == EBML:
            return is_encrypted_matroska(file, head, size)
        if head[:16] == ASF:
            file.seek(0)
            header = file.read(ASF_HEADER_BYTES)
            return any(mark in header for mark in ASF_ENCRYPTION)
        file.seek(0)
        data = file.read(LOOK_BYTES)
    marks = scrambled_ts(data) or scrambled_ps(data)
    return len(marks) >= LEAST_PACKETS and sum(marks) > MOST * len(marks)


def has_protected_entry(file: BinaryIO, start: int, end: int, way: tuple[bytes, ...]) -> bool:
    """Whether a sample entry of a protected stream lies at the end of a way of boxes."""
    if not way:
        return any(box.kind in PROTECTED for box in boxes(file, start + STSD_HEADER, end))
    inside = (box for box in boxes(file, start, end) if box.kind == way[0])
    return any(has_protected_entry(file, box.start, box.end, way[1:]) for box in inside)


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Part]:
    """The boxes that lie between two places of an MP4 or MOV file."""
    while start + 8 <= end:
        file.seek(start)
        header = file.read(16)
        length, body = int.from_bytes(header[:4], "big"), start + 8
        if length == 1:
            length, body = int.from_bytes(header[8:16], "big"), start + 16
        stop = start + length if length else end
        if stop < body or len(header) < 8:  # noqa: PLR2004 - length and kind
            return
        yield Part(header[4:8], body, min(stop, end))
        start = stop


def is_encrypted_matroska(file: BinaryIO, head: bytes, size: int) -> bool:
    """Whether a track of a Matroska or WebM file is encrypted."""
    length, start = ebml_length(head, 4)
    if length is None or head[start + length :][:4] != SEGMENT:
        return False
    segment = next(elements(file, start + length, size), None)
    return segment is not None and has_element(file, segment.start, segment.end, TO_ENCRYPTION)


def has_element(file: BinaryIO, start: int, end: int, way: tuple[bytes, ...]) -> bool:
    """Whether an element lies at the end of a way of elements, before the first pictures."""
    if not way:
        return True
    for element in elements(file, start, end):
        if element.kind == CLUSTER:
            return False
        if element.kind == way[0] and has_element(file, element.start, element.end, way[1:]):
            return True
    return False


def elements(file: BinaryIO, start: int, end: int) -> Iterator[Part]:
    """The EBML elements that lie between two places of a file."""
    while start < end:
        file.seek(start)
        header = file.read(16)
        if len(header) < 2 or header[0] == 0:  # noqa: PLR2004 - an id and a length
            return
        width = 9 - header[0].bit_length()
        length, body = ebml_length(header, width)
        stop = end if length is None else start + body + length
        yield Part(header[:width], start + body, min(stop, end))
        start = stop


def scrambled_ts(data: bytes) -> list[bool]:
    """For each packet with a payload of a transport stream, whether it is scrambled."""
    for size in TS_SIZES:
        first = size - TS_SIZES[0] if size == TS_SIZES[1] else 0
        if all(data[first + n * size :][:1] == b"G" for n in range(TS_RUN)):
            controls = data[first + 3 :: size]
            return [control >> 6 != 0 for control in controls if control & 0x10]
    return []


def scrambled_ps(data: bytes) -> list[bool]:
    """For each packet of pictures of an MPEG program stream, whether it is scrambled."""
    if not data.startswith(PACK):
        return []
    marks = []
    place = data.find(b"\x00\x00\x01")
    while 0 <= place < len(data) - 7:
        if 0xE0 <= data[place + 3] <= 0xEF and data[place + 6] >> 6 == 2:  # noqa: PLR2004
            marks.append(data[place + 6] & 0x30 != 0)
        place = data.find(b"\x00\x00\x01", place + 3)
    return marks
