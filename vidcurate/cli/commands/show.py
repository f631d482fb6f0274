"""The `show` command: everything known of one clip."""

from pathlib import Path
from typing import Annotated

import typer

from vidcurate.analysis.clip_details import clip_details
from vidcurate.analysis.view import read_consistently, require_dataset
from vidcurate.cli.printing import tell_json
from vidcurate.cli.render_clip import show_clip
from vidcurate.cli.shared import AsJson, Folder


def show(
    clip: Annotated[
        str,
        typer.Argument(
            help="A clip's id, the beginning of one, or FILM@SECONDS: the clip shown at that time."
        ),
    ],
    dataset: Folder,
    strip: Annotated[
        Path | None,
        typer.Option(
            help="Write the strip of frames to this file, a JPEG, instead of the cache's folder.",
            show_default=False,
            dir_okay=False,
            metavar="FILE",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of one clip, what made each part, and a strip of its frames.

    Lineage says for each stage the options that decide, model, library versions and the time taken.
    """
    opened = require_dataset(dataset)
    found = read_consistently(opened, lambda: clip_details(opened, clip, strip))
    if as_json:
        tell_json(found.as_dict())
    else:
        show_clip(found)
