"""docs/reference/config.md: recipes, and every option of every stage."""

from collections.abc import Iterator

from scripts.tools.reference.markdown import code, fenced, non_empty, page, table
from scripts.tools.reference.options import option_table
from vidcurate.models.chat.options import ChatModelConfig, asks_chat_model
from vidcurate.options import OptionSpec, options_of
from vidcurate.pipeline.recipes import list_recipes
from vidcurate.stage import Stage
from vidcurate.stages.captions.caption import CAPTION
from vidcurate.stages.registry import STAGES

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

VERSIONS = (
    "`versions` maps names to further captions of the same clips: each states in what it differs, "
    "such as `versions: {chinese: {language: Chinese}}`. A version writes a table with the columns "
    "of `captions`, as `captions_chinese`. A config that has the section `caption` says which "
    "versions there are."
)
CHAT_MODELS = "Options of chat models"


def config_page() -> str:
    """The page."""
    return page(
        "Config file",
        [INTRO, fenced(EXAMPLE, "yaml")],
        [COMMANDS],
        ["## Recipes", table(("recipe", "purpose"), recipes())],
        (block for stage in STAGES for block in stage_blocks(stage)),
        chat_model_blocks(),
    )


def recipes() -> Iterator[tuple[str, str]]:
    """Each recipe with its purpose."""
    return ((code(recipe.name), recipe.purpose) for recipe in list_recipes())


def stage_blocks(stage: Stage) -> Iterator[str]:
    """One stage: what it does, and its options but for those of chat models."""
    options = [o for o in options_of(stage.config).values() if not is_of_chat_model(stage, o)]
    yield f"## {stage.name}"
    yield f"{stage.summary} Reads the table `{stage.reads.name}`, writes `{stage.writes.name}`."
    yield from non_empty([option_table(options)])
    if asks_chat_model(stage.config):
        anchor = CHAT_MODELS.lower().replace(" ", "-")
        yield f"A backend that asks a model takes the [{CHAT_MODELS.lower()}](#{anchor}) too."
    elif not options:
        yield "It has no options."
    if stage is CAPTION:
        yield VERSIONS


def is_of_chat_model(stage: Stage, option: OptionSpec) -> bool:
    """Whether an option stands in the models of chat models, which several stages share."""
    own = {spec.name for spec in options_of(ChatModelConfig).values() if spec.is_own}
    return asks_chat_model(stage.config) and option.is_own and option.name in own


def chat_model_blocks() -> Iterator[str]:
    """The options of chat models, and which stages take them."""
    users = [code(stage.name) for stage in STAGES if asks_chat_model(stage.config)]
    yield f"## {CHAT_MODELS}"
    yield f"Taken by {', '.join(users)}, and by the entries of the section `models`."
    yield option_table(spec for spec in options_of(ChatModelConfig).values() if spec.is_own)
