"""The links between all clips with the same content: candidates first, then each pair in detail."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vidcurate.deduplication.choice import Link
from vidcurate.deduplication.content import ContentArrays
from vidcurate.deduplication.neighbours import candidates
from vidcurate.deduplication.similarity import agreement_needed, clip_similarity
from vidcurate.media.visual.appearance import mirrored
from vidcurate.media.visual.hashes import mirrored_hashes

ROWS_AT_ONCE = 1 << 14
# Of 185 web videos the pairs above all show one room, table or scene; the most alike of unrelated
# videos have 0.77, and other rooms or light of one place 0.8.
SETUP_COSINE = 0.85


def find_links(
    clips: ContentArrays, min_similarity: float, setups: list[tuple[int, int]] | None = None
) -> Iterator[Link]:
    """Find the links between clips, as they are and with one of them mirrored.

    Pairs that show one set-up, copies or not, are added to `setups`.
    """
    owners = clips.owners
    for is_mirrored in (False, True):
        queries = mirrored_packed(clips.packed) if is_mirrored else clips.packed
        for one, other, cosine in candidates(queries, clips.packed, owners):
            if setups is not None and not is_mirrored and cosine >= SETUP_COSINE:
                setups.append((one, other))
            enough = agreement_needed(min_similarity, cosine)
            link = link_between(clips, one, other, enough, is_mirrored=is_mirrored)
            if link is not None and link.similarity >= min_similarity:
                yield link


def link_between(
    clips: ContentArrays, one: int, other: int, enough: float, *, is_mirrored: bool
) -> Link | None:
    """Compare one clip, mirrored or not, with another; None where they cannot be aligned."""
    first, second = clips.clip(one), clips.clip(other)
    if first.luma_sequence.shape[1] > second.luma_sequence.shape[1]:
        one, other, first, second = other, one, second, first
    if is_mirrored:  # a mirrored clip keeps its luma sequence
        packed, hashes = mirrored_packed(first.packed), mirrored_hashes(first.hashes)
        first = replace(first, packed=packed, hashes=hashes)
    found = clip_similarity(first, second, enough)
    if found is None:
        return None
    return Link(
        one, other, found.similarity, found.offset_s, found.speed, found.is_whole, is_mirrored
    )


def mirrored_packed(rows: NDArray[np.int8]) -> NDArray[np.int8]:
    """Mirror the packed vectors of pictures."""
    found = np.empty_like(rows)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        found[some] = mirrored(rows[some].astype(np.float32))
    return found
