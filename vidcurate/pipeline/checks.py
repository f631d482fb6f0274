"""What is checked before anything runs."""

from collections.abc import Sequence

from vidcurate.errors import UsageError
from vidcurate.pipeline.dataset_view import dataset_view
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.scope import Scope
from vidcurate.records import EXPORTS
from vidcurate.stage import MapStage


def check_stages(plan: Sequence[ResolvedStage]) -> list[str]:
    """Run the check of each stage; returns what a user should know.

    Raises the UsageError of the one stage that has a fault, or one with a line for each of several.
    """
    configs = {resolved.stage.name: resolved.config for resolved in plan}
    faults: list[UsageError] = []
    notes: list[str] = []
    for resolved in plan:
        if isinstance(resolved.stage, MapStage):
            try:
                note = resolved.stage.check(resolved.config, configs)
            except UsageError as error:
                faults.append(error)
            else:
                notes += [note] if note else []
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise UsageError("\n".join(dict.fromkeys(map(str, faults))))
    return notes


def check_run(run: Run, plan: Sequence[ResolvedStage]) -> None:
    """Check each stage of a plan and its finish; raises UsageError where one cannot work."""
    run.note_once(check_stages(plan))
    if run.options.push_to and not any(resolved.stage.writes is EXPORTS for resolved in plan):
        raise UsageError("--push-to uploads an export, and no stage here makes one")
    for resolved in plan:
        if isinstance(resolved.stage, MapStage) and resolved.stage.finish:
            resolved.stage.finish.check(resolved.config, dataset_view(run, resolved, Scope()))
