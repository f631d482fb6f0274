"""Clip files in the Parquet: row groups by bytes, which every reader takes."""

from pathlib import Path

import datasets
import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vidcurate.errors import UsageError
from vidcurate.exporting.targets import parquet
from vidcurate.exporting.targets.parquet import write_shard

SIZES = (300, 500, 200, None, 1500, 10, 900)


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pa.Table:
    """Clips of several sizes, one without a file, where a row group holds a thousand bytes."""
    monkeypatch.setattr(parquet, "BYTES_PER_GROUP", 1000)
    names = [None if size is None else f"clips/{n}.mp4" for n, size in enumerate(SIZES)]
    (tmp_path / "clips").mkdir()
    for name, size in zip(names, SIZES, strict=True):
        if name is not None and size is not None:
            (tmp_path / name).write_bytes(bytes([size % 251]) * size)
    keyframes = [[{"file_name": f"keyframes/{n}.jpg"}] for n in range(len(SIZES))]
    return pa.table({"clip_id": list("abcdefg"), "file_name": names, "keyframes": keyframes})


def test_row_groups_are_bounded_by_bytes(rows: pa.Table, tmp_path: Path) -> None:
    """No group holds more than the limit, but for one clip that alone does; all readers agree."""
    file = tmp_path / "train.parquet"
    write_shard(rows, file, tmp_path)
    with pq.ParquetFile(file) as made:
        groups = [made.metadata.row_group(n).num_rows for n in range(made.num_row_groups)]
        assert groups == [4, 1, 2]
        chunk = made.metadata.row_group(0).column(made.schema.names.index("bytes"))
        assert (chunk.compression, chunk.is_stats_set) == ("UNCOMPRESSED", False)
        assert made.metadata.row_group(0).column(0).compression == "ZSTD"
        assert sum(batch.num_rows for batch in made.iter_batches(batch_size=1)) == len(SIZES)
    sizes = list(SIZES)
    read = pq.read_table(file)
    assert [v and len(v["bytes"]) for v in read["video"].to_pylist()] == sizes
    assert read["video"].to_pylist()[4]["path"] == "clips/4.mp4"
    with duckdb.connect() as connection:
        query = "select octet_length(video.bytes) from read_parquet(?)"
        assert [row[0] for row in connection.execute(query, [str(file)]).fetchall()] == sizes
    videos = pl.read_parquet(file)["video"].to_list()
    assert [v and v["bytes"] and len(v["bytes"]) for v in videos] == sizes
    loaded = datasets.load_dataset(
        "parquet", data_files=str(file), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert [v and v["bytes"] and len(v["bytes"]) for v in loaded["video"]] == sizes


def test_a_clip_that_no_parquet_can_hold_is_named(
    rows: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file past what one value may have is refused with its name, size and a way out."""
    monkeypatch.setattr(parquet, "MAX_VALUE_BYTES", 1000)
    with pytest.raises(UsageError, match=r"clips/4\.mp4 has 1500 bytes.*embed_bytes to no"):
        write_shard(rows, tmp_path / "train.parquet", tmp_path)
