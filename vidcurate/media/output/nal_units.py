"""The units of H.264 and HEVC streams: taking them apart, and telling two encoders' sets apart.

A unit is a network abstraction layer unit (ITU-T H.264 and H.265, 7.3.1) without a start code.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

START = b"\x00\x00\x00\x01"
START_CODE = re.compile(rb"\x00{2,}\x01")
# Before a byte of 0 to 3 after two zeros stands a 3, so that no start code lies in a unit.
TO_ESCAPE = re.compile(rb"\x00\x00(?=[\x00-\x03])")
# The id 15 takes nine bits where 0 takes one: what follows is moved by a whole byte.
ZERO, FIFTEEN = "1", "000010000"


@dataclass(frozen=True, slots=True)
class Syntax:
    """What units of a codec are by their type.

    `sets` are parameter sets in the order in which they depend on each other, `clean` the pictures
    that nothing before them is needed for, also not for those after them; `messages` and
    `delimiters` change no picture. The bytes of a record in MP4 at `lengths` say how long the
    lengths of units are.
    """

    sets: tuple[int, ...]
    clean: frozenset[int]
    messages: frozenset[int]
    delimiters: frozenset[int]
    lengths: int


H264 = Syntax((7, 8), frozenset({5}), frozenset({6}), frozenset({9, 12}), 4)
# Types 16 to 21 are IRAP pictures: BLA, IDR and CRA.
HEVC = Syntax((32, 33, 34), frozenset(range(16, 22)), frozenset({39, 40}), frozenset({35, 38}), 21)
SYNTAXES = {"h264": H264, "hevc": HEVC}
CRA, BLA_WITHOUT_LEADING = 21, 18


def unit_type(codec: str, unit: bytes) -> int:
    """Return the type of a unit."""
    return unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F


def split_units(data: bytes, length_bytes: int) -> Iterator[bytes]:
    """Yield the units of a packet; with 0 `length_bytes` they lie between start codes.

    Raises ValueError where their lengths do not fit.
    """
    if not length_bytes:
        yield from (unit for unit in (u.rstrip(b"\0") for u in START_CODE.split(data)) if unit)
        return
    place = 0
    while place < len(data):
        begin = place + length_bytes
        place = begin + int.from_bytes(data[place:begin], "big")
        if place > len(data):
            raise ValueError("a unit is longer than its packet")
        if place > begin:
            yield data[begin:place]


def join_units(units: Iterable[bytes]) -> bytes:
    """Join units by start codes."""
    return b"".join(START + unit for unit in units)


def length_bytes(codec: str, extradata: bytes) -> int:
    """Return how many bytes a unit's length has in a stream with this record; 0 by start codes."""
    syntax = SYNTAXES[codec]
    is_record = len(extradata) > syntax.lengths and extradata[0] == 1
    return (extradata[syntax.lengths] & 3) + 1 if is_record else 0


def record_sets(codec: str, extradata: bytes) -> list[bytes]:
    """List the parameter sets that a stream's record holds (ISO/IEC 14496-15), or its start codes.

    Raises ValueError or IndexError for a damaged record.
    """
    if not length_bytes(codec, extradata):
        return [u for u in split_units(extradata, 0) if unit_type(codec, u) in SYNTAXES[codec].sets]
    found: list[bytes] = []
    if codec == "h264":
        place = 5
        for mask in (0x1F, 0xFF):
            n_units, place = extradata[place] & mask, place + 1
            place = take_units(extradata, place, n_units, found)
        return found
    place = 23
    for _ in range(extradata[22]):
        n_units = int.from_bytes(extradata[place + 1 : place + 3], "big")
        place = take_units(extradata, place + 3, n_units, found)
    return [unit for unit in found if unit_type(codec, unit) in HEVC.sets]


def take_units(data: bytes, place: int, n_units: int, found: list[bytes]) -> int:
    """Add units with lengths of two bytes to those found, and return the place after them."""
    for _ in range(n_units):
        end = place + 2 + int.from_bytes(data[place : place + 2], "big")
        if end > len(data):
            raise ValueError("a parameter set is longer than its record")
        found.append(data[place + 2 : end])
        place = end
    return place


