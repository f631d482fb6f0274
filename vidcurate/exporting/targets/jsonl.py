"""jsonl: a list of the clips as JSON lines, with columns of the user's choice."""

from collections.abc import Iterator, Sequence
from typing import Any

from vidcurate.exporting.layouts.listing import (
    PATHS,
    about_paths,
    chosen_columns,
    clip_name,
    columns_asked,
    list_path,
    read_json_lines,
    require_file,
    write_json_lines,
    written_as,
)
from vidcurate.exporting.target import Bundle, Target

LIST = "clips.jsonl"
HOWTO = """# Clips in a list

`clips.jsonl` has a JSON object for each clip, one a line. {paths}

```python
import json

clips = [json.loads(line) for line in open("clips.jsonl", encoding="utf-8")]
```
"""


def write(bundle: Bundle) -> None:
    """Write the clips and their list."""
    columns = columns_asked(bundle.options)

    def rows() -> Iterator[dict[str, Any]]:
        for sample in bundle.samples():
            bundle.place(sample, clip_name(sample))
            yield chosen_columns(sample, list_path(bundle, sample), columns)

    write_json_lines(bundle.file(LIST), rows())
    bundle.text("HOWTO.md", HOWTO.format(paths=about_paths(bundle)))


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read the list; raises ValueError for a file that is not there."""
    columns = columns_asked(bundle.options)
    path, caption = written_as(columns, *PATHS), written_as(columns, "caption")
    return [
        (require_file(bundle, row[path]).stem, row[caption])
        for row in read_json_lines(bundle.root / LIST)
    ]


TARGET = Target(
    name="jsonl",
    summary="Clips with a list of JSON lines, of columns that you name.",
    write=write,
    read=read,
    check=lambda _training, options: columns_asked(options),
    needs_captions=False,
)
