"""The vectors of a video's proxies on disk, and the part of them that belongs to a clip."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vidcurate.errors import MediaError
from vidcurate.records import VECTORS, Clip, VideoVectors
from vidcurate.stage import Workspace
from vidcurate.store.storage import Location
from vidcurate.store.table import arrow_source, write_parquet

Vectors = NDArray[np.float32]


def write_video_vectors(file: Path, pts: Sequence[int], vectors: Vectors) -> None:
    """Write a video's vectors, shape (frames, dimension), with the rising times of their frames.

    The file has columns `pts` and `vector`, a list of fixed size of half-precision numbers.
    """
    columns = {"pts": pa.array(pts, pa.int64()), "vector": vector_column(vectors)}
    write_parquet(file, pa.table(columns))


def vector_column(vectors: Vectors) -> pa.Array:
    """Return vectors, shape (rows, dimension), as a column of lists of half-precision numbers."""
    flat = pa.array(vectors.astype(np.float16).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])


def read_video_vectors(file: Location) -> pa.Table:
    """Read a video's vectors in time order, columns `pts` and `vector`.

    Raises MediaError where the file is missing or damaged.
    """
    try:
        # Not `pq.read_table`, which is many times as slow on small files.
        with pq.ParquetFile(arrow_source(file)) as opened:
            return opened.read()
    except (OSError, pa.ArrowInvalid) as error:
        raise MediaError(f"cannot read the vectors {file.name!r}: embed the video again") from error


def matrix(table: pa.Table) -> Vectors:
    """Return the vectors of a table as an array of shape (frames, dimension), each of length one.

    Half precision takes up to a thousandth off their length, which is given back.
    """
    dimension = table.schema.field("vector").type.list_size
    flat = table["vector"].combine_chunks().flatten().to_numpy()
    return unit_rows(flat.reshape(-1, dimension).astype(np.float32))


def clip_frames(table: pa.Table, clip: Clip) -> pa.Table:
    """Return the rows inside a clip, or else the one nearest to its middle."""
    pts = table["pts"].to_numpy()
    start, stop = np.searchsorted(pts, [clip.start_pts, clip.end_pts])
    if start == stop:
        nearest = int(np.argmin(np.abs(2 * pts - (clip.start_pts + clip.end_pts))))
        return table.slice(nearest, 1)
    return table.slice(int(start), int(stop - start))


def vectors_of(
    clips: Sequence[Clip], workspace: Workspace
) -> Iterator[tuple[Clip, VideoVectors, Vectors]]:
    """Yield each clip with its video's row of vectors and the vectors of its frames.

    Raises MediaError for a video without vectors.
    """
    video, table = None, pa.table({})
    for clip in clips:
        if video is None or video.video_id != clip.video_id:
            video = workspace.lookup(VECTORS).get(clip.video_id)
            if video is None:
                raise MediaError("the video was not embedded: see rows vectors --failed")
            table = read_video_vectors(workspace.file_of(VECTORS, video.vectors_file))
        yield clip, video, matrix(clip_frames(table, clip))


def clip_vector(table: pa.Table, clip: Clip) -> Vectors:
    """Return a clip's vector, shape (dimension,): the mean of its frames' at length one."""
    mean = matrix(clip_frames(table, clip)).mean(axis=0, keepdims=True)
    return np.asarray(unit_rows(mean)[0], np.float32)


def unit_rows(rows: Vectors) -> Vectors:
    """Scale rows to length one; a row of zeros stays as it is."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths == 0, 1, lengths), np.float32)
