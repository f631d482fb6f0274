"""The `run` command: the stages of a config file, a recipe, or the data set itself."""

from typing import TYPE_CHECKING, Any

from vidcurate.cli.options import with_parameters
from vidcurate.cli.printing import say
from vidcurate.cli.shared import request, shared_parameters
from vidcurate.errors import UsageError

if TYPE_CHECKING:
    from vidcurate.stage import StageConfig


def run(**values: Any) -> None:
    """Run the stages of a config file or a recipe, on SOURCE or on what is there.

    Without -c it runs the stages that the data set has; a new data set gets the recipe quickstart.
    """
    from vidcurate.cli.invoke import invoke

    chosen, given = stages_to_run(values)
    invoke(request(values), chosen, given)


with_parameters(run, shared_parameters(panel=None))


def stages_to_run(values: dict[str, Any]) -> "tuple[list[str], dict[str, StageConfig]]":
    """The stages that -c names, else those of the data set, else those of the default recipe.

    Raises UsageError where --without leaves none.
    """
    from vidcurate.analysis.view import recorded_stages
    from vidcurate.pipeline.config import load_config
    from vidcurate.pipeline.recipes import DEFAULT_RECIPE, find_config
    from vidcurate.stages import STAGES

    given: dict[str, StageConfig] = {}
    if values["config"]:
        given = load_config(find_config(values["config"]), STAGES)
    stages = list(given) or recorded_stages(values["dataset"])
    if not stages:
        given = load_config(find_config(DEFAULT_RECIPE), STAGES)
        stages = list(given)
        if not values["quiet"]:
            say(f"no -c: running the recipe {DEFAULT_RECIPE} (`vidcurate config --list` has more)")
    chosen = [name for name in stages if name not in (values["without"] or ())]
    if not chosen:
        raise UsageError("--without leaves no stage to run: name fewer of them")
    return chosen, given
