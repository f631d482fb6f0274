"""Parquet shards that stream: numbered without gaps, in row groups that fit in memory."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from vidcurate.storage import Place
from vidcurate.table import in_pieces

ROWS_PER_GROUP = 1000
# A row group of clip files is held in memory at once by readers.
ROWS_PER_GROUP_WITH_BYTES = 16
FILE_COLUMN = "video"
VIDEO = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])


def write_shards(
    pieces: Iterable[pa.Table], folder: Path, rows_per_shard: int, media: Place | None
) -> list[str]:
    """Write a table, given in pieces, as `train-00000-of-00003.parquet` and so on; returns names.

    With `media`, the folder that `file_name` is relative to, each row also holds its clip's file
    in a column `FILE_COLUMN` of {bytes, path}, the form that the `datasets` library decodes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for rows in in_pieces(pieces, rows_per_shard):
        written.append(folder / f"train-{len(written):05d}.parquet")
        write_shard(rows, written[-1], media)
    named = [file.with_stem(f"{file.stem}-of-{len(written):05d}") for file in written]
    return [file.rename(name).name for file, name in zip(written, named, strict=True)]


def write_shard(rows: pa.Table, file: Path, media: Place | None) -> None:
    """One shard, a row group at a time."""
    schema = rows.schema if media is None else rows.schema.append(pa.field(FILE_COLUMN, VIDEO))
    size = ROWS_PER_GROUP if media is None else ROWS_PER_GROUP_WITH_BYTES
    with pq.ParquetWriter(file, schema, compression="zstd", write_page_index=True) as writer:
        for group in groups(rows, size):
            writer.write_table(group if media is None else with_bytes(group, media), size)


def groups(rows: pa.Table, size: int) -> Iterator[pa.Table]:
    """Rows in row groups; one empty group where there are none."""
    for start in range(0, max(rows.num_rows, 1), size):
        yield rows.slice(start, size)


def with_bytes(rows: pa.Table, media: Place) -> pa.Table:
    """Rows with their clips' files in them."""
    names = rows["file_name"].to_pylist()
    videos = [
        None if name is None else {"bytes": (media / name).read_bytes(), "path": name}
        for name in names
    ]
    return rows.append_column(pa.field(FILE_COLUMN, VIDEO), pa.array(videos, VIDEO))
