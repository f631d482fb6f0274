"""Signatures of made-up shots."""

import numpy as np

from vidcurate.deduplication.course import STEPS_PER_S
from vidcurate.deduplication.shown import packed
from vidcurate.media.visual.appearance import DIMENSION, mirrored
from vidcurate.media.visual.hashes import mirrored_hashes
from vidcurate.records import Signature


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
