"""What the outermost bytes of a video promise, so that a file that was cut short is recognised.

MP4 and MOV are a row of boxes (ISO/IEC 14496-12), AVI is a RIFF chunk, Matroska and WebM are EBML
elements (RFC 8794): each states its own length, so that the promised end needs no media library.
"""

from pathlib import Path
from typing import BinaryIO

FIRST_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"})
EBML = b"\x1a\x45\xdf\xa3"
SEGMENT = b"\x18\x53\x80\x67"


def missing_index(path: Path) -> str | None:
    """What is wrong with the index of an MP4 or MOV file; None for other files."""
    with path.open("rb") as file:
        boxes = top_boxes(file)
    if not boxes or boxes[0][0] not in FIRST_BOXES:
        return None
    ends = [end for kind, end in boxes if kind == b"moov"]
    if not ends:
        return "the index (moov) is missing: the file was cut short or never finished"
    return "the index (moov) is cut short" if ends[0] > path.stat().st_size else None


def missing_bytes(path: Path) -> str | None:
    """That a file ends before its outermost structure does; None where nothing is known of it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        promised = promised_size(file)
    if promised is None or promised <= size:
        return None
    return f"the file is cut short: it has {size} of {promised} bytes"


def promised_size(file: BinaryIO) -> int | None:
    """The size in bytes that a file says it has, if it is one that says so."""
    head = file.read(64)
    if head[:4] == b"RIFF":
        length = int.from_bytes(head[4:8], "little")
        return length + 8 if 0 < length < (1 << 32) - 1 else None
    if head[:4] == EBML:
        return promised_segment(head)
    boxes = top_boxes(file)
    return max(end for _, end in boxes) if boxes and boxes[0][0] in FIRST_BOXES else None


def promised_segment(head: bytes) -> int | None:
    """Where the Segment of a Matroska file ends; None for a live stream, which does not say."""
    header_length, start = ebml_length(head, 4)
    if header_length is None:
        return None
    start += header_length
    if head[start : start + 4] != SEGMENT:
        return None
    length, body = ebml_length(head, start + 4)
    return None if length is None else body + length


def ebml_length(data: bytes, position: int) -> tuple[int | None, int]:
    """A variable-length size and the position after it; None means unknown."""
    if position >= len(data) or data[position] == 0:
        return None, position
    width = 9 - data[position].bit_length()
    raw = int.from_bytes(data[position : position + width], "big")
    value = raw & ((1 << 7 * width) - 1)
    unknown = value == (1 << 7 * width) - 1
    return None if unknown else value, position + width


def top_boxes(file: BinaryIO) -> list[tuple[bytes, int]]:
    """Kind and end position of each outermost box of an MP4 or MOV file, as far as they go."""
    boxes: list[tuple[bytes, int]] = []
    size = file.seek(0, 2)
    position = 0
    while position + 8 <= size:
        file.seek(position)
        header = file.read(16)
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        end = position + length if length else size
        if end < position + 8 or not kind.strip().isalnum():
            break
        boxes.append((kind, end))
        position = end
    return boxes
