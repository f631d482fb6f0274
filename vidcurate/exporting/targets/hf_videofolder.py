"""hf-videofolder: clips with a metadata file, as the `datasets` library loads videos."""

import glob
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vidcurate.errors import UsageError
from vidcurate.exporting.layouts.listing import (
    CLIPS,
    PATHS,
    chosen_columns,
    clip_name,
    read_json_lines,
    write_json_lines,
    written_as,
)
from vidcurate.exporting.target import Bundle, Target, TargetOptions

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
    chosen = bundle.options.columns
    columns = columns_asked(bundle.options)

    def rows() -> Iterator[dict[str, Any]]:
        for sample in bundle.samples():
            name = clip_name(sample)
            bundle.place(sample, f"{bundle.split}/{name}")
            yield {FILE: name, **chosen_columns(sample, name, columns)}

    if chosen:
        pq.write_table(typed(list(rows()), columns, bundle.schema), metadata_file(bundle))
    else:
        write_json_lines(metadata_file(bundle), rows())
    bundle.text("HOWTO.md", HOWTO)


def metadata_file(bundle: Bundle) -> Path:
    """Return where the metadata of a split lies."""
    suffix = "parquet" if bundle.options.columns else "jsonl"
    return bundle.file(f"{bundle.split}/metadata.{suffix}")


def columns_asked(options: TargetOptions) -> Mapping[str, str]:
    """Return the columns of the metadata, with that of the captions.

    Raises UsageError for what the library would take for the name of another file.
    """
    if not options.columns:
        return {name: name for name in COLUMNS}
    columns = {name: c for name, c in options.columns.items() if c not in PATHS}
    for name, column in columns.items():
        if name.endswith(FOR_FILES) or column == "keyframes":
            raise UsageError(f"columns: {name} would be read as the name of a file: leave it out")
    return columns if written_as(columns, "caption") else {"caption": "caption", **columns}


def typed(
    rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], schema: pa.Schema | None
) -> pa.Table:
    """Return a table whose columns have the types of those that they hold, also where all is null.

    A type that is not known is that of the values.
    """
    known = {field.name: field.type for field in schema or ()}
    found = pa.Table.from_pylist(rows).schema if rows else pa.schema([])
    fields = [pa.field(FILE, pa.string())]
    for name, column in columns.items():
        kind = found.field(name).type if name in found.names else pa.string()
        fields.append(pa.field(name, known.get(column, kind)))
    return pa.Table.from_pylist(rows, pa.schema(fields))


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
    check=lambda _training, options: columns_asked(options),
    needs_captions=False,
    names_splits=True,
    data_files="{split}/**",
)
