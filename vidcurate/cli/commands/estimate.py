"""The `estimate` command: a sample of videos is run in the data set, and the rest estimated."""

from dataclasses import replace
from typing import Annotated, Any

import typer

from vidcurate.cli.commands.run import stages_to_run
from vidcurate.cli.invoke import begun, exit_if_interrupted
from vidcurate.cli.options import with_parameters
from vidcurate.cli.printing import tell_json
from vidcurate.cli.render_estimate import show_estimate
from vidcurate.cli.shared import request, shared_parameters
from vidcurate.pipeline.estimate.comparison import save_estimate
from vidcurate.pipeline.estimate.sampling import estimate_run
from vidcurate.pipeline.run_options import RUN_ONLY
from vidcurate.stages.sources.probe import PROBE


def estimate(
    videos: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Videos in the sample (default: one in a hundred, at least 5).",
            show_default=False,
        ),
    ] = None,
    **values: Any,
) -> None:
    """Estimate time, disk and requests of a run from a few of its videos.

    The sample is run in the data set itself, so that its work is done when the run starts.
    """
    choice = stages_to_run(values)
    asked = request(values)
    found = None
    wanted = replace(choice, stages=(*choice.stages, PROBE.name))
    with begun(asked, wanted) as (run, plan):
        found = estimate_run(run, plan, videos)
        # An estimate of nothing would hide what an earlier one said.
        if found and found.n_left:
            save_estimate(run.dataset, found)
    exit_if_interrupted(run)
    assert found is not None
    if asked.as_json:
        tell_json(found.as_dict())
    else:
        show_estimate(found)


with_parameters(estimate, [p for p in shared_parameters(panel=None) if p.name not in RUN_ONLY])
