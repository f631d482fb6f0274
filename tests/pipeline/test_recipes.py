import pytest

from tests.support.paths import CONFIGS
from vidcurate.errors import UsageError
from vidcurate.pipeline.recipes import DEFAULT_RECIPE, list_recipes, recipe_file


def test_every_config_file_is_a_recipe_with_a_purpose() -> None:
    """Each file of the folder is listed under its name, with a first line that fits a terminal."""
    recipes = list_recipes()
    assert [recipe.file for recipe in recipes] == sorted(CONFIGS.glob("*.yaml"))
    assert all(recipe.purpose.endswith(".") for recipe in recipes)
    assert max(len(recipe.purpose) for recipe in recipes) < 100


def test_a_recipe_is_found_by_its_name() -> None:
    """The name alone gives the file, wherever the command is run."""
    assert recipe_file(DEFAULT_RECIPE) == CONFIGS / f"{DEFAULT_RECIPE}.yaml"


@pytest.mark.parametrize("name", ["longtake", "../configs/quickstart", "quickstart.yaml", ""])
def test_an_unknown_recipe_is_refused(name: str) -> None:
    """A path or a misspelt name is no recipe, and the message names one that is."""
    with pytest.raises(UsageError, match="no recipe") as refused:
        recipe_file(name)
    assert "quickstart" in str(refused.value) or "long-take" in str(refused.value)
