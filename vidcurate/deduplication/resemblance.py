"""How alike two clips are, and over which part: the shorter one is laid along the longer one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcurate.deduplication.course import STEPS_PER_S, UNSURE, agreement, agreements, resampled
from vidcurate.deduplication.shown import Shown, unpacked

# A copy may be played faster or slower; parts are looked for at these speeds.
MOST_SPEED = 2.2
SPEEDS = (0.5, 2 / 3, 0.8, 1.0, 1.25, 1.5, 2.0)
# A part is looked for from this length on; what covers more of a clip is all of it.
LEAST_PART_STEPS = STEPS_PER_S
WHOLE_SHARE = 0.85
# How far apart in time samples may lie that show the same, at most.
SAMPLE_GAP_S = 0.75
# How much each evidence counts.
LOOKS_WEIGHT, HASH_WEIGHT, COURSE_WEIGHT = 0.45, 0.2, 0.35
# The agreement of a part of so many steps is half believed.
HALF_BELIEVED = 96
HASH_BITS = 64

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Resemblance:
    """How alike two clips are where the shorter one lies along the longer one.

    It begins `offset_s` after the longer one, which runs `speed` times as fast; `is_whole` says
    that it covers all of it.
    """

    similarity: float
    offset_s: float
    speed: float
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Laid:
    """A way to lay a clip along another, how well their courses agree, and what of it counts."""

    offset_s: float
    speed: float
    agreement: float
    believed: float


def resemblance(short: Shown, long: Shown, enough: float = 0.0) -> Resemblance | None:
    """How alike two clips are at best; None where the shorter one cannot lie along the other.

    The similarity is next to 1 for equal clips: the mean cosine of samples that are shown at the
    same time, the share of equal bits of their hashes and the agreement of the courses, weighted.
    For a part it is lower, the more so the shorter it is. Ways whose courses agree less than
    `enough` are left out.
    """
    rated = [(laid, *samples_agreement(laid, short, long)) for laid in ways(short, long, enough)]
    if not rated:
        return None
    laid, *_ = max(rated, key=lambda r: weighted(r[1], r[2], r[0].agreement))
    return Resemblance(
        similarity=max(weighted(r[1], r[2], r[0].believed) for r in rated),
        offset_s=laid.offset_s,
        speed=laid.speed,
        is_whole=short.duration_s * laid.speed >= WHOLE_SHARE * long.duration_s,
    )


def weighted(looks: float, same_bits: float, agreement: float) -> float:
    """The similarity that all evidence makes."""
    return LOOKS_WEIGHT * looks + HASH_WEIGHT * same_bits + COURSE_WEIGHT * agreement


def agreement_needed(similarity: float, cosine: float) -> float:
    """How well courses must agree for a similarity if no samples are liker than `cosine`."""
    return (similarity - LOOKS_WEIGHT * cosine - HASH_WEIGHT) / COURSE_WEIGHT


def ways(short: Shown, long: Shown, enough: float) -> list[Laid]:
    """The ways that are worth a look: as a whole, and as the part whose course agrees best."""
    n_short, n_long = short.course.shape[1], long.course.shape[1]
    found = []
    if n_long <= MOST_SPEED * n_short:
        whole = agreement(short.course, resampled(long.course, n_short))
        found.append(Laid(0.0, long.duration_s / short.duration_s, whole, whole))
    speeds = [s for s in SPEEDS if LEAST_PART_STEPS <= n_short * s < n_long]
    if speeds and believed(1.0, n_short) >= enough:
        parts = [part(short, long, s) for s in speeds]
        found.append(max(parts, key=lambda laid: laid.agreement))
    return [laid for laid in found if laid.believed >= enough]


def part(short: Shown, long: Shown, speed: float) -> Laid:
    """Where in the longer clip the shorter one fits best at a speed."""
    played = resampled(short.course, round(short.course.shape[1] * speed))
    found = agreements(played, long.course)
    best = int(np.argmax(found))
    agrees = float(found[best])
    return Laid(best / STEPS_PER_S, speed, agrees, believed(agrees, short.course.shape[1]))


def believed(agreement: float, n_steps: int) -> float:
    """What the agreement of a part says, which was chosen among many places."""
    return UNSURE + (agreement - UNSURE) * n_steps / (n_steps + HALF_BELIEVED)


def samples_agreement(laid: Laid, short: Shown, long: Shown) -> tuple[float, float]:
    """Mean cosine, and mean share of equal bits, of samples shown at about the same time."""
    if not len(short.times_s) or not len(long.times_s):
        return 0.0, 0.0
    places_s = laid.offset_s + laid.speed * short.times_s
    apart_s = np.abs(places_s[:, None] - long.times_s)
    far = apart_s > np.maximum(SAMPLE_GAP_S, apart_s.min(axis=1, keepdims=True))
    cosines = np.where(far, -1.0, unpacked(short.packed) @ unpacked(long.packed).T)
    differing = np.bitwise_xor(short.hashes[:, None], long.hashes)
    bits = np.where(far, HASH_BITS, np.unpackbits(differing, axis=2).sum(axis=2))
    return float(cosines.max(axis=1).mean()), float(1 - bits.min(axis=1).mean() / HASH_BITS)
