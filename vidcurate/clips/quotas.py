"""Quotas: how many clips of each class may stay, which of them go, and what a class lacks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vidcurate.clips.classes import Classes

Numbers = NDArray[np.int64]
NOTHING = -1


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of clips, or a share of all clips that stay."""

    count: int | None = None
    share: Fraction | None = None

    def __str__(self) -> str:
        """The amount as an option has it."""
        return f"{self.count}" if self.share is None else f"{float(self.share * 100):g}%"

    def of(self, n_clips: int) -> int:
        """The least whole number of clips that is so much of all of them."""
        return self.count or 0 if self.share is None else math.ceil(self.share * n_clips)


@dataclass(frozen=True, slots=True)
class Quota:
    """How many clips of each of some classes may stay, and how many are wanted.

    `named` are the classes that it is about; without any it is about all. Clips of no class are
    never too many, but count as clips.
    """

    by: str
    classes: Classes
    at_most: Amount | None = None
    at_least: Amount | None = None
    named: tuple[str, ...] = ()

    def bounded(self) -> Numbers:
        """For each clip the number of its class, NOTHING where the quota is not about it."""
        codes = self.classes.codes.astype(np.int64)
        if not self.named:
            return codes
        is_named = np.isin(self.classes.names, self.named)
        return np.where((codes >= 0) & is_named[codes], codes, NOTHING)


@dataclass(frozen=True, slots=True)
class ClassCount:
    """One class of one quota: the clips that came and stay, and those that are missing.

    `over` are those that stay though they are too many: of a share that so few classes cannot have.
    """

    by: str
    name: str
    came: int
    stays: int
    at_most: str | None
    at_least: str | None
    missing: int
    over: int


def over_quota(quotas: Sequence[Quota], rank: Numbers) -> Numbers:
    """For each clip the first quota by which it goes, NOTHING where it stays.

    Of a class the clips of lowest `rank` stay. Each quota takes from what the ones before it left;
    as shares change with every clip that goes, all are applied until none takes any more.
    """
    gone_by = np.full(len(rank), NOTHING, np.int64)
    bounds = [quota.bounded() for quota in quotas]
    orders = [np.lexsort((rank, bound)) for bound in bounds]
    changes = True
    while changes:
        changes = False
        for number, quota in enumerate(quotas):
            if quota.at_most is None:
                continue
            stays = gone_by == NOTHING
            limit = limit_of(quota.at_most, counts_of(bounds[number], stays), int(stays.sum()))
            if limit is None:
                continue
            too_many = beyond(bounds[number], orders[number], stays, limit)
            gone_by[too_many] = number
            changes |= bool(len(too_many))
    return gone_by


def counts_of(codes: Numbers, stays: NDArray[np.bool_]) -> Numbers:
    """How many clips of each class stay."""
    return np.bincount(codes[stays & (codes >= 0)])


def limit_of(amount: Amount, counts: Numbers, n_clips: int) -> int | None:
    """The most clips of a class that may stay; None where any number may.

    For a share it is the largest number that is within the share of what then stays. There is none
    where the classes are so few that one of them always has more: then nothing goes.
    """
    if amount.share is None:
        return amount.count
    counts = counts[counts > 0]
    others = n_clips - int(counts.sum())

    def fits(limit: int) -> bool:
        return limit <= most_of(amount, others + int(np.minimum(counts, limit).sum()))

    if not len(counts) or not fits(1):
        return None
    low, high = 1, int(counts.max())
    while low < high:  # what fits lies in one piece: the sum grows ever more slowly
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def most_of(amount: Amount, n_clips: int) -> int:
    """The most clips that are no more than an amount, where so many stay."""
    return amount.count or 0 if amount.share is None else math.floor(amount.share * n_clips)


def beyond(codes: Numbers, order: Numbers, stays: NDArray[np.bool_], limit: int) -> Numbers:
    """The clips that stay and come after the first `limit` of their class, in an order by class."""
    order = order[stays[order] & (codes[order] >= 0)]
    sorted_codes = codes[order]
    first = np.searchsorted(sorted_codes, sorted_codes, "left")
    return order[np.arange(len(order)) - first >= limit]


def class_counts(quota: Quota, stays: NDArray[np.bool_]) -> list[ClassCount]:
    """Each class of a quota, those that lack most first; then those of most clips."""
    codes = quota.bounded()
    came = np.bincount(codes[codes >= 0], minlength=len(quota.classes.names))
    left = np.bincount(codes[stays & (codes >= 0)], minlength=len(quota.classes.names))
    n_clips = int(stays.sum())
    wanted = 0 if quota.at_least is None else quota.at_least.of(n_clips)
    most = n_clips if quota.at_most is None else most_of(quota.at_most, n_clips)
    at_most, at_least = (None if a is None else str(a) for a in (quota.at_most, quota.at_least))
    here = {name: number for number, name in enumerate(quota.classes.names) if came[number]}
    named = quota.named or quota.classes.expected or tuple(here)
    rows = []
    for name in dict.fromkeys((*named, *(() if quota.named else here))):
        n_came, n_left = (int(n[here[name]]) if name in here else 0 for n in (came, left))
        missing = max(0, wanted - n_left)
        over = max(0, n_left - most)
        rows.append(ClassCount(quota.by, name, n_came, n_left, at_most, at_least, missing, over))
    return sorted(rows, key=lambda row: (-row.missing, -row.over, -row.came, row.name))