def set_id(codec: str, unit: bytes) -> tuple[int, int]:
    """Return the type and the number of a parameter set."""
    kind = unit_type(codec, unit)
    bits = bits_of(unit)
    if codec == "h264":
        return kind, exp_golomb(bits, 8 + 24 if kind == H264.sets[0] else 8)
    if kind == HEVC.sets[0]:
        return kind, int(bits[16:20], 2)
    return kind, exp_golomb(bits, 16 + 8 + profile_bits(bits) if kind == HEVC.sets[1] else 16)


def profile_bits(bits: str) -> int:
    """Return how many bits of an HEVC sequence parameter set say its profile and level (7.3.3)."""
    n_layers = int(bits[20:23], 2)
    if not n_layers:
        return 96
    present = bits[24 + 96 : 24 + 96 + 2 * n_layers]
    return 96 + 16 + sum(88 if n % 2 == 0 else 8 for n, bit in enumerate(present) if bit == "1")


def exp_golomb(bits: str, place: int) -> int:
    """Read an unsigned number that has as many zeros before it as it has bits after its first."""
    n_zeros = bits.index("1", place) - place
    return int(bits[place + n_zeros : place + 2 * n_zeros + 1], 2) - 1


def bits_of(unit: bytes) -> str:
    """Return the bits of a short unit, without those that keep start codes out."""
    payload = unescaped(unit)
    return f"{int.from_bytes(payload, 'big'):0{8 * len(payload)}b}"


def unescaped(unit: bytes) -> bytes:
    """Remove the bytes that keep start codes out of a unit."""
    return unit.replace(b"\x00\x00\x03", b"\x00\x00")


def escaped(payload: bytes) -> bytes:
    """Put in the bytes that keep start codes out of a unit."""
    return TO_ESCAPE.sub(b"\x00\x00\x03", payload)


def renumber_hevc(unit: bytes) -> bytes:
    """Give parameter sets of HEVC the number 15 where they have 0, and a picture their new number.

    That keeps two encoders' sets apart in one file. The units are those of an encoder that numbers
    its sets 0 and has one temporal layer. Raises ValueError for others.
    """
    kind, payload = unit_type("hevc", unit), unescaped(unit)
    if kind == HEVC.sets[0]:
        return escaped(payload[:2] + bytes([0xF0 | payload[2] & 0x0F]) + payload[3:])
    if kind == HEVC.sets[1]:
        payload = payload[:2] + bytes([0xF0 | payload[2] & 0x0F]) + payload[3:]
        return escaped(with_fifteen(payload, 16 + 8 + 96))
    if kind == HEVC.sets[2]:
        return escaped(with_fifteen(with_fifteen(payload, 16), 16 + len(FIFTEEN)))
    if kind < HEVC.sets[0]:
        # Before it stand whether it is its picture's first, and in IRAP pictures one more bit.
        return escaped(with_fifteen(payload, 16 + (2 if kind in range(16, 24) else 1)))
    return unit


def with_fifteen(payload: bytes, place: int) -> bytes:
    """Replace the number 0 at a bit by 15; all bytes after it are moved by one.

    Raises ValueError where another number is there.
    """
    number, offset = divmod(place, 8)
    bits = f"{payload[number]:08b}"
    if bits[offset] != ZERO:
        raise ValueError("the number of a parameter set is not 0")
    changed = bits[:offset] + FIFTEEN + bits[offset + 1 :]
    return payload[:number] + int(changed, 2).to_bytes(2, "big") + payload[number + 1 :]


def as_first(unit: bytes) -> bytes:
    """Make an open HEVC group's first picture one that nothing is shown before: CRA to BLA."""
    if unit_type("hevc", unit) != CRA:
        return unit
    return bytes([unit[0] & 0x81 | BLA_WITHOUT_LEADING << 1]) + unit[1:]
