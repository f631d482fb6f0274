"""How large clip files will be: by clips that are exported already, else by a measured table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

# Bits per pixel by quality, at 832x480 and 16 frames a second, preset medium: 13 clips of web
# videos together (`python -m scripts.benchmarks.clip_bytes`).
BITS_PER_PIXEL: Mapping[str, Sequence[tuple[int, float]]] = {
    "x264": ((12, 0.614), (18, 0.276), (23, 0.141), (28, 0.0733), (35, 0.0325)),
    "x265": ((14, 0.412), (20, 0.187), (25, 0.0965), (30, 0.0504)),
    "svt-av1": ((18, 0.223), (26, 0.140), (35, 0.0781), (45, 0.0420), (55, 0.0225)),
}
# Bits per pixel fall as pixels per second rise, to this power of them: in exports of Big Buck Bunny
# and of web clips at 16 and 24 frames a second, up to 1280x704, the power was 0.43 and 0.32. With
# it, five exports took 0.68 to 0.95 of what was foretold.
REFERENCE_RATE, SLOPE = 832 * 480 * 16, 0.4
# How many times larger files are than those of preset medium.
PRESET_FACTORS: Mapping[str, Mapping[str, float]] = {
    "x264": {
        "ultrafast": 2.09,
        "veryfast": 0.96,
        "fast": 1.03,
        "medium": 1.0,
        "slow": 0.99,
    },
}
# Fewer exported clips than these say too little of the others.
MIN_EXPORTED = 5


@dataclass(frozen=True, slots=True)
class SizeEstimate:
    """An estimate of bytes: `how` says by what; None where nothing was measured.

    By clips that are exported already, sound is among `video_bytes`.
    """

    video_bytes: int | None
    audio_bytes: int
    bits_per_pixel: float | None
    how: str


@dataclass(frozen=True, slots=True)
class EncodingChoice:
    """How files are encoded, as far as it decides how large they are."""

    encoder: str
    crf: int
    preset: str
    audio_kbit: int = 0


def exported_bits_per_pixel(exports: pa.Table) -> float | None:
    """Return the bits per pixel of encoded clips that are exported already; None for too few."""
    made = exports.filter(pc.equal(exports["media"], "encode"))
    if made.num_rows < MIN_EXPORTED:
        return None
    pixels = [np.asarray(made[name].combine_chunks()) for name in ("width", "height", "n_frames")]
    return float(pc.sum(made["size_bytes"]).as_py() * 8 / np.prod(pixels, axis=0).sum())


def estimate_size(
    pixels: int, audio_s: float, choice: EncodingChoice, exported: float | None = None
) -> SizeEstimate:
    """Estimate the size of files of so many pixels, and of so many seconds of sound.

    `exported` are the bits per pixel of clips that were encoded in the same way. Without them,
    pixels are weighted as `pixel_weights` says.
    """
    if exported is not None:
        how = "by the clips of this data set that are exported already"
        return SizeEstimate(int(pixels * exported / 8), 0, round(exported, 5), how)
    audio_bytes = int(audio_s * choice.audio_kbit * 1000 / 8)
    bits = table_bits_per_pixel(choice)
    if bits is None:
        how = f"no figure was measured for {choice.encoder}"
        return SizeEstimate(None, audio_bytes, None, how)
    preset = choice.preset if choice.preset in PRESET_FACTORS.get(choice.encoder, ()) else "medium"
    how = (
        f"by a table measured on other videos, for {choice.encoder}, crf {choice.crf}, "
        f"preset {preset}"
    )
    return SizeEstimate(int(pixels * bits / 8), audio_bytes, round(bits, 5), how)


def pixel_weights(pixels_per_second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many bits a pixel takes at some rates of pixels against the table's; 0 for 0."""
    rates = np.maximum(pixels_per_second, 1) / REFERENCE_RATE
    return np.asarray(np.where(pixels_per_second > 0, rates**-SLOPE, 0.0))


def table_bits_per_pixel(choice: EncodingChoice) -> float | None:
    """Return the bits per pixel of the table, between two qualities as their logarithms lie.

    Where no other preset was measured, those of medium.
    """
    known = BITS_PER_PIXEL.get(choice.encoder)
    if known is None:
        return None
    qualities, bits = zip(*known, strict=True)
    logarithm = np.interp(choice.crf, qualities, np.log(bits))
    factor = PRESET_FACTORS.get(choice.encoder, {}).get(choice.preset, 1.0)
    return float(np.exp(logarithm) * factor)
