"""How similar two clips are, and over which part: the shorter is aligned with the longer one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcurate.deduplication.content import ClipContent, unpacked
from vidcurate.deduplication.luma_sequence import (
    NEUTRAL_AGREEMENT,
    STEPS_PER_S,
    agreements,
    luma_agreement,
    resampled,
)

# A copy may be played faster or slower; parts are looked for at these speeds.
MAX_SPEED = 2.2
SPEEDS = (0.5, 2 / 3, 0.8, 1.0, 1.25, 1.5, 2.0)
# A part is looked for from this length on; what covers more of a clip is all of it.
MIN_PART_STEPS = STEPS_PER_S
WHOLE_SHARE = 0.85
# How far apart in time samples may lie that show the same, at most.
SAMPLE_GAP_S = 0.75
# How much each evidence counts.
VECTOR_WEIGHT, HASH_WEIGHT, SEQUENCE_WEIGHT = 0.45, 0.2, 0.35
# The agreement of a part of so many steps is half believed.
HALF_DISCOUNT_STEPS = 96
HASH_BITS = 64

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClipSimilarity:
    """How similar two clips are where the shorter one is aligned with the longer one.

    It begins `offset_s` after the longer one, which runs `speed` times as fast; `is_whole` says
    that it covers all of it.
    """

    similarity: float
    offset_s: float
    speed: float
    is_whole: bool


@dataclass(frozen=True, slots=True)
class SequenceAlignment:
    """An alignment of two clips, how well their luma agrees, and that discounted for parts."""

    offset_s: float
    speed: float
    agreement: float
    discounted: float


def clip_similarity(
    short: ClipContent, long: ClipContent, enough: float = 0.0
) -> ClipSimilarity | None:
    """Measure the similarity of two clips at the best alignment; None where there is none.

    The similarity is next to 1 for equal clips: the mean cosine of samples that are shown at the
    same time, the share of equal bits of their hashes and the agreement of luma, weighted.
    For a part it is lower, the more so the shorter it is. Alignments whose luma agrees less than
    `enough` are left out.
    """
    rated = [
        (alignment, *samples_agreement(alignment, short, long))
        for alignment in alignments(short, long, enough)
    ]
    if not rated:
        return None
    alignment, *_ = max(rated, key=lambda r: weighted_similarity(r[1], r[2], r[0].agreement))
    return ClipSimilarity(
        similarity=max(weighted_similarity(r[1], r[2], r[0].discounted) for r in rated),
        offset_s=alignment.offset_s,
        speed=alignment.speed,
        is_whole=short.duration_s * alignment.speed >= WHOLE_SHARE * long.duration_s,
    )


def weighted_similarity(cosine: float, same_bits: float, agreement: float) -> float:
    """Combine all evidence into one similarity."""
    return VECTOR_WEIGHT * cosine + HASH_WEIGHT * same_bits + SEQUENCE_WEIGHT * agreement


def agreement_needed(similarity: float, cosine: float) -> float:
    """Return the least luma agreement for a similarity if no samples are closer than `cosine`."""
    return (similarity - VECTOR_WEIGHT * cosine - HASH_WEIGHT) / SEQUENCE_WEIGHT


def alignments(short: ClipContent, long: ClipContent, enough: float) -> list[SequenceAlignment]:
    """List the alignments to examine: the whole clip, and the part whose luma agrees best."""
    n_short, n_long = short.luma_sequence.shape[1], long.luma_sequence.shape[1]
    found = []
    if n_long <= MAX_SPEED * n_short:
        whole = luma_agreement(short.luma_sequence, resampled(long.luma_sequence, n_short))
        found.append(SequenceAlignment(0.0, long.duration_s / short.duration_s, whole, whole))
    speeds = [s for s in SPEEDS if MIN_PART_STEPS <= n_short * s < n_long]
    if speeds and discounted(1.0, n_short) >= enough:
        parts = [best_alignment(short, long, s) for s in speeds]
        found.append(max(parts, key=lambda alignment: alignment.agreement))
    return [alignment for alignment in found if alignment.discounted >= enough]


def best_alignment(short: ClipContent, long: ClipContent, speed: float) -> SequenceAlignment:
    """Find where in the longer clip the shorter one agrees best at a speed."""
    played = resampled(short.luma_sequence, round(short.luma_sequence.shape[1] * speed))
    found = agreements(played, long.luma_sequence)
    best = int(np.argmax(found))
    agrees = float(found[best])
    return SequenceAlignment(
        best / STEPS_PER_S, speed, agrees, discounted(agrees, short.luma_sequence.shape[1])
    )


def discounted(agreement: float, n_steps: int) -> float:
    """Discount the agreement of a part, since it was chosen among many positions."""
    return NEUTRAL_AGREEMENT + (agreement - NEUTRAL_AGREEMENT) * n_steps / (
        n_steps + HALF_DISCOUNT_STEPS
    )


def samples_agreement(
    alignment: SequenceAlignment, short: ClipContent, long: ClipContent
) -> tuple[float, float]:
    """Return the mean cosine and the mean share of equal hash bits of samples close in time."""
    if not len(short.times_s) or not len(long.times_s):
        return 0.0, 0.0
    places_s = alignment.offset_s + alignment.speed * short.times_s
    apart_s = np.abs(places_s[:, None] - long.times_s)
    far = apart_s > np.maximum(SAMPLE_GAP_S, apart_s.min(axis=1, keepdims=True))
    cosines = np.where(far, -1.0, unpacked(short.packed) @ unpacked(long.packed).T)
    differing = np.bitwise_xor(short.hashes[:, None], long.hashes)
    bits = np.where(far, HASH_BITS, np.unpackbits(differing, axis=2).sum(axis=2))
    return float(cosines.max(axis=1).mean()), float(1 - bits.min(axis=1).mean() / HASH_BITS)
