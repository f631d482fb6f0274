"""csv: a table of the clips as text, with columns of the user's choice."""

from collections.abc import Sequence

from vidcurate.exporting.layouts.listing import (
    about_paths,
    columns_asked,
    listed_pairs,
    listed_rows,
    read_csv,
    write_csv,
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
    write_csv(bundle.file(LIST), list(columns_asked(bundle.options)), listed_rows(bundle))
    bundle.text("HOWTO.md", HOWTO.format(paths=about_paths(bundle)))


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read the table; raises ValueError for a file that is not there or a row of other length."""
    return listed_pairs(bundle, read_csv(bundle.root / LIST))


TARGET = Target(
    name="csv",
    summary="Clips with a CSV table of columns that you name.",
    write=write,
    read=read,
    check=lambda _training, options: columns_asked(options),
    needs_captions=False,
    takes_subtitles=True,
)
