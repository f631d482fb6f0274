"""Splits: which videos train, validate and test, so that no content is in two of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SPLITS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)
Numbers = NDArray[np.int64]
# Steps of the golden ratio spread evenly over a circle, however many there are (Weyl 1916).
GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, slots=True)
class SplitShare:
    """What one split has: `wanted` is the share that was asked for, of groups.

    A group is the videos that stay together.
    """

    split: str
    wanted: float
    groups: int
    videos: int
    clips: int
    hours: float
    share_of_groups: float
    share_of_clips: float
    share_of_hours: float


def drawn(ids: Sequence[str], seed: int) -> NDArray[np.float64]:
    """A number from 0 to below 1 for each id, by its hash: it depends on nothing else."""
    hashes = (hashlib.sha256(f"{seed} {id_}".encode()).digest()[:8] for id_ in ids)
    numbers = np.frombuffer(b"".join(hashes), ">u8")
    return (numbers >> np.uint64(11)).astype(np.float64) / 2**53


def dealt(strata: Sequence[str], seed: int) -> NDArray[np.float64]:
    """A number from 0 to below 1 for each video, evenly spread within each stratum.

    Videos are in the order in which they were found. A stratum begins at a number drawn by its
    name, and each of its videos lies a golden step after the one before. So what is found later
    changes no earlier number.
    """
    names = sorted(set(strata))
    code_of = {name: number for number, name in enumerate(names)}
    codes = np.array([code_of[name] for name in strata], np.int64)
    order = np.argsort(codes, kind="stable")
    sorted_codes = codes[order]
    rank = np.empty(len(codes), np.int64)
    rank[order] = np.arange(len(codes)) - np.searchsorted(sorted_codes, sorted_codes, "left")
    return (drawn(names, seed)[codes] + rank * GOLDEN) % 1


def split_codes(numbers: NDArray[np.float64], validation: float, test: float) -> Numbers:
    """The split of each number: validation has the lowest, test the highest.

    A larger share of one takes from train alone.
    """
    codes = np.full(len(numbers), TRAIN, np.int64)
    codes[numbers >= 1 - test] = TEST
    codes[numbers < validation] = VALIDATION
    return codes


def split_shares(
    codes: Numbers,
    groups: Numbers,
    videos: Numbers,
    seconds: NDArray[np.float64],
    wanted: Sequence[float],
) -> list[SplitShare]:
    """What each split has; clips have a split's code, a group, a video and a length each."""
    shares = []
    n_groups = len(np.unique(groups))
    for code, split in enumerate(SPLITS):
        own = codes == code
        in_split = len(np.unique(groups[own]))
        hours, all_hours = (float(s.sum()) / 3600 for s in (seconds[own], seconds))
        shares.append(
            SplitShare(
                split=split,
                wanted=wanted[code],
                groups=in_split,
                videos=len(np.unique(videos[own])),
                clips=int(own.sum()),
                hours=hours,
                share_of_groups=in_split / max(1, n_groups),
                share_of_clips=float(own.sum()) / max(1, len(own)),
                share_of_hours=hours / all_hours if all_hours else 0.0,
            )
        )
    return shares
