"""The content of signatures as arrays that can be compared."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidcurate.clips.vectors import Vectors, unit_rows
from vidcurate.deduplication.luma_sequence import CHANNELS

Bytes = NDArray[np.uint8]
Values = NDArray[np.float64]
Numbers = NDArray[np.int64]

HASH_BYTES = 8
INT8_MAX = 127


@dataclass(frozen=True, slots=True)
class ClipContent:
    """One clip: its length, its samples by time from its start, and its luma sequence."""

    duration_s: float
    times_s: Values
    packed: NDArray[np.int8]
    hashes: Bytes
    luma_sequence: Values


@dataclass(frozen=True, slots=True)
class ContentArrays:
    """Many clips in flat arrays; clip i has the samples from `bounds[i]` to `bounds[i + 1]`."""

    durations_s: Values
    bounds: Numbers
    times_s: Values
    packed: NDArray[np.int8]
    hashes: Bytes
    sequence_bounds: Numbers
    luma_sequences: NDArray[np.float32]

    def clip(self, number: int) -> ClipContent:
        """Return the content of one clip."""
        own = slice(*self.bounds[number : number + 2])
        steps = slice(*self.sequence_bounds[number : number + 2])
        return ClipContent(
            float(self.durations_s[number]),
            self.times_s[own],
            self.packed[own],
            self.hashes[own],
            self.luma_sequences[steps].reshape(CHANNELS, -1).astype(np.float64),
        )

    @property
    def owners(self) -> Numbers:
        """The number of the clip that each sample belongs to."""
        return np.repeat(np.arange(len(self.durations_s)), np.diff(self.bounds))


def content_arrays(rows: pa.Table) -> ContentArrays:
    """Read the clips of a table of signatures, in its order."""
    times = rows["times_s"].combine_chunks()
    counts = times.value_lengths().to_numpy()
    luma_sequences = np.frombuffer(column_bytes(rows["luma_sequence"]), np.float32)
    n_values = np.array([len(c) // 4 for c in rows["luma_sequence"].to_pylist()], np.int64)
    n_samples = int(counts.sum())
    vectors = np.frombuffer(column_bytes(rows["vectors"]), np.int8)
    return ContentArrays(
        durations_s=rows["duration_s"].to_numpy(),
        bounds=offsets(counts),
        times_s=times.flatten().to_numpy(),
        packed=vectors.reshape(n_samples, len(vectors) // max(1, n_samples)),
        hashes=np.frombuffer(column_bytes(rows["hashes"]), np.uint8).reshape(-1, HASH_BYTES),
        sequence_bounds=offsets(n_values),
        luma_sequences=luma_sequences,
    )


def column_bytes(column: pa.ChunkedArray) -> bytes:
    """Join all bytes of a column."""
    return b"".join(column.to_pylist())


def offsets(counts: NDArray[np.integer]) -> Numbers:
    """Return where each of several runs begins, and where the last ends."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def packed(vectors: Vectors) -> NDArray[np.int8]:
    """Store each number of vectors in a byte; that turns no vector by more than about a degree."""
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    return np.asarray(np.rint(vectors / np.where(largest == 0, 1, largest) * INT8_MAX), np.int8)


def unpacked(rows: NDArray[np.int8]) -> Vectors:
    """Restore packed vectors at length one; a row of zeros stays zero."""
    return unit_rows(rows.astype(np.float32))
