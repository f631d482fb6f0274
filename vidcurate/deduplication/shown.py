"""What the signatures of many clips hold, as arrays that can be compared."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidcurate.clips.vectors import Vectors, unit_rows
from vidcurate.deduplication.course import CHANNELS

Bytes = NDArray[np.uint8]
Values = NDArray[np.float64]
Places = NDArray[np.int64]

HASH_BYTES = 8
MOST = 127


@dataclass(frozen=True, slots=True)
class Shown:
    """One clip: its length, its samples by time from its start, and the course of its luma."""

    duration_s: float
    times_s: Values
    packed: NDArray[np.int8]
    hashes: Bytes
    course: Values


@dataclass(frozen=True, slots=True)
class Gallery:
    """Many clips; the samples of clip i are `bounds[i]` to `bounds[i + 1]`, so its steps."""

    durations_s: Values
    bounds: Places
    times_s: Values
    packed: NDArray[np.int8]
    hashes: Bytes
    course_bounds: Places
    courses: NDArray[np.float32]

    def clip(self, number: int) -> Shown:
        """One of the clips."""
        own = slice(*self.bounds[number : number + 2])
        steps = slice(*self.course_bounds[number : number + 2])
        return Shown(
            float(self.durations_s[number]),
            self.times_s[own],
            self.packed[own],
            self.hashes[own],
            self.courses[steps].reshape(CHANNELS, -1).astype(np.float64),
        )

    @property
    def owners(self) -> Places:
        """The clip of each sample."""
        return np.repeat(np.arange(len(self.durations_s)), np.diff(self.bounds))


def gallery(rows: pa.Table) -> Gallery:
    """The clips of a table of signatures, in its order."""
    times = rows["times_s"].combine_chunks()
    counts = times.value_lengths().to_numpy()
    courses = np.frombuffer(joined(rows["course"]), np.float32)
    n_values = np.array([len(c) // 4 for c in rows["course"].to_pylist()], np.int64)
    n_samples = int(counts.sum())
    vectors = np.frombuffer(joined(rows["vectors"]), np.int8)
    return Gallery(
        durations_s=rows["duration_s"].to_numpy(),
        bounds=sums_before(counts),
        times_s=times.flatten().to_numpy(),
        packed=vectors.reshape(n_samples, len(vectors) // max(1, n_samples)),
        hashes=np.frombuffer(joined(rows["hashes"]), np.uint8).reshape(-1, HASH_BYTES),
        course_bounds=sums_before(n_values),
        courses=courses,
    )


def joined(column: pa.ChunkedArray) -> bytes:
    """All bytes of a column."""
    return b"".join(column.to_pylist())


def sums_before(counts: NDArray[np.integer]) -> Places:
    """Where each of so many begins, and where the last ends."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def packed(vectors: Vectors) -> NDArray[np.int8]:
    """Vectors in a byte a number; what is lost turns none by more than a degree or so."""
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    return np.asarray(np.rint(vectors / np.where(largest == 0, 1, largest) * MOST), np.int8)


def unpacked(rows: NDArray[np.int8]) -> Vectors:
    """The vectors, each of length one; a row of zeros stays one."""
    return unit_rows(rows.astype(np.float32))
