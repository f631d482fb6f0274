"""Parquet shards that can be streamed: numbered without gaps, in row groups that fit in memory."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vidcurate.errors import UsageError
from vidcurate.store.storage import Location, map_names
from vidcurate.store.table import rechunk

ROWS_PER_GROUP = 1000
# Readers hold a row group in memory at once, and several of them.
BYTES_PER_GROUP = 256 << 20
# A page of Parquet, which holds one value at least, has a length of 31 bits.
MAX_VALUE_BYTES = (1 << 31) - (1 << 20)
FILE_COLUMN = "video"
# Lengths of 64 bits, since a reader may put all row groups of a file into one array.
VIDEO = pa.struct([pa.field("bytes", pa.large_binary()), pa.field("path", pa.string())])


def write_shards(
    pieces: Iterable[pa.Table], folder: Path, rows_per_shard: int, media: Location | None
) -> list[str]:
    """Write a table, given in pieces, as `train-00000-of-00003.parquet` and so on; return names.

    With `media`, the folder that `file_name` is relative to, each row also holds its clip's file
    in a column `FILE_COLUMN` of {bytes, path}, the form that the `datasets` library decodes.
    Raises UsageError for a file that no Parquet can hold.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for rows in rechunk(pieces, rows_per_shard):
        written.append(folder / f"train-{len(written):05d}.parquet")
        write_shard(rows, written[-1], media)
    named = [file.with_stem(f"{file.stem}-of-{len(written):05d}") for file in written]
    return [file.rename(name).name for file, name in zip(written, named, strict=True)]


def write_shard(rows: pa.Table, file: Path, media: Location | None) -> None:
    """Write one shard, one row group at a time."""
    if media is None:
        schema, options, groups = rows.schema, {}, row_groups(rows, [0] * rows.num_rows)
    else:
        schema = rows.schema.append(pa.field(FILE_COLUMN, VIDEO))
        options, groups = options_with_bytes(schema), row_groups_with_bytes(rows, media)
    compression: Any = {"compression": "zstd", **options}
    with pq.ParquetWriter(file, schema, write_page_index=True, **compression) as writer:
        for group in groups:
            writer.write_table(group, max(1, group.num_rows))


def options_with_bytes(schema: pa.Schema) -> dict[str, Any]:
    """Return the options that write clip files uncompressed and the other columns compressed.

    They are compressed already, and a dictionary or statistics of them would hold them once more.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink)
    with pq.ParquetFile(pa.BufferReader(sink.getvalue())) as empty:
        leaves = [empty.schema.column(n).path for n in range(len(empty.schema))]
    others = [path for path in leaves if path != f"{FILE_COLUMN}.bytes"]
    codecs = {f"{FILE_COLUMN}.bytes": "none", **dict.fromkeys(others, "zstd")}
    return {"compression": codecs, "use_dictionary": others, "write_statistics": others}


def row_groups_with_bytes(rows: pa.Table, media: Location) -> Iterator[pa.Table]:
    """Yield row groups that include the files of their clips.

    Raises UsageError for a file that no Parquet can hold.
    """
    names = rows["file_name"].to_pylist()
    sizes = map_names(lambda n: 0 if n is None else (media / n).stat().st_size, names, media)
    for name, size in zip(names, sizes, strict=True):
        if size > MAX_VALUE_BYTES:
            raise UsageError(
                f"{name} has {size} bytes, and Parquet holds at most {MAX_VALUE_BYTES} in one "
                "value: set export.embed_bytes to no, or a lower split.max_clip_s"
            )
    for group in row_groups(rows, sizes):
        yield group.append_column(
            pa.field(FILE_COLUMN, VIDEO), video_column(group["file_name"], media)
        )


def row_groups(rows: pa.Table, sizes: Sequence[int]) -> Iterator[pa.Table]:
    """Divide rows into groups of at most `BYTES_PER_GROUP`, or of one row.

    `sizes` are those of the rows' files. One empty group where there are no rows.
    """
    start, n_bytes = 0, 0
    for row, size in enumerate(sizes):
        if row > start and (n_bytes + size > BYTES_PER_GROUP or row - start == ROWS_PER_GROUP):
            yield rows.slice(start, row - start)
            start, n_bytes = row, 0
        n_bytes += size
    yield rows.slice(start)


def video_column(names: pa.ChunkedArray, media: Location) -> pa.StructArray:
    """Read clip files into one buffer, as a column of {bytes, path}."""
    paths = names.combine_chunks()
    sizes = [0 if n is None else (media / n).stat().st_size for n in paths.to_pylist()]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    content = pa.allocate_buffer(int(offsets[-1]))
    into = memoryview(content)
    for name, start, end in zip(paths.to_pylist(), offsets[:-1], offsets[1:], strict=True):
        if name is not None:
            read_into(media / name, into[start:end])
    buffers = [None, pa.py_buffer(offsets), content]
    files = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(paths), buffers)
    return pa.StructArray.from_arrays([files, paths], fields=list(VIDEO), mask=paths.is_null())


def read_into(file: Location, into: memoryview) -> None:
    """Read a whole file into memory of its size; raises UsageError if the file is shorter now."""
    n_read = 0
    with file.open("rb") as content:
        while n_read < len(into) and (got := content.readinto(into[n_read:])):
            n_read += got
    if n_read < len(into):
        raise UsageError(f"{file} grew shorter while it was read: run the same command again")
