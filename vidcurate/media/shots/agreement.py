"""Combining two detectors: a cut that both find is surer than one that only one of them finds."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace

from vidcurate.media.shots.recording import Hit


def merge_agreeing(trusted: Sequence[Hit], others: Sequence[Hit], tolerance: int) -> list[Hit]:
    """Merge the transitions of two detectors, each given and returned in time order.

    Two agree if their spans come within `tolerance` frames of each other. What they agree on keeps
    the first detector's span and kind, and has confidence 1 - (1 - a) * (1 - b): it is wrong only
    if both are. What only one found keeps half its confidence.
    """
    lasts, firsts = [hit.last for hit in others], [hit.first for hit in others]
    found, backing = [], set[Hit]()
    for hit in trusted:
        begin = bisect_left(firsts, hit.last - tolerance)
        near = others[begin : bisect_right(lasts, hit.first + tolerance)]
        backing.update(near)
        surest = max(near, key=lambda other: other.confidence, default=None)
        found.append(unconfirmed(hit) if surest is None else confirmed(hit, surest))
    found += [unconfirmed(other) for other in others if other not in backing]
    return sorted(found, key=lambda hit: hit.first)


def confirmed(hit: Hit, other: Hit) -> Hit:
    """Return a transition that two detectors found."""
    doubt = (1.0 - hit.confidence) * (1.0 - other.confidence)
    return replace(hit, confidence=1.0 - doubt, detector=f"{hit.detector}+{other.detector}")


def unconfirmed(hit: Hit) -> Hit:
    """Return a transition that only one of two detectors found."""
    return replace(hit, confidence=hit.confidence / 2.0)
