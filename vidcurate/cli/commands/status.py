"""The `status` command: what became of every stage's inputs."""

from vidcurate.analysis.status import funnel
from vidcurate.analysis.view import read_consistently, require_dataset
from vidcurate.cli.output import headline, show_funnel
from vidcurate.cli.printing import tell, tell_json
from vidcurate.cli.shared import AsJson, Folder
from vidcurate.pipeline.counts import as_dicts
from vidcurate.store.storage import location


def status(dataset: Folder, as_json: AsJson = False) -> None:
    """Show how many inputs each stage has, what became of them, and what was lost.

    Lost seconds are video that is in no row: frames left out, decode errors, spans too short.
    """
    opened = require_dataset(dataset)
    counts = read_consistently(opened, lambda: funnel(opened))
    if as_json:
        tell_json({"dataset": str(location(dataset)), "stages": as_dicts(counts)})
    else:
        tell(f"{location(dataset)}: {headline(counts)}")
        show_funnel(counts, stderr=False)
