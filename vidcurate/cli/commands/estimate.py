"""The `plan` command: videos sampled in the data set itself, and what they foretell."""

from collections.abc import Mapping, Sequence

from vidcurate.cli.invoke import Request, begun, exit_if_interrupted
from vidcurate.cli.output import tell_json
from vidcurate.cli.render_estimate import show_estimate
from vidcurate.pipeline.estimate.forecast import keep
from vidcurate.pipeline.estimate.sampling import estimate
from vidcurate.stage import StageConfig


def plan_run(
    request: Request,
    chosen: Sequence[str],
    given: Mapping[str, StageConfig],
    n_sample: int | None,
) -> None:
    """Take a sample through the chosen stages, say what the rest will take, and keep that.

    Raises what `begun` and `estimate` raise, and typer.Exit with code 130 when interrupted.
    """
    found = None
    with begun(request, chosen, given) as (run, plan):
        found = estimate(run, plan, n_sample)
        # A plan of nothing would hide what an earlier one foresaw.
        if found and found.n_left:
            keep(run.dataset, found)
    exit_if_interrupted(run)
    assert found is not None
    if request.as_json:
        tell_json(found.as_dict())
    else:
        show_estimate(found)
