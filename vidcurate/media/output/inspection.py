"""What a written clip file really holds, so that no promise goes out unchecked."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median_low
from typing import NamedTuple

import av

from vidcurate.media.io.container import AV_TIME, url


class Heard(NamedTuple):
    """When a packet of sound begins, and how long it lasts."""

    start_s: Fraction
    length_s: Fraction


@dataclass(frozen=True, slots=True)
class VidcurateFolder:
    """What a written file holds: times of its pictures in seconds, those shown, and its size.

    `n_stored` counts all pictures, also those that an edit list hides.
    `sound_s` is the length of its sound, of which a packet lasts `packet_s`; None without sound.
    """

    shown_s: tuple[Fraction, ...]
    n_stored: int
    end_s: Fraction
    width: int
    height: int
    sound_s: Fraction | None
    packet_s: Fraction


def inspect(out: Path) -> VidcurateFolder:
    """What a written file holds, read without decoding."""
    shown: list[Fraction] = []
    end = Fraction(0)
    heard: list[Heard] = []
    with av.open(url(out)) as container:
        # A file into which no picture was written has no video stream either.
        if not container.streams.video:
            return VidcurateFolder((), 0, end, 0, 0, None, Fraction(0))
        stream = container.streams.video[0]
        base = stream.time_base or AV_TIME
        for packet in container.demux(stream, *container.streams.audio):
            if not packet.size or packet.is_discard or packet.pts is None:
                continue
            if packet.stream_index == stream.index:
                shown.append(packet.pts * base)
                end = max(end, (packet.pts + (packet.duration or 0)) * base)
            else:
                times = (packet.pts * packet.time_base, (packet.duration or 0) * packet.time_base)
                heard.append(Heard(*times))
        size = stream.codec_context
        return VidcurateFolder(
            tuple(sorted(shown)),
            stream.frames,
            end,
            size.width,
            size.height,
            *sound_length(heard),
        )


def sound_length(heard: Sequence[Heard]) -> tuple[Fraction | None, Fraction]:
    """The length of sound by the number of its packets, and that of a packet.

    By times alone, a gap between packets would count as sound. What is before 0 is not played.
    """
    if not heard:
        return None, Fraction(0)
    packet_s = median_low(packet.length_s for packet in heard)
    return len(heard) * packet_s + min(heard[0].start_s, Fraction(0)), packet_s


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
