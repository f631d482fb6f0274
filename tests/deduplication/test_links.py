from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.support.signatures import signature
from vidcurate.deduplication.choice import Link
from vidcurate.deduplication.content import content_arrays
from vidcurate.deduplication.links import find_links
from vidcurate.records import SIGNATURES, Signature

LIMIT = 0.8


def linked(rows: Sequence[Signature]) -> list[Link]:
    """The links between clips."""
    return list(find_links(content_arrays(SIGNATURES.to_arrow(rows)), LIMIT))


def test_a_noisy_copy_is_linked_and_other_shots_are_not() -> None:
    """Of several shots only the two that show the same are linked, as a whole."""
    rows = [signature(seed) for seed in range(6)]
    (link,) = linked([*rows, signature(2, noise=0.01)])
    assert (link.first, link.second, link.is_whole, link.is_mirrored) == (2, 6, True, False)
    assert link.similarity > 0.9
    assert (link.offset_s, link.speed) == (0.0, 1.0)


def test_a_mirrored_copy_is_linked() -> None:
    """A copy that is mirrored left to right is found as such."""
    (link,) = linked([signature(1), signature(2), signature(1, in_mirror=True, noise=0.005)])
    assert {link.first, link.second} == {0, 2}
    assert link.is_mirrored


def test_a_part_is_linked_with_its_place() -> None:
    """A shot inside a longer one is a part of it, at the second where it begins."""
    whole, part = signature(1, n_samples=30), signature(1, n_samples=30, part=slice(8, 20))
    (link,) = linked([whole, part, signature(2, n_samples=30)])
    assert (link.first, link.second, link.is_whole) == (1, 0, False)
    assert link.offset_s == pytest.approx(8, abs=0.2)
    assert link.turned().offset_s == pytest.approx(-8, abs=0.2)


def test_clips_that_show_nothing_are_linked_to_none() -> None:
    """Clips without a sample that shows something resemble nothing."""
    assert linked([signature(1, n_samples=0), signature(2, n_samples=0)]) == []
    assert linked([]) == []


def test_one_set_up_is_told_from_copies() -> None:
    """Clips with pictures that are nearly alike, which move otherwise, are of one set-up."""
    first, other = signature(1), signature(2)
    again = replace(other, vectors=first.vectors)
    alike: list[tuple[int, int]] = []
    rows = content_arrays(SIGNATURES.to_arrow([first, again, signature(3)]))
    assert list(find_links(rows, LIMIT, alike)) == []
    assert alike == [(0, 1)]
