from pathlib import Path

import pytest

from vidcurate.config import load_config
from vidcurate.stages import STAGES
from vidcurate.stages.filter import FilterConfig, tables_ruled

RECIPES = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))


def test_the_named_recipes_are_there() -> None:
    """Each purpose that the documentation names has its file."""
    named = {"text-to-video", "long-take", "lora-character", "video-llm", "talking-head"}
    assert named <= {recipe.stem for recipe in RECIPES}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.stem)
def test_a_recipe_is_without_fault(recipe: Path) -> None:
    """Options and rules are known, and the recipe makes every score that its rules read."""
    configs = load_config(recipe, STAGES)
    rules = configs["filter"]
    assert isinstance(rules, FilterConfig)
    made = {stage.writes.name for stage in STAGES if stage.name in configs}
    assert {beside.table.name for beside in tables_ruled(rules)} <= made
