from collections.abc import Sequence

import numpy as np
import pytest

from vidcurate.deduplication.choice import Link
from vidcurate.deduplication.course import STEPS_PER_S
from vidcurate.deduplication.links import links
from vidcurate.deduplication.shown import gallery, packed
from vidcurate.media.visual.appearance import DIMENSION, mirrored
from vidcurate.media.visual.hashes import mirrored_hashes
from vidcurate.records import SIGNATURES, Signature

LIMIT = 0.8


def signature(
    seed: int,
    *,
    n_samples: int = 5,
    part: slice = slice(None),
    noise: float = 0.0,
    in_mirror: bool = False,
) -> Signature:
    """The signature of a made-up shot of a sample a second, or of a part of it in whole seconds."""
    random = np.random.default_rng(seed)
    moving = np.cumsum(random.normal(0, 0.02, (n_samples, DIMENSION)), axis=0)
    vectors = random.normal(0, 1 / DIMENSION**0.5, DIMENSION) + moving / DIMENSION**0.5
    hashes = random.integers(0, 256, (n_samples, 8), np.uint8)
    course = np.cumsum(random.normal(0, 1, (3, max(1, n_samples) * STEPS_PER_S)), axis=1)
    seconds = range(n_samples)[part]
    first = seconds[0] if seconds else 0
    steps = course[:, first * STEPS_PER_S : (first + max(1, len(seconds))) * STEPS_PER_S]
    rows = vectors[part] + np.random.default_rng(seed + 99).normal(0, noise, vectors[part].shape)
    bits = hashes[part]
    if in_mirror:
        rows, bits = mirrored(rows.astype(np.float32)), mirrored_hashes(bits)
    return Signature(
        clip_id=f"c{seed}",
        video_id="v",
        duration_s=float(max(1, len(seconds))),
        content=f"{seed} {part} {noise} {in_mirror}",
        times_s=tuple(n + 0.25 for n in range(len(seconds))),
        hashes=bits.tobytes(),
        vectors=packed(rows.astype(np.float32)).tobytes(),
        course=(steps + np.random.default_rng(seed + 98).normal(0, noise, steps.shape))
        .astype(np.float32)
        .tobytes(),
    )


def linked(rows: Sequence[Signature]) -> list[Link]:
    """The links between clips."""
    return list(links(gallery(SIGNATURES.to_arrow(rows)), LIMIT))


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
