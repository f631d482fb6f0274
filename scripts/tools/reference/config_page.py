"""docs/reference/config.md: recipes, and every option of every stage."""

from collections.abc import Iterator

from scripts.tools.reference.markdown import code, fenced, non_empty, page, table
from scripts.tools.reference.options import option_table
from vidcurate.pipeline.option_text import OptionText, options_in
from vidcurate.pipeline.recipes import list_recipes
from vidcurate.stage import Stage, StageConfig
from vidcurate.stages import STAGES

INTRO = """A config file is YAML: stages, each with its options. A stage that is named runs, with
the defaults of the options that are not. Stages that others need run too. On the command line the
option `min_clip_s` of the stage `split` is `vidcurate split --min-clip-s`, and in Python it is
`vidcurate.split(min_clip_s=...)`."""
EXAMPLE = """split: {min_clip_s: 2, max_clip_s: 10}
quality: {}
filter:
  rules:
    - quality.sharpness >= p10
caption: {backend: facts}
export: {}"""
COMMANDS = """`vidcurate config` prints a config file with every option, `vidcurate config --check
FILE` checks one, and `vidcurate config --recipe NAME` prints a recipe."""


def config_page() -> str:
    """The page."""
    shared = shared_models()
    return page(
        "Config file",
        [INTRO, fenced(EXAMPLE, "yaml")],
        [COMMANDS],
        ["## Recipes", table(("recipe", "purpose"), recipes())],
        (block for stage in STAGES for block in stage_blocks(stage)),
        (block for model in shared for block in model_blocks(model)),
    )


def recipes() -> Iterator[tuple[str, str]]:
    """Each recipe with its purpose."""
    return ((code(recipe.name), recipe.purpose) for recipe in list_recipes())


def stage_blocks(stage: Stage) -> Iterator[str]:
    """One stage: what it does, its own options, and where those are that it shares."""
    options = options_in(stage.config).values()
    yield f"## {stage.name}"
    yield f"{stage.summary} Reads the table `{stage.reads.name}`, writes `{stage.writes.name}`."
    yield from non_empty([option_table(o for o in options if o.shared_by is None)])
    bases = dict.fromkeys(o.shared_by for o in options if o.shared_by is not None)
    if bases:
        links = [f"[{title(base)}](#{anchor(base)})" for base in bases]
        yield f"It also takes {' and '.join(links)}."
    elif not options:
        yield "It has no options."


def shared_models() -> list[type[StageConfig]]:
    """The models whose options several stages have, in the order of the stages."""
    found: dict[type[StageConfig], None] = {}
    for stage in STAGES:
        for option in options_in(stage.config).values():
            if option.shared_by is not None:
                found[option.shared_by] = None
    return list(found)


def model_blocks(model: type[StageConfig]) -> Iterator[str]:
    """Options that several stages share, and which stages those are."""
    users = [
        stage.name
        for stage in STAGES
        if any(option.shared_by is model for option in options_in(stage.config).values())
    ]
    yield f"## {title(model)[0].upper()}{title(model)[1:]}"
    yield f"{(model.__doc__ or '').strip()} Taken by {', '.join(code(user) for user in users)}."
    yield option_table(own_options(model))


def own_options(model: type[StageConfig]) -> list[OptionText]:
    """The options that a model states itself."""
    return [option for option in options_in(model).values() if option.shared_by is None]


def title(model: type[StageConfig]) -> str:
    """What the options of a model are called: ChatConfig has options of chat."""
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in model.__name__).split()
    return f"shared options of {' '.join(word for word in words if word != 'config')}"


def anchor(model: type[StageConfig]) -> str:
    """The heading's anchor."""
    return title(model).replace(" ", "-")
