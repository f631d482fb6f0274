"""The `export` command: a stage's, and a look beforehand at what trainers will do with clips."""

from dataclasses import replace
from typing import Annotated, Any

import typer

from vidcurate.cli.commands.stage import stage_command
from vidcurate.cli.options import given_values, stage_parameters, with_parameters
from vidcurate.cli.shared import request, shared_parameters
from vidcurate.errors import UsageError
from vidcurate.stages.output.export import EXPORT

PANEL = "Look before"
run_export = stage_command(EXPORT)


def export(  # noqa: D103 - it has the help of the stage's command
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            rich_help_panel=PANEL,
            help="Write nothing: show what each trainer will do with every clip, and what to "
            "change. The clips are brought up to date first, captions are taken as they are.",
        ),
    ] = False,
    batch_size: Annotated[
        int,
        typer.Option(
            min=1,
            rich_help_panel=PANEL,
            help="With --check: clips that are trained at once; smaller buckets are named.",
        ),
    ] = 1,
    **values: Any,
) -> None:
    if check:
        check_only(batch_size, values)
    elif batch_size != 1:
        raise UsageError("--batch-size belongs to --check: give both, or leave it out")
    else:
        run_export(**values)


def check_only(batch_size: int, values: dict[str, Any]) -> None:
    """Show what trainers will do; raises EmptyResultError where no clip is left for one."""
    from vidcurate.analysis.export_check import contract_of, require_clips, tables_needed
    from vidcurate.api.choice import choose_options
    from vidcurate.cli.invoke import begun, exit_if_interrupted
    from vidcurate.cli.printing import tell_json
    from vidcurate.cli.render_check import show_check
    from vidcurate.pipeline.session import run_all

    own = given_values(EXPORT.config, values)
    choice = choose_options(EXPORT, own, values["config"], values["dataset"])
    asked = request(values)
    config, stages = tables_needed(values["dataset"], choice.given)
    with begun(asked, replace(choice, stages=stages)) as (run, plan):
        run_all(run, plan, asked.options)
    exit_if_interrupted(run)
    found = contract_of(run.dataset, config, limit=asked.options.limit, batch_size=batch_size)
    if asked.as_json:
        tell_json(found.as_dict())
    else:
        show_check(found)
    require_clips(found)


with_parameters(export, [*stage_parameters(EXPORT.config), *shared_parameters()])
export.__doc__ = run_export.__doc__
