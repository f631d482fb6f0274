"""What a clip file holds, read without decoding, to check it against what was asked for."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median_low

import av

from vidcurate.media.io.container import AV_TIME, url


@dataclass(frozen=True, slots=True)
class ClipFile:
    """The contents of a clip file: times of its frames in seconds, its size, and its sound.

    `n_stored` counts all pictures, also those that an edit list hides.
    `sound_s` is the length of its sound, of which a packet lasts `packet_s`; None without sound.
    """

    frame_times_s: tuple[Fraction, ...]
    n_stored: int
    end_s: Fraction
    width: int
    height: int
    sound_s: Fraction | None
    packet_s: Fraction


def inspect_clip_file(out: Path) -> ClipFile:
    """Read what a clip file holds, without decoding it."""
    # In ticks, since fractions are slow: a second of sound has fifty packets.
    pictures: list[int] = []
    sounds: list[int] = []
    end = 0
    sound_begin_s = Fraction(0)
    with av.open(url(out)) as container:
        # A file into which no picture was written has no video stream either.
        if not container.streams.video:
            return ClipFile((), 0, Fraction(0), 0, 0, None, Fraction(0))
        stream = container.streams.video[0]
        base = stream.time_base or AV_TIME
        sound_base = next((s.time_base or AV_TIME for s in container.streams.audio), AV_TIME)
        for packet in container.demux(stream, *container.streams.audio[:1]):
            if not packet.size or packet.is_discard or packet.pts is None:
                continue
            if packet.stream_index == stream.index:
                pictures.append(packet.pts)
                end = max(end, packet.pts + (packet.duration or 0))
            else:
                if not sounds:
                    sound_begin_s = packet.pts * sound_base
                sounds.append(packet.duration or 0)
        size = stream.codec_context
        return ClipFile(
            tuple(pts * base for pts in sorted(pictures)),
            stream.frames,
            end * base,
            size.width,
            size.height,
            *sound_length(sounds, sound_base, sound_begin_s),
        )


def sound_length(
    ticks: Sequence[int], base: Fraction, begin_s: Fraction
) -> tuple[Fraction | None, Fraction]:
    """Return the length of sound by the number of its packets, and that of a packet.

    `ticks` are the lengths of packets. By times alone, a gap between packets would count as sound.
    What is before 0 is not played.
    """
    if not ticks:
        return None, Fraction(0)
    packet_s = median_low(ticks) * base
    return len(ticks) * packet_s + min(begin_s, Fraction(0)), packet_s


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
