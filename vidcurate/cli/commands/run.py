"""The `run` command: the stages of a config file, a recipe, or the data set itself."""

from typing import TYPE_CHECKING, Any

from vidcurate.cli.options import with_parameters
from vidcurate.cli.printing import say
from vidcurate.cli.shared import request, shared_parameters

if TYPE_CHECKING:
    from vidcurate.api.choice import StageChoice


def run(**values: Any) -> None:
    """Run the stages of a config file or a recipe, on SOURCE or on what is there.

    Without -c it runs the stages that the data set has; a new data set gets the recipe quickstart.
    """
    from vidcurate.cli.invoke import invoke

    choice = stages_to_run(values)
    invoke(request(values), choice)


with_parameters(run, shared_parameters(panel=None))


def stages_to_run(values: dict[str, Any]) -> "StageChoice":
    """The stages that -c names, else those of the data set, else those of the default recipe.

    Raises UsageError where --without leaves none.
    """
    from vidcurate.api.choice import choose_stages
    from vidcurate.pipeline.recipes import DEFAULT_RECIPE

    choice = choose_stages(values["config"], values["dataset"], values["without"] or ())
    if choice.is_default and not values["quiet"]:
        say(f"no -c: running the recipe {DEFAULT_RECIPE} (`vidcurate config --list` has more)")
    return choice
