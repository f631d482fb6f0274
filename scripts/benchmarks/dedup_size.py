"""Time and memory of dedup over many clips, some of them copies, without any video.

Clips are of made-up videos whose shots look alike as those of one scene do.
"""

import argparse
import resource
import time
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidcurate.clips.vectors import Vectors, unit_rows
from vidcurate.deduplication.content import content_arrays, packed
from vidcurate.deduplication.links import find_links
from vidcurate.media.visual.appearance import DIMENSION
from vidcurate.records import SIGNATURES, Signature
from vidcurate.stages.selection.dedup import DedupConfig

CLIPS_IN_A_VIDEO, COPIES_SHARE = 50, 0.05
SAMPLES, STEPS = 5, 40
# What shots of a video, samples of a shot, and a copy differ by; cosines come near those of videos.
SHOT_NOISE, SAMPLE_NOISE, COPY_NOISE = 0.03, 0.01, 0.008


def made_up(n_clips: int, random: np.random.Generator) -> pa.Table:
    """Signatures of so many clips; the last ones are copies of the first."""
    n_copies = int(n_clips * COPIES_SHARE)
    rows: list[Signature] = []
    video = np.zeros(DIMENSION)
    kept: list[tuple[Vectors, NDArray[Any], NDArray[Any]]] = []
    for number in range(n_clips - n_copies):
        if number % CLIPS_IN_A_VIDEO == 0:
            video = random.normal(0, 1 / DIMENSION**0.5, DIMENSION)
        shot = video + random.normal(0, SHOT_NOISE, DIMENSION)
        vectors = of_length_one(shot + random.normal(0, SAMPLE_NOISE, (SAMPLES, DIMENSION)))
        hashes = random.integers(0, 256, (SAMPLES, 8), np.uint8)
        luma_sequence = np.cumsum(random.normal(0, 1, (3, STEPS)), axis=1)
        if len(kept) < n_copies:
            kept.append((vectors, hashes, luma_sequence))
        rows.append(made(number, vectors, hashes, luma_sequence))
    for number, (vectors, hashes, luma_sequence) in enumerate(kept):
        noisy = of_length_one(vectors + random.normal(0, COPY_NOISE, vectors.shape))
        rows.append(made(n_clips - n_copies + number, noisy, hashes, luma_sequence))
    return SIGNATURES.to_arrow(rows)


def of_length_one(rows: NDArray[np.float64]) -> Vectors:
    """Vectors in single precision."""
    return unit_rows(rows.astype(np.float32))


def made(
    number: int, vectors: Vectors, hashes: NDArray[Any], luma_sequence: NDArray[Any]
) -> Signature:
    """One clip's signature."""
    return Signature(
        clip_id=f"{number}",
        video_id=f"{number // CLIPS_IN_A_VIDEO}",
        duration_s=float(SAMPLES),
        content=f"{number}",
        times_s=tuple(float(n) for n in range(SAMPLES)),
        hashes=hashes.tobytes(),
        vectors=packed(vectors).tobytes(),
        luma_sequence=luma_sequence.astype(np.float32).tobytes(),
    )


def peak_mb() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 10)


def main() -> None:
    """Make clips and print what finding the copies among them costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=100_000)
    given = parser.parse_args()
    clips = content_arrays(made_up(given.clips, np.random.default_rng(1)))
    before_mb, began = peak_mb(), time.process_time()
    found = list(find_links(clips, DedupConfig().min_similarity))
    cpu_s = time.process_time() - began
    n_copies = int(given.clips * COPIES_SHARE)
    right = {
        max(k.first, k.second)
        for k in found
        if abs(k.first - k.second) == given.clips - n_copies and not k.is_mirrored
    }
    print(
        f"{given.clips} clips: {cpu_s:.0f} s of CPU time, {len(right)} of {n_copies} copies found, "
        f"{len(found) - len(right)} other links; peak {peak_mb():.0f} MB, {before_mb:.0f} MB of "
        "them with the clips made"
    )


if __name__ == "__main__":
    main()
