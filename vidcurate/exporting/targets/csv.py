"""csv: a table of the clips as text, with columns of the user's choice."""

from collections.abc import Iterator, Sequence
from typing import Any

from vidcurate.exporting.layouts.listing import (
    PATHS,
    about_paths,
    chosen_columns,
    clip_name,
    columns_asked,
    list_path,
    read_csv,
    require_file,
    write_csv,
    written_as,
)
from vidcurate.exporting.target import Bundle, Target

LIST = "clips.csv"
HOWTO = """# Clips in a table

`clips.csv` has a row for each clip (UTF-8, comma, quotes doubled). {paths}

```python
import pandas

clips = pandas.read_csv("clips.csv", keep_default_na=False)  # a caption may be the word None
```
"""


def write(bundle: Bundle) -> None:
    """Write the clips and their table."""
    columns = columns_asked(bundle.options)

    def rows() -> Iterator[dict[str, Any]]:
        for sample in bundle.samples():
            bundle.place(sample, clip_name(sample))
            yield chosen_columns(sample, list_path(bundle, sample), columns)

    write_csv(bundle.file(LIST), list(columns), rows())
    bundle.text("HOWTO.md", HOWTO.format(paths=about_paths(bundle)))


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read the table; raises ValueError for a file that is not there or a row of other length."""
    columns = columns_asked(bundle.options)
    path, caption = written_as(columns, *PATHS), written_as(columns, "caption")
    return [
        (require_file(bundle, row[path]).stem, row[caption]) for row in read_csv(bundle.root / LIST)
    ]


TARGET = Target(
    name="csv",
    summary="Clips with a CSV table of columns that you name.",
    write=write,
    read=read,
    check=lambda _training, options: columns_asked(options),
    needs_captions=False,
)
