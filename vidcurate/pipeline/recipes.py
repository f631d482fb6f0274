"""Recipes: config files that come with vidcurate and are named without a path."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from vidcurate.errors import UsageError, suggest

DEFAULT_RECIPE = "quickstart"
SUFFIX = ".yaml"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A config file by its name; `purpose` is the file's first line, without its comment sign."""

    name: str
    purpose: str
    file: Path


def list_recipes() -> tuple[Recipe, ...]:
    """Every recipe, by name."""
    return tuple(
        Recipe(file.stem, first_line(file), file)
        for file in sorted(recipe_folder().glob(f"*{SUFFIX}"))
    )


def recipe_file(name: str) -> Path:
    """The file of a recipe.

    Raises UsageError for a name that no recipe has.
    """
    file = recipe_folder() / f"{name}{SUFFIX}"
    if name != file.stem or not file.is_file():
        names = [recipe.name for recipe in list_recipes()]
        raise UsageError(f"no recipe '{name}'{suggest(name, names)}")
    return file


def find_config(name: str) -> Path:
    """The config file of a path, or of a recipe's name where no file has that path.

    Raises UsageError for a name that is neither.
    """
    file = Path(name)
    if file.exists() or file.name != name or file.suffix:
        return file
    try:
        return recipe_file(name)
    except UsageError as error:
        raise UsageError(f"no config file and {error}") from None


def recipe_folder() -> Path:
    """Where the recipes are: inside an installed package, next to the package in a checkout."""
    package = Path(str(files("vidcurate")))
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def first_line(file: Path) -> str:
    """The first line of a recipe as plain text."""
    with file.open(encoding="utf-8") as text:
        return text.readline().lstrip("#").strip()
