"""The command that takes videos out of a data set."""

from collections.abc import Sequence
from typing import Annotated

import typer

from vidcurate.analysis.view import require_dataset
from vidcurate.cli.printing import say, tell_json
from vidcurate.cli.shared import Folder
from vidcurate.errors import UsageError, some
from vidcurate.pipeline.discovery.found_files import drop_files
from vidcurate.pipeline.discovery.sources import source_name
from vidcurate.pipeline.scope import GONE
from vidcurate.pipeline.session import forget_version
from vidcurate.records import FoundFile
from vidcurate.store.lock import writing

Videos = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="VIDEO",
        help="Videos, folders (all videos below) or lists (all videos that they name).",
        show_default=False,
    ),
]
Versions = Annotated[
    list[str] | None,
    typer.Option(
        "--version", metavar="NAME", help="A caption version; repeat for more.", show_default=False
    ),
]
Gone = Annotated[bool, typer.Option("--gone", help="All videos that are gone or no longer listed.")]


def drop(
    dataset: Folder, videos: Videos = None, gone: Gone = False, version: Versions = None
) -> None:
    """Take videos out of a data set; their files stay, and ingest takes them in again.

    A caption version is taken out by its name; its texts stay until they are cleaned away. What is
    there is dropped also where a name beside it is unknown, which ends the command with 2.
    """
    if not videos and not gone and not version:
        raise UsageError("which videos? name their paths, or give --gone, or a caption --version")
    opened = require_dataset(dataset)
    with writing(opened.root):
        for name in version or ():
            forget_version(opened, name, say)
    if not videos and not gone:
        return
    names = [source_name(video) for video in videos or ()]
    with writing(opened.root):
        dropped = drop_files(opened, lambda file: is_named(file, names, gone=gone))
    for file in dropped:
        tell_json({"path": file.path, "dropped": True})
    if dropped:
        say(f"the next export leaves them out: vidcurate export -d {dataset}")
    unknown = [n for n in names if not any(is_named(f, [n], gone=False) for f in dropped)]
    if unknown:
        raise UsageError(f"no video of this data set is named {some(unknown, joint=' or ')}")


def is_named(file: FoundFile, names: Sequence[str], *, gone: bool) -> bool:
    """Whether a file is one of those to be dropped."""
    if gone and file.state == GONE:
        return True
    return any(n in {file.path, file.source} or file.path.startswith(f"{n}/") for n in names)
