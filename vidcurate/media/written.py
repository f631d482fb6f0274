"""What a written clip file really holds, so that no promise goes out unchecked."""

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from vidcurate.media.container import AV_TIME, url


@dataclass(frozen=True, slots=True)
class Written:
    """What a written file holds: times of its pictures in seconds, those shown, and its size.

    `n_stored` counts all pictures, also those that an edit list hides.
    """

    shown_s: tuple[Fraction, ...]
    n_stored: int
    end_s: Fraction
    width: int
    height: int


def inspect(out: Path) -> Written:
    """What a written file holds, read without decoding."""
    shown: list[Fraction] = []
    end = Fraction(0)
    with av.open(url(out)) as container:
        # A file into which no picture was written has no video stream either.
        if not container.streams.video:
            return Written((), 0, end, 0, 0)
        stream = container.streams.video[0]
        base = stream.time_base or AV_TIME
        for packet in container.demux(stream):
            if packet.size and not packet.is_discard and packet.pts is not None:
                shown.append(packet.pts * base)
                end = max(end, (packet.pts + (packet.duration or 0)) * base)
        size = stream.codec_context
        return Written(tuple(sorted(shown)), stream.frames, end, size.width, size.height)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
