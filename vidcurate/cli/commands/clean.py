"""The `clean` command: removes rows and files that nothing needs any more."""

from typing import Annotated

import typer

from vidcurate.analysis.leftovers import leftovers, stale_folders
from vidcurate.analysis.view import require_dataset
from vidcurate.cli.printing import say, tell_json
from vidcurate.cli.shared import Folder
from vidcurate.store.lock import writing
from vidcurate.store.storage import bytes_below, remove


def clean(
    dataset: Folder,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove them; without this they are only listed.")
    ] = False,
) -> None:
    """Remove rows and files that no current options need, or that a kill left half written."""
    opened = require_dataset(dataset)
    with writing(opened.root, say):
        stale = stale_folders(opened)
        for folder in stale:
            if folder.n_only_here:
                say(
                    f"{folder.path} stays: it has rows for {folder.n_only_here} inputs that "
                    f"{folder.table} lacks; run vidcurate {folder.stage} --retry-failed "
                    f"-d {opened.root}, or remove it"
                )
        unused = [folder.path for folder in stale if not folder.n_only_here]
        for path in (*unused, *leftovers(opened)):
            tell_json({"path": str(path), "bytes": bytes_below(path), "removed": yes})
            if yes:
                remove(path)
    if not yes:
        say("nothing was removed: add --yes")
