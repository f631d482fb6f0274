"""The sound of a clip as small WAV files, as models that hear take it."""

import wave
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from io import BytesIO
from itertools import pairwise
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidcurate.media.audio.mono import RATE_HZ, mono_between
from vidcurate.media.audio.reader import PREROLL_S, Samples
from vidcurate.media.audio.tracks import Track
from vidcurate.media.io.decode import Faults
from vidcurate.records import Clip

MAX_PIECE_S = 30.0
FULL_SCALE = 32_767
BYTES = 2  # of a sample


@dataclass(frozen=True, slots=True)
class SoundPiece:
    """A piece of a clip's sound in seconds of the video, as a WAV file: mono, 16 kHz, 16 bits."""

    start_s: float
    end_s: float
    wav: bytes = field(repr=False)


def sound_pieces(
    path: Path,
    track: Track | None,
    clip: Clip,
    offsets: Sequence[int] = (),
    faults: Faults | None = None,
    max_piece_s: float = MAX_PIECE_S,
) -> list[SoundPiece]:
    """The sound of a clip in equal pieces of at most `max_piece_s`, in order and without overlap.

    They begin where the clip's sound begins and end where it ends, which may be later and sooner
    than its picture does; gaps between are silence. A clip without sound gives none. Damaged sound
    is left out and counted in `faults`, if they are given. `offsets` are those of the video's scan,
    if its clock restarts. Raises MediaError where the video cannot be read.
    """
    if track is None:
        return []
    start_s, end_s = (pts * clip.time_base for pts in (clip.start_pts, clip.end_pts))
    start = ceil(start_s * RATE_HZ)
    first: int | None = None
    found: list[NDArray[np.int16]] = []
    due = start
    for piece in mono_between(path, track, start_s - PREROLL_S, end_s, offsets, faults):
        if piece.end <= start:
            continue
        low = max(piece.start, start)
        if first is None:
            first = due = low
        found.append(np.zeros(low - due, np.int16))
        found.append(in_16_bits(piece.samples[low - piece.start :]))
        due = piece.end
    if first is None:
        return []
    whole = np.concatenate(found)
    n_pieces = ceil(Fraction(len(whole), RATE_HZ) / Fraction(max_piece_s))
    bounds = [len(whole) * number // n_pieces for number in range(n_pieces + 1)]
    return [
        SoundPiece((first + low) / RATE_HZ, (first + high) / RATE_HZ, wav_file(whole[low:high]))
        for low, high in pairwise(bounds)
    ]


def in_16_bits(samples: Samples) -> NDArray[np.int16]:
    """Samples -1..1 as whole numbers; louder ones are cut."""
    return np.rint(np.clip(samples, -1.0, 1.0) * FULL_SCALE).astype(np.int16)


def wav_file(samples: NDArray[np.int16]) -> bytes:
    """A WAV file of one channel at 16 kHz."""
    file = BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(BYTES)
        wav.setframerate(RATE_HZ)
        wav.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()
