"""The commands of the stages: each brings one table up to date, and first what it needs."""

from collections.abc import Callable
from typing import Any

from vidcurate.cli.options import given_values, stage_parameters, with_parameters
from vidcurate.cli.shared import request, shared_parameters
from vidcurate.stage import Stage


def stage_command(stage: Stage) -> Callable[..., None]:
    """The function of a stage's command, with the stage's options and the shared ones."""

    def command(**values: Any) -> None:
        from vidcurate.analysis.view import recorded_options
        from vidcurate.cli.invoke import invoke
        from vidcurate.pipeline.config import load_config, override
        from vidcurate.pipeline.recipes import find_config
        from vidcurate.stages import STAGES

        chosen = values["config"]
        given = load_config(find_config(chosen), STAGES) if chosen else {}
        own = given_values(stage.config, values)
        if own:
            known = given if stage.name in given else recorded_options(values["dataset"], stage)
            given = {**given, stage.name: override(known, stage, own)}
        invoke(request(values), [stage.name], given)

    with_parameters(command, [*stage_parameters(stage.config), *shared_parameters()])
    command.__doc__ = (
        f"{stage.summary}\n\nReads the table {stage.reads.name}, writes {stage.writes.name}."
    )
    return command
