"""The `caption` command: a stage's, and further captions of the same clips by their names."""

from typing import Annotated, Any

import typer

from vidcurate.cli.commands.stage import stage_command
from vidcurate.cli.options import given_values, stage_parameters, with_parameters
from vidcurate.cli.shared import request, shared_parameters
from vidcurate.stages.captions.caption import CAPTION

run_caption = stage_command(CAPTION)


def caption(  # noqa: D103 - it has the help of the stage's command
    version: Annotated[
        str | None,
        typer.Option(
            "--version",
            metavar="NAME",
            rich_help_panel="Versions",
            help="Write a further caption of each clip under this name, by another model or in "
            "another language, and leave the captions alone. Options that are not given are those "
            "of the captions.",
            show_default=False,
        ),
    ] = None,
    **values: Any,
) -> None:
    if version is None:
        run_caption(**values)
        return
    from vidcurate.api.choice import choose_version
    from vidcurate.cli.invoke import invoke

    own = given_values(CAPTION.config, values)
    invoke(request(values), choose_version(version, own, values["config"], values["dataset"]))


with_parameters(caption, [*stage_parameters(CAPTION.config), *shared_parameters()])
caption.__doc__ = run_caption.__doc__
