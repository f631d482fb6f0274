"""The links between all clips that show the same: candidates, then a closer look at each pair."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vidcurate.deduplication.choice import Link
from vidcurate.deduplication.neighbours import candidates
from vidcurate.deduplication.resemblance import agreement_needed, resemblance
from vidcurate.deduplication.shown import Gallery, Shown
from vidcurate.media.visual.appearance import mirrored
from vidcurate.media.visual.hashes import mirrored_hashes

ROWS_AT_ONCE = 1 << 14


def links(clips: Gallery, least_similarity: float) -> Iterator[Link]:
    """The links between clips, as they are and as one of them is mirrored."""
    owners = clips.owners
    for is_mirrored in (False, True):
        queries = mirrored_packed(clips.packed) if is_mirrored else clips.packed
        for one, other, cosine in candidates(queries, clips.packed, owners):
            enough = agreement_needed(least_similarity, cosine)
            link = link_between(clips, one, other, enough, is_mirrored=is_mirrored)
            if link is not None and link.similarity >= least_similarity:
                yield link


def link_between(
    clips: Gallery, one: int, other: int, enough: float, *, is_mirrored: bool
) -> Link | None:
    """How one clip, perhaps mirrored, lies along the other; None where it cannot."""
    first, second = clips.clip(one), clips.clip(other)
    if first.course.shape[1] > second.course.shape[1]:
        one, other, first, second = other, one, second, first
    found = resemblance(in_mirror(first) if is_mirrored else first, second, enough)
    if found is None:
        return None
    return Link(
        one, other, found.similarity, found.offset_s, found.speed, found.is_whole, is_mirrored
    )


def in_mirror(clip: Shown) -> Shown:
    """A clip mirrored left to right; the course of its luma stays."""
    return replace(clip, packed=mirrored_packed(clip.packed), hashes=mirrored_hashes(clip.hashes))


def mirrored_packed(rows: NDArray[np.int8]) -> NDArray[np.int8]:
    """Packed vectors of mirrored pictures."""
    found = np.empty_like(rows)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        found[some] = mirrored(rows[some].astype(np.float32))
    return found
