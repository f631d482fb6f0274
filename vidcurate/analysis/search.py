"""The clips most like a text, a picture or another clip, by exact search over all their vectors.

D/search/clips.arrow   the live clips, each with its vector; made anew when their tables change
"""

import errno
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.clips.vectors import Vectors, clip_frames, clip_vector, matrix, unit_rows
from vidcurate.records import CLIPS
from vidcurate.store.atomic import atomic_write
from vidcurate.store.cache import cache_folder, local_copy
from vidcurate.store.storage import Location
from vidcurate.store.table import rechunk

ROWS_PER_PIECE = 16384
FOUND = CLIPS.schema.append(pa.field("score", pa.float32(), False))
OF = b"of"

VideoVectors = Callable[[str], pa.Table]


def cached_vectors(root: Location, of: str, make: Callable[[], Iterable[pa.Table]]) -> Path:
    """The file of a data set's clips with their vectors; `make` it unless it is `of` this hash.

    That of a data set which may only be read lies among this user's copies of remote files.
    """
    place = root / "search" / "clips.arrow"
    if source_hash(local_copy(place)) == of:
        return local_copy(place)
    try:
        with atomic_write(place) as partial:
            write_pieces(partial, of, make())
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise
        own = cache_folder() / "files" / f"{of}.arrow"
        if source_hash(own) != of:
            with atomic_write(own) as partial:
                write_pieces(partial, of, make())
        return own
    return local_copy(place)


def source_hash(file: Path) -> str | None:
    """The hash that a file was made of; None where there is no whole one."""
    try:
        with pa.memory_map(str(file)) as mapped:
            about = pa.ipc.open_file(mapped).schema.metadata or {}
    except (OSError, pa.ArrowInvalid):
        return None
    return str(about.get(OF, b"").decode())


def write_pieces(file: Path, of: str, tables: Iterable[pa.Table]) -> None:
    """An Arrow IPC file of pieces that are read one by one; there is at least one table."""
    waiting = iter(tables)
    first = next(waiting)
    schema = first.schema.with_metadata({OF: of.encode()})
    with pa.ipc.new_file(str(file), schema) as out:
        for piece in rechunk(chain([first], waiting), ROWS_PER_PIECE):
            out.write_table(piece.cast(schema).combine_chunks())


def clips_with_vectors(
    clips: pa.Table, dimension: int, video_vectors: VideoVectors
) -> Iterator[pa.Table]:
    """Clips with their vectors, video by video; `video_vectors` gives those of a video's frames."""
    yield searchable(clips.slice(0, 0), np.empty((0, dimension), np.float32))
    ordered = clips.sort_by([("video_id", "ascending"), ("start_pts", "ascending")])
    videos = pc.run_end_encode(ordered["video_id"].combine_chunks())
    start = 0
    for video_id, end in zip(videos.values.to_pylist(), videos.run_ends.to_pylist(), strict=True):
        rows, start = ordered.slice(start, end - start), end
        frames = video_vectors(video_id)
        own = [clip_vector(frames, clip) for clip in CLIPS.from_arrow(rows)]
        yield searchable(rows, np.stack(own))


def searchable(clips: pa.Table, vectors: Vectors) -> pa.Table:
    """Clips with a column of vectors."""
    flat = pa.array(vectors.ravel(), pa.float32())
    lists = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    return clips.append_column("vector", lists)


def read_pieces(file: Path) -> Iterator[tuple[pa.Table, Vectors]]:
    """The clips of a kept file with their vectors, piece by piece, memory-mapped."""
    with pa.memory_map(str(file)) as mapped:
        reader = pa.ipc.open_file(mapped)
        for number in range(reader.num_record_batches):
            piece = reader.get_batch(number)
            # Not of a table's column, whose chunks would be copied into one.
            flat = piece.column("vector").flatten().to_numpy()
            clips = pa.Table.from_batches([piece.select(CLIPS.schema.names)])
            yield clips, flat.reshape(piece.num_rows, -1)


def most_similar(file: Path, query: Vectors, count: int) -> pa.Table:
    """The clips whose vectors have the largest cosine with a vector of length one, best first.

    Columns of clips, and `score`.
    """
    best = FOUND.empty_table()
    for clips, vectors in read_pieces(file):
        scores = vectors @ query
        worst = best["score"][-1].as_py() if best.num_rows == count else -np.inf
        places = np.flatnonzero(scores >= worst)
        if len(places):
            found = scored(clips.take(pa.array(places)), scores[places])
            best = in_order(pa.concat_tables([best, found])).slice(0, count).combine_chunks()
    return best


def scored(clips: pa.Table, scores: Vectors) -> pa.Table:
    """Clips with their scores."""
    return clips.append_column(FOUND.field("score"), pa.array(scores, pa.float32())).cast(FOUND)


def in_order(found: pa.Table) -> pa.Table:
    """The best first; of equal ones the first of a video, and videos by their id."""
    order = [("score", "descending"), ("video_id", "ascending"), ("start_pts", "ascending")]
    return found.sort_by(order)


def vector_of(file: Path, clip_id: str) -> Vectors | None:
    """A clip's vector; None where the clip has none."""
    for clips, vectors in read_pieces(file):
        place = pc.index(clips["clip_id"], clip_id).as_py()
        if place >= 0:
            return np.array(vectors[place], np.float32)
    return None


def ranked_by_frames(
    found: pa.Table, query: Vectors, video_vectors: VideoVectors, temperature: float
) -> pa.Table:
    """The same clips, scored by the frames that answer the query, whatever else a clip shows.

    A clip's vector is here the mean of its frames' weighted by the softmax of their cosines over
    the temperature: text-conditioned pooling (X-Pool, Gorti et al. 2022) without its training.
    """
    scores = [
        pooled_score(matrix(clip_frames(video_vectors(clip.video_id), clip)), query, temperature)
        for clip in CLIPS.from_arrow(found.select(CLIPS.schema.names))
    ]
    clips = found.select(CLIPS.schema.names)
    return in_order(scored(clips, np.array(scores, np.float32)))


def pooled_score(frames: Vectors, query: Vectors, temperature: float) -> float:
    """The cosine of a query and the frames that are most like it; all are of length one."""
    cosines = frames @ query
    weights = np.exp((cosines - cosines.max()) / temperature)
    return float(unit_rows((weights @ frames)[None])[0] @ query)
