"""The `search` command: the clips most like a text, a picture or another clip."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from vidcurate.analysis.clip_search import Pooling, SearchQuery, find_clips
from vidcurate.analysis.view import require_dataset
from vidcurate.cli.printing import printable, say, tell, tell_json
from vidcurate.cli.shared import AsJson, Folder


def search(
    dataset: Folder,
    text: Annotated[
        str | None, typer.Argument(help="What the clips show, in words.", show_default=False)
    ] = None,
    like: Annotated[
        str | None, typer.Option(help="A picture's file, or a clip's id.", show_default=False)
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many clips to show.")] = 10,
    pool: Annotated[
        Pooling,
        typer.Option(help="mean: a clip by all its frames; softmax: by those that fit best."),
    ] = "mean",
    temperature: Annotated[
        float, typer.Option(min=0.0001, help="softmax: the lower, the fewer frames count.")
    ] = 0.01,
    as_json: AsJson = False,
) -> None:
    """Find the clips most like a text, a picture or another clip, with their times."""
    opened = require_dataset(dataset)
    rows = find_clips(opened, SearchQuery(text, like, pool, temperature), top, say)
    if as_json:
        tell_json({"dataset": str(opened.root), "text": text, "like": like, "clips": rows})
    else:
        for row in rows:
            tell(line(row))


def line(row: Mapping[str, Any]) -> str:
    """A clip as a line for people."""
    span = f"{row['start_s']:9.2f} to {row['end_s']:9.2f} s"
    return printable(f"{row['score']:7.4f}  {span}  {row['clip_id']}  {row['video']}")
