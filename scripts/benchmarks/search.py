"""Time of exact search over a million clips, over that of a bare product with the same file."""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa

from vidcurate.analysis.search import ROWS_PER_PIECE, most_similar, searchable, write_pieces
from vidcurate.clips.vectors import Vectors, unit_rows
from vidcurate.records import CLIPS

TOP = 10


def main() -> None:
    """Write random vectors and print medians over the rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file, bare = Path(folder) / "clips.arrow", Path(folder) / "vectors.npy"
        random = np.random.default_rng(1)
        write_pieces(file, "random", pieces(given.clips, given.dimension, random, bare))
        query = unit_rows(random.normal(size=(1, given.dimension)).astype(np.float32))[0]
        ratios, own = [], []
        for _ in range(given.rounds):
            whole_s = seconds_of_product(bare, query)
            began = time.perf_counter()
            found = most_similar(file, query, TOP)
            own.append(time.perf_counter() - began)
            ratios.append(own[-1] / whole_s)
        wanted = np.sort(np.load(bare, mmap_mode="r") @ query)[::-1][:TOP]
        np.testing.assert_allclose(found["score"].to_numpy(), wanted, atol=1e-6)
        print(
            f"{given.clips} x {given.dimension}: {median(own):.2f} s, {median(ratios):.2f} x the "
            f"bare product; peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB, "
            "mapped pages included"
        )


def pieces(
    n_clips: int, dimension: int, random: np.random.Generator, bare: Path
) -> Iterator[pa.Table]:
    """Clips with random vectors, which are also written to a bare file."""
    mapped = np.lib.format.open_memmap(bare, "w+", np.float32, (n_clips, dimension))
    for start in range(0, n_clips, ROWS_PER_PIECE):
        numbers = range(start, min(n_clips, start + ROWS_PER_PIECE))
        vectors = unit_rows(random.standard_normal((len(numbers), dimension), np.float32))
        mapped[start : start + len(numbers)] = vectors
        yield searchable(clips(numbers), vectors)


def clips(numbers: range) -> pa.Table:
    """Rows of clips with these numbers."""
    plain = {"time_base": {"num": 1, "den": 24}, "end_s": 1.0, "duration_s": 1.0, "n_frames": 24}
    rows = [
        {**plain, "clip_id": f"c{n}", "video_id": "v", "start_pts": n, "end_pts": n, "start_s": 0.0}
        for n in numbers
    ]
    return pa.Table.from_pylist(rows, schema=CLIPS.schema)


def seconds_of_product(bare: Path, query: Vectors) -> float:
    """How long a product with the mapped file takes."""
    began = time.perf_counter()
    np.load(bare, mmap_mode="r") @ query
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
