"""Options that only the data decide take their values when what they depend on is there."""

from collections.abc import Sequence

from vidcurate.errors import UsageError
from vidcurate.pipeline.dataset_view import dataset_view
from vidcurate.pipeline.resolve import ResolvedStage, with_config
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.scope import Scope
from vidcurate.stage import MapStage

Plan = Sequence[ResolvedStage]


def settle(run: Run, plan: Plan, resolved: ResolvedStage, scope: Scope) -> Plan:
    """The plan with the options of one stage settled; the stages before it are up to date."""
    stage = resolved.stage
    if not open_option(resolved) or not isinstance(stage, MapStage) or not stage.settling:
        return plan
    config, note = stage.settling.run(resolved.config, dataset_view(run, resolved, scope))
    run.note_once([note])
    return with_config(plan, stage.name, config)


def open_option(resolved: ResolvedStage) -> str:
    """The option of a stage that the data must decide yet; "" where there is none."""
    stage = resolved.stage
    settling = stage.settling if isinstance(stage, MapStage) else None
    return settling.open_option(resolved.config) if settling else ""


def require_settled(plan: Plan, what: str) -> None:
    """Refuse a plan with options that need all of the data; raises UsageError.

    `what` is what takes a part of it at a time.
    """
    for resolved in plan:
        if option := open_option(resolved):
            raise UsageError(
                f"{option} looks at all clips first, and {what} takes a part of the videos at a "
                "time: give values instead"
            )
