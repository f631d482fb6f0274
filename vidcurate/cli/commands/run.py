"""The `run` command: the stages of a config file, a recipe, or the data set itself."""

from typing import Any

from vidcurate.analysis.view import recorded_stages
from vidcurate.cli.invoke import invoke
from vidcurate.cli.options import with_parameters
from vidcurate.cli.printing import say
from vidcurate.cli.shared import request, shared_parameters
from vidcurate.errors import UsageError
from vidcurate.pipeline.config import load_config
from vidcurate.pipeline.recipes import DEFAULT_RECIPE, find_config
from vidcurate.stage import StageConfig
from vidcurate.stages import STAGES


def run(**values: Any) -> None:
    """Run the stages of a config file or a recipe, on SOURCE or on what is there.

    Without -c it runs the stages that the data set has; a new data set gets the recipe quickstart.
    """
    chosen, given = stages_to_run(values)
    invoke(request(values), chosen, given)


with_parameters(run, shared_parameters(panel=None))


def stages_to_run(values: dict[str, Any]) -> tuple[list[str], dict[str, StageConfig]]:
    """The stages that -c names, else those of the data set, else those of the default recipe.

    Raises UsageError where --without leaves none.
    """
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
