"""Words for the quality of a picture: what the container says, and what a model sees.

After the hints of CAMP-VQA (arXiv 2511.07290), whose bounds for resolution and frame rate these
are. Bits are counted for each pixel and not for the file, since a small picture needs fewer.
"""

import math
from collections.abc import Mapping
from typing import Any

from vidcurate.captioning.templates.words import Bands, band_word
from vidcurate.records import Video

STANDARD, HIGH = 640 * 480, 1280 * 720  # pixels
RESOLUTION: Bands = (
    (STANDARD, "low resolution"),
    (HIGH, "standard definition"),
    (math.inf, "high definition"),
)
# H.264 at 1080p and 25 frames/s has 0.04 bits a pixel at 2 Mbit/s, where blocks show, and 0.15 at
# 8 Mbit/s, which is an ordinary camera's least.
BITS_A_PIXEL: Bands = (
    (0.04, "low bit rate"),
    (0.15, "medium bit rate"),
    (math.inf, "high bit rate"),
)
BIT_DEPTH: Bands = ((9, "8-bit colour"), (11, "10-bit colour"), (math.inf, "deep colour"))
# Film of 24 frames/s is 23.976 where it was made for television.
FRAME_RATE: Bands = (
    (23.9, "low frame rate"),
    (60.01, "standard frame rate"),
    (math.inf, "high frame rate"),
)
ATTRIBUTES = (
    *("blur", "defocus", "noise", "motion_blur", "flicker", "compression", "colour", "exposure"),
)
FAULT_OF = {"colour": "colour faults", "exposure": "exposure faults", "compression": "blocks"}


def container_hints(video: Video) -> tuple[str, ...]:
    """What the container says about the quality of a video; what it does not say is left out."""
    pixels = video.width * video.height
    rate = float(video.frame_rate)
    bits = video.bit_rate / (pixels * rate) if pixels and rate else 0.0
    measured = (
        (pixels, RESOLUTION),
        (bits, BITS_A_PIXEL),
        (video.bit_depth, BIT_DEPTH),
        (rate, FRAME_RATE),
    )
    return tuple(band_word(float(value), bands) for value, bands in measured if value > 0)


def perceived_words(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Short phrases for a row of `perception`, which captioners are told; none for an empty one."""
    graded = ((name, row.get(name)) for name in ATTRIBUTES)
    faults = (
        f"{level} {FAULT_OF.get(name, name.replace('_', ' '))}"
        for name, level in graded
        if level not in (None, "none")
    )
    seen = (*row.get("residual_words", ()), *row.get("fragment_words", ()))
    return tuple(dict.fromkeys((*row.get("hints", ()), *faults, *seen)))
