"""How large the share of good clips is, told from a sample that people judge."""

import hashlib
import heapq
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vidcurate.errors import UsageError

CONFIDENCE = 0.95
Z = 1.959963984540054  # the standard normal quantile of (1 + CONFIDENCE) / 2
METHOD = "Wilson interval at the effective sample size, with finite population correction"


@dataclass(frozen=True)
class StratumShare:
    """What was judged of one stratum; `share` is null where nothing was."""

    stratum: str
    clips: int
    judged: int
    good: int
    share: float | None


@dataclass(frozen=True)
class Estimate:
    """The share of good clips, and an interval that holds the true one with `confidence`.

    `n` clips were judged. The numbers speak of `covered` clips: those of the strata of which any
    clip was judged. The other strata, with their clips, are in `by_stratum` with `judged` 0.
    Without a judged clip `share`, `low` and `high` are null.
    """

    share: float | None
    low: float | None
    high: float | None
    confidence: float
    n: int
    clips: int
    covered: int
    method: str
    by_stratum: tuple[StratumShare, ...]


def draw_sample(clip_ids: Sequence[str], strata: Sequence[str], n: int, seed: int) -> list[str]:
    """`n` clips, or all where there are fewer, from every stratum in proportion to its size.

    `strata` has the stratum of each clip. Where `n` allows, each stratum gives at least one clip;
    the rest is divided by highest averages (Webster 1832). Fewer clips than strata are drawn from
    all clips alike, since a choice among strata would favour some. What is drawn, and its order,
    which is mixed, depend on the ids, the strata and the seed only: not on the clips' order.

    Raises UsageError where `n` is below 1.
    """
    if n < 1:
        raise UsageError(f"a sample of {n} clips: at least 1")
    stratum_of = dict(zip(clip_ids, strata, strict=True))
    by_number = sorted(stratum_of, key=lambda clip: hashed(clip, f"draw {seed}"))
    sizes = Counter(stratum_of.values())
    if n >= len(sizes):
        left = allocate(sizes, n)
        chosen = [clip for clip in by_number if take_one(left, stratum_of[clip])]
    else:
        chosen = by_number[:n]
    return sorted(chosen, key=lambda clip: hashed(clip, f"order {seed}"))


def hashed(clip_id: str, salt: str) -> bytes:
    """A number for a clip that depends on nothing else."""
    return hashlib.sha256(f"{salt} {clip_id}".encode()).digest()


def take_one(left: Counter[str], stratum: str) -> bool:
    """Whether a stratum has a place left, which is then taken."""
    left[stratum] -= 1
    return left[stratum] >= 0


def allocate(sizes: Mapping[str, int], n: int) -> Counter[str]:
    """How many clips each stratum gives: one, then the next to the highest size a place."""
    given = Counter(dict.fromkeys(sorted(sizes), 1))
    queue = [(-sizes[name] / 3, name) for name in given if sizes[name] > 1]
    heapq.heapify(queue)
    for _ in range(min(n, sum(sizes.values())) - len(given)):
        _, name = heapq.heappop(queue)
        given[name] += 1
        if given[name] < sizes[name]:
            heapq.heappush(queue, (-sizes[name] / (2 * given[name] + 1), name))
    return given


def estimate_share(
    judged: Iterable[tuple[str, bool]], stratum_sizes: Mapping[str, int]
) -> Estimate:
    """The share of good clips by a stratified sample, with its 95 % interval.

    `judged` has the stratum of each judged clip and whether the clip is good; `stratum_sizes` has
    the number of clips of each stratum, N_h. With n_h judged and x_h good of stratum h, and
    W_h = N_h / N over the strata that have a judged clip:

        share  p   = sum W_h x_h / n_h
        smooth s_h = (x_h + z² p) / (n_h + z²)
        V          = sum W_h² (N_h - n_h) / (N_h - 1) s_h (1 - s_h) / n_h
        n_eff      = p (1 - p) / V
        interval   = (p + z²/2m ± z sqrt(p (1 - p)/m + z²/4m²)) / (1 + z²/m) with m = n_eff

    This is Wilson's interval (Wilson 1927, JASA 22) at the effective sample size, which holds its
    confidence in samples with a design better than its rivals (Dean and Pagano 2015, Journal of
    Survey Statistics and Methodology 3; Franco et al. 2019, ibid. 7). A stratum of few clips tells
    little of its own variance, and one clip nothing: so a stratum's share is drawn towards the
    whole's by z² clips, as Wilson's interval is drawn towards one half. For one stratum it is
    Wilson's interval with finite population correction; of a set that is judged whole it is the
    share itself. Where all are good, or none, n_eff is the limit of the formula above.

    Raises UsageError for a stratum without a size or with more judged clips than it has.
    """
    n_judged: Counter[str] = Counter()
    n_good: Counter[str] = Counter()
    for stratum, is_good in judged:
        n_judged[stratum] += 1
        n_good[stratum] += is_good
    refuse_unknown(n_judged, stratum_sizes)
    strata = tuple(
        StratumShare(
            stratum=name,
            clips=size,
            judged=n_judged[name],
            good=n_good[name],
            share=n_good[name] / n_judged[name] if n_judged[name] else None,
        )
        for name, size in stratum_sizes.items()
    )
    share, low, high = interval([s for s in strata if s.judged])
    return Estimate(
        share=share,
        low=low,
        high=high,
        confidence=CONFIDENCE,
        n=n_judged.total(),
        clips=sum(stratum_sizes.values()),
        covered=sum(s.clips for s in strata if s.judged),
        method=METHOD,
        by_stratum=strata,
    )


def refuse_unknown(n_judged: Mapping[str, int], stratum_sizes: Mapping[str, int]) -> None:
    """Raise UsageError for more judged clips than a stratum has."""
    for name, n in n_judged.items():
        size = stratum_sizes.get(name, 0)
        if n > size:
            raise UsageError(f"{n} clips are judged of stratum '{name}', which has {size}")


def interval(
    strata: Sequence[StratumShare],
) -> tuple[float, float, float] | tuple[None, None, None]:
    """Share, low and high by strata that each have a judged clip; see `estimate_share`."""
    if not strata:
        return None, None, None
    whole = sum(s.clips for s in strata)
    share = math.fsum(s.clips / whole * s.good / s.judged for s in strata)
    is_uniform = share * (1 - share) <= 0
    variance = 0.0
    for s in strata:
        smooth = (s.good + Z**2 * share) / (s.judged + Z**2)
        spread = 1.0 if is_uniform else smooth * (1 - smooth)
        unseen = (s.clips - s.judged) / max(1, s.clips - 1)
        variance += (s.clips / whole) ** 2 * unseen * spread / s.judged
    if variance == 0:
        return share, share, share
    low, high = wilson(share, (1.0 if is_uniform else share * (1 - share)) / variance)
    return share, low, high


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's interval for a share of `n` trials."""
    middle = share + Z**2 / (2 * n)
    half = Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    low, high = ((middle + side) / (1 + Z**2 / n) for side in (-half, half))
    # Rounding must not leave the share outside of its interval.
    return max(0.0, min(low, share)), min(1.0, max(high, share))
