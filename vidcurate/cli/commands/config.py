"""The `config` command: default options and recipes as config files, and a check of yours."""

from typing import Annotated

import typer

from vidcurate.cli.completion import complete_recipe
from vidcurate.cli.printing import say, tell
from vidcurate.errors import UsageError, quantity
from vidcurate.pipeline.checks import check_stages
from vidcurate.pipeline.config import load_config
from vidcurate.pipeline.default_config import default_config
from vidcurate.pipeline.recipes import find_config, list_recipes, recipe_file
from vidcurate.pipeline.resolve import resolve_stages
from vidcurate.stages.registry import STAGES, stages_with


def config(
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Print this recipe instead.",
            metavar="RECIPE",
            show_default=False,
            autocompletion=complete_recipe,
        ),
    ] = None,
    names: Annotated[
        bool, typer.Option("--list", help="List the recipes and what each is for.")
    ] = False,
    check: Annotated[
        str | None,
        typer.Option(
            help="Check this config file or recipe instead.",
            metavar="FILE|RECIPE",
            show_default=False,
            autocompletion=complete_recipe,
        ),
    ] = None,
) -> None:
    """Print a config file with every option: its default, description, unit and bounds."""
    if (recipe is not None) + names + (check is not None) > 1:
        raise UsageError("--recipe, --list and --check exclude each other: give one of them")
    if recipe is not None:
        tell(recipe_file(recipe).read_text("utf-8").rstrip())
    elif names:
        recipes = list_recipes()
        width = max(len(found.name) for found in recipes)
        for found in recipes:
            tell(f"{found.name:<{width}}  {found.purpose}")
    elif check is not None:
        check_file(check)
    else:
        tell(default_config(STAGES))


def check_file(name: str) -> None:
    """Say whether a config file can be run; raises ConfigError or UsageError with all faults."""
    file = find_config(name)
    configs = load_config(file, STAGES)
    stages = stages_with(configs)
    defaults = {stage.name: stage.config() for stage in stages}
    check_stages(resolve_stages(stages, list(configs), {**defaults, **configs}, []))
    say(f"{file}: {quantity(len(configs), 'stage')}, no fault")
