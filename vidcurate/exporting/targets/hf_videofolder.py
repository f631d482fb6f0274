"""hf-videofolder: clips with a metadata file, as the `datasets` library loads videos."""

import glob
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vidcurate.errors import UsageError
from vidcurate.exporting.listing import (
    CLIPS,
    PATHS,
    chosen_columns,
    clip_name,
    read_json_lines,
    write_json_lines,
    written_as,
)
from vidcurate.exporting.target import Bundle, Sample, Target

# Columns that no clip lacks: a column of nulls in one split would have another type than elsewhere.
COLUMNS = ("caption", "clip_id", "video_id", "duration_s", "n_frames", "fps", "width", "height")
FILE = "file_name"
FOR_FILES = ("file_name", "file_names")
HOWTO = """# A folder of videos for the `datasets` library

Each split is a folder with its clips and one metadata file.

```python
from datasets import load_dataset

clips = load_dataset("videofolder", data_dir=".")  # this folder
print(clips["train"][0]["caption"])
```

Rows give their video decoded, by torchcodec. Without it, or to get paths:

```python
from datasets import Video

clips = clips.cast_column("video", Video(decode=False))
```
"""


def write(bundle: Bundle) -> None:
    """Write one split: its clips, and their metadata as JSON lines.

    With columns of the user's choice the metadata is Parquet, which states the types of columns.
    """
    samples = list(bundle.samples())
    for sample in samples:
        bundle.place(sample, f"{bundle.split}/{clip_name(sample)}")
    if bundle.options.columns:
        pq.write_table(chosen_table(bundle, samples), metadata_file(bundle))
    else:
        columns = {name: name for name in COLUMNS}
        rows = ({FILE: clip_name(s), **chosen_columns(s, clip_name(s), columns)} for s in samples)
        write_json_lines(metadata_file(bundle), rows)
    bundle.text("HOWTO.md", HOWTO)


def metadata_file(bundle: Bundle) -> Path:
    """Return where the metadata of a split lies."""
    suffix = "parquet" if bundle.options.columns else "jsonl"
    return bundle.file(f"{bundle.split}/metadata.{suffix}")


def chosen_table(bundle: Bundle, samples: Sequence[Sample]) -> pa.Table:
    """Return the columns that the user chose, of the same types in every split.

    Raises UsageError for a name that the library takes for more files.
    """
    columns = {name: c for name, c in bundle.options.columns.items() if c not in PATHS}
    columns = columns if "caption" in columns.values() else {"caption": "caption", **columns}
    types = {f.name: f.type for f in bundle.schema or ()}
    fields = [pa.field(FILE, pa.string())]
    for name, column in columns.items():
        if name.endswith(FOR_FILES) or any(end in str(types.get(column)) for end in FOR_FILES):
            raise UsageError(f"columns: {name} would be read as the name of a file: leave it out")
        fields.append(pa.field(name, types.get(column) or found_type(samples, column)))
    rows = [{FILE: clip_name(s), **chosen_columns(s, clip_name(s), columns)} for s in samples]
    return pa.Table.from_pylist(rows, pa.schema(fields))


def found_type(samples: Sequence[Sample], column: str) -> pa.DataType:
    """Return the type of a column that the table does not state; text where all is null."""
    values = [chosen_columns(s, clip_name(s), {column: column})[column] for s in samples]
    kind = pa.array(values).type
    return pa.string() if pa.types.is_null(kind) else kind


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read a split with the `datasets` library where it is installed, else as that does.

    Raises ValueError where metadata and files differ.
    """
    caption = written_as(bundle.options.columns, "caption") or "caption"
    rows = read_rows(metadata_file(bundle))
    names = [str(row[FILE]) for row in rows]
    there = {f"{CLIPS}/{file.name}" for file in (bundle.root / bundle.split / CLIPS).glob("*")}
    if set(names) != there or len(names) != len(there):
        wrong = min(set(names) ^ there, default=f"one of {len(names)} files, named twice,")
        raise ValueError(f"{bundle.split}: {wrong} is not both in the metadata and in the folder")
    # The library reads the brackets of a path as a pattern.
    if rows and find_spec("datasets") and not glob.has_magic(str(bundle.root)):
        return with_datasets(bundle, caption)
    return [(Path(name).stem, row[caption]) for name, row in zip(names, rows, strict=True)]


def read_rows(file: Path) -> list[dict[str, Any]]:
    """Read a metadata file."""
    if file.suffix == ".jsonl":
        return list(read_json_lines(file))
    rows: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    return rows


def with_datasets(bundle: Bundle, caption: str) -> Sequence[tuple[str, str]]:
    """Load a split as the library does; raises ValueError for what it refuses."""
    import datasets  # noqa: PLC0415 - not every installation has it
    from datasets.packaged_modules.videofolder.videofolder import VideoFolder  # noqa: PLC0415

    files = {bundle.split: f"{bundle.root}/{bundle.split}/**"}
    showed_bars = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        with TemporaryDirectory() as cache:
            # load_dataset would tell a server that it was called.
            loader = VideoFolder(data_files=files, cache_dir=cache)
            loader.download_and_prepare()
            clips = loader.as_dataset(bundle.split)
            clips = clips.cast_column("video", datasets.Video(decode=False))
            return [(Path(row["video"]["path"]).stem, row[caption]) for row in clips]
    except datasets.exceptions.DatasetsError as error:
        raise ValueError(f"datasets: {error.__cause__ or error}") from error
    finally:
        if showed_bars:
            datasets.enable_progress_bars()


TARGET = Target(
    name="hf-videofolder",
    summary="Clips with a metadata file, for the datasets library.",
    write=write,
    read=read,
    needs_captions=False,
    names_splits=True,
    data_files="{split}/**",
)
