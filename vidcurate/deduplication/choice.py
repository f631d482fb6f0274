"""Which of clips that show the same are kept: each that is like no better one that is kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vidcurate.deduplication.shown import Places


@dataclass(frozen=True, slots=True)
class Link:
    """Two clips that show the same, by their numbers.

    `first` is laid along `second`: it begins `offset_s` after it begins, where `second` runs
    `speed` times as fast; `is_whole` says that it covers all of it.
    """

    first: int
    second: int
    similarity: float
    offset_s: float
    speed: float
    is_whole: bool
    is_mirrored: bool

    def turned(self) -> "Link":
        """The same with the second clip laid along the first."""
        return Link(
            self.second,
            self.first,
            self.similarity,
            0.0 - self.offset_s / self.speed,
            1 / self.speed,
            self.is_whole,
            self.is_mirrored,
        )


def chosen(order: Sequence[int], links: Sequence[Link]) -> dict[int, Link]:
    """For each clip that is not kept the link to the best one that is, laid along that.

    `order` is the numbers of all clips, the best first. A clip is kept unless it is linked to a
    better one that is, so nothing is lost by a chain of likenesses.
    """
    by_clip: dict[int, list[Link]] = {}
    for link in links:
        by_clip.setdefault(link.first, []).append(link)
        by_clip.setdefault(link.second, []).append(link.turned())
    found: dict[int, Link] = {}
    kept: dict[int, int] = {}
    for rank, clip in enumerate(order):
        to_kept = [link for link in by_clip.get(clip, ()) if link.second in kept]
        if to_kept:
            found[clip] = min(to_kept, key=lambda link: kept[link.second])
        else:
            kept[clip] = rank
    return found


def clusters(n_clips: int, pairs: Sequence[tuple[int, int]]) -> Places:
    """For each clip the smallest number among those it is linked to, also over others."""
    parent = np.arange(n_clips)

    def root(clip: int) -> int:
        while parent[clip] != clip:
            parent[clip] = parent[parent[clip]]
            clip = int(parent[clip])
        return clip

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return np.array([root(clip) for clip in range(n_clips)], np.int64)
