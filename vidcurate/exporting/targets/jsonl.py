"""jsonl: a list of the clips as JSON lines, with columns of the user's choice."""

from collections.abc import Sequence

from vidcurate.exporting.layouts.listing import (
    about_paths,
    columns_asked,
    listed_pairs,
    listed_rows,
    read_json_lines,
    write_json_lines,
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
    write_json_lines(bundle.file(LIST), listed_rows(bundle))
    bundle.text("HOWTO.md", HOWTO.format(paths=about_paths(bundle)))


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read the list; raises ValueError for a file that is not there."""
    return listed_pairs(bundle, read_json_lines(bundle.root / LIST))


TARGET = Target(
    name="jsonl",
    summary="Clips with a list of JSON lines, of columns that you name.",
    write=write,
    read=read,
    check=lambda _training, options: columns_asked(options),
    needs_captions=False,
    takes_subtitles=True,
)
