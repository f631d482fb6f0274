"""Parquet shards that can be streamed: numbered without gaps, in row groups that fit in memory."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vidcurate.errors import UsageError
from vidcurate.exporting.folder.row_files import RowFiles
from vidcurate.exporting.folder.subtitles import FROM_FILE, SUBTITLE_COLUMNS
from vidcurate.exporting.target import Bundle, Target
from vidcurate.store.storage import Location, map_names
from vidcurate.store.table import rechunk

ROWS_PER_GROUP = 1000
# Readers hold a row group in memory at once, and several of them.
BYTES_PER_GROUP = 256 << 20
# A page of Parquet, which holds one value at least, has a length of 31 bits.
MAX_VALUE_BYTES = (1 << 31) - (1 << 20)
FILE_COLUMN = "video"
VIDEOS_FOLDER, FILMS_FOLDER = "videos", "films"
# Lengths of 64 bits, since a reader may put all row groups of a file into one array.
VIDEO = pa.struct([pa.field("bytes", pa.large_binary()), pa.field("path", pa.string())])


def write(bundle: Bundle) -> None:
    """Write one split of an export as shards, and its videos; what is as before is kept."""
    files = bundle.row_files
    assert files is not None
    media = files.to if bundle.options.embed_bytes else None
    write_shards(bundle, "data", with_files(bundle, files), media)
    if bundle.list_videos is not None:
        write_shards(bundle, VIDEOS_FOLDER, bundle.list_videos(), None)
    for name, list_rows in bundle.list_films.items():
        write_shards(bundle, f"{FILMS_FOLDER}/{name}", list_rows(), None)


def write_shards(
    bundle: Bundle, folder: str, pieces: Iterable[pa.Table], media: Location | None
) -> None:
    """Write a table, given in pieces, as `train-00000-of-00003.parquet` and so on.

    With `media`, the folder that `file_name` is relative to, each row also holds its clip's file
    in a column `FILE_COLUMN` of {bytes, path}, the form that the `datasets` library decodes.
    Raises UsageError for a file that no Parquet can hold.
    """
    written: list[Path] = []
    for rows in rechunk(pieces, bundle.options.rows_per_shard):
        name = f"{folder}/{bundle.split}-{len(written):05d}.parquet"
        if not keep_shard(bundle, rows, name, has_bytes=media is not None):
            write_shard(rows, bundle.file(name), media)
        written.append(bundle.root / name)
    for file in written:
        bundle.known.rename(file, f"{file.stem}-of-{len(written):05d}.parquet")


def with_files(bundle: Bundle, files: RowFiles) -> Iterator[pa.Table]:
    """Yield the table in pieces, each when the files that its rows name are in their places."""
    for clips in bundle.tables():
        files.put(clips)
        for row in subtitled(clips):
            bundle.place_subtitles(row, row["file_name"])
        yield clips


def subtitled(clips: pa.Table) -> list[Mapping[str, Any]]:
    """List the rows that have subtitles, with what these are made of."""
    names = [name for name in SUBTITLE_COLUMNS if name in clips.column_names]
    rows = clips.select(["video_id", *FROM_FILE, *names]).to_pylist() if names else []
    return [row for row in rows if any(row[name] for name in names)]


def keep_shard(bundle: Bundle, rows: pa.Table, name: str, *, has_bytes: bool) -> bool:
    """Take the previous export's shard of this number, if it holds just these rows."""
    if bundle.previous is None:
        return False
    stem = f"{name.removesuffix('.parquet')}-of-"
    before = next((n for n in bundle.previous.entries if n.startswith(stem)), None)
    if before is None or not (bundle.previous.folder / before).is_file():
        return False
    with pq.ParquetFile(bundle.previous.folder / before) as file:
        columns = [*rows.column_names, *([FILE_COLUMN] if has_bytes else [])]
        if file.schema_arrow.names != columns or file.metadata.num_rows != rows.num_rows:
            return False
        same = file.read(rows.column_names).equals(rows)
    return same and bundle.keep(before, name)


def read(bundle: Bundle) -> list[tuple[str, str]]:
    """Read the clips and captions of one split back.

    Raises ValueError for shards that are not numbered without gaps, and for rows that name a file
    which is not there or has another size.
    """
    shards = sorted((bundle.root / "data").glob(f"{bundle.split}-*.parquet"))
    names = [f"{bundle.split}-{n:05d}-of-{len(shards):05d}.parquet" for n in range(len(shards))]
    if [shard.name for shard in shards] != names:
        raise ValueError(f"the shards are not numbered without gaps: {[s.name for s in shards]}")
    pairs: list[tuple[str, str]] = []
    for shard in shards:
        with pq.ParquetFile(shard) as file:
            rows = file.read(["clip_id", "caption", "file_name", "size_bytes"]).to_pylist()
        if bundle.row_files is not None and isinstance(bundle.row_files.to, Path):
            check_sizes(bundle.root, rows)
        pairs += [(row["clip_id"], row["caption"] or "") for row in rows]
    return pairs


def check_sizes(root: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Check that the files that rows name are there; raises ValueError."""
    for row in rows:
        name = row["file_name"]
        if name is None:
            continue
        file = root / name
        if not file.is_file() or file.stat().st_size != row["size_bytes"]:
            raise ValueError(f"{name} is missing, or has another size than its row says")


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


TARGET = Target(
    name="parquet",
    summary="Parquet with a row for each clip, and the clip files beside it.",
    write=write,
    read=read,
    needs_files=False,
    needs_captions=False,
    of_rows=True,
    takes_subtitles=True,
    names_splits=True,
    data_files="data/{split}-*.parquet",
)
