"""fiftyone: clips with a table, as FiftyOne's CSVDataset is imported."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vidcurate.errors import UsageError
from vidcurate.exporting.layouts.listing import (
    PATHS,
    chosen_columns,
    read_csv,
    write_csv,
    written_as,
)
from vidcurate.exporting.target import Bundle, Target, TargetOptions

LIST = "labels.csv"
FILE = "filepath"
COLUMNS = ("caption", "clip_id", "video_id", "duration_s", "n_frames", "fps", "width", "height")
NUMBERS = {"duration_s": "float", "n_frames": "int", "fps": "float", "width": "int"}
NUMBERS |= {"height": "int"}
# Fields that samples have already; `frames` holds the labels of a video's frames.
RESERVED = frozenset({FILE, "frames", "id", "tags", "metadata", "created_at", "last_modified_at"})
NAME = re.compile(r"[^\W_]\w*")
HOWTO = """# Clips for FiftyOne

```python
import fiftyone

clips = fiftyone.Dataset.from_dir(
    dataset_dir=".",  # this folder
    dataset_type=fiftyone.types.CSVDataset,
    fields={fields},
    name="{name}",
)
fiftyone.launch_app(clips).wait()
```
"""


def write(bundle: Bundle) -> None:
    """Write the clips and their table."""
    columns = columns_asked(bundle.options)

    def rows() -> Iterator[dict[str, Any]]:
        for sample in bundle.samples():
            name = f"{sample.stem}.mp4"
            bundle.place(sample, f"data/{name}")
            yield {FILE: name, **chosen_columns(sample, name, columns)}

    write_csv(bundle.file(LIST), [FILE, *columns], rows())
    parsers = ", ".join(f'"{name}": {NUMBERS.get(c)}' for name, c in columns.items())
    bundle.text("HOWTO.md", HOWTO.format(name=bundle.name, fields=f"{{{parsers}}}"))


def columns_asked(options: TargetOptions) -> Mapping[str, str]:
    """Return the columns of the table; raises UsageError for names that FiftyOne uses itself."""
    asked = {name: column for name, column in options.columns.items() if column not in PATHS}
    columns = asked or {name: name for name in COLUMNS}
    taken = [name for name in columns if name in RESERVED or not NAME.fullmatch(name)]
    if taken:
        raise UsageError(f"columns: FiftyOne takes no field {taken[0]!r}, or has it already")
    return columns if "caption" in columns.values() else {"caption": "caption", **columns}


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read the table in the order of the files, as FiftyOne does.

    Raises ValueError for a row without its file, or a file without its row.
    """
    caption = written_as(columns_asked(bundle.options), "caption")
    rows = {row[FILE]: row[caption] for row in read_csv(bundle.root / LIST)}
    there = {file.name for file in (bundle.root / "data").glob("*")}
    if rows.keys() != there:
        raise ValueError(f"{min(rows.keys() ^ there)} is not both in {LIST} and in data/")
    return [(name.removesuffix(".mp4"), rows[name]) for name in sorted(rows)]


TARGET = Target(
    name="fiftyone",
    summary="Clips with labels.csv, for FiftyOne.",
    write=write,
    read=read,
    check=lambda _training, options: columns_asked(options),
    needs_captions=False,
)
