"""The commands of the stages: each brings one table up to date, and first what it needs."""

from collections.abc import Callable, Mapping
from typing import Any

from vidcurate.cli.options import given_values, stage_parameters, with_parameters
from vidcurate.cli.shared import request, shared_parameters
from vidcurate.stage import Stage


def stage_command(
    stage: Stage, without_dataset: Callable[[Mapping[str, Any]], None] | None = None
) -> Callable[..., None]:
    """The function of a stage's command, with the stage's options and the shared ones.

    `without_dataset` is what the command does where no data set is given.
    """

    def command(**values: Any) -> None:
        if without_dataset is not None and values["dataset"] is None:
            without_dataset(values)
            return
        from vidcurate.api.choice import choose_options
        from vidcurate.cli.invoke import invoke

        own = given_values(stage.config, values)
        choice = choose_options(stage, own, values["config"], values["dataset"])
        invoke(request(values), choice)

    shared = shared_parameters(needs_dataset=without_dataset is None)
    with_parameters(command, [*stage_parameters(stage.config), *shared])
    command.__doc__ = (
        f"{stage.summary}\n\nReads the table {stage.reads.name}, writes {stage.writes.name}."
    )
    return command
