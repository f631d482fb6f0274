"""docs/reference/config.md: recipes, and every option of every stage."""

from collections.abc import Iterator

from scripts.tools.reference.markdown import code, fenced, non_empty, page, table
from scripts.tools.reference.options import option_table
from vidcurate.models.chat.options import ModelEntry, ServerConfig, asks_chat_model
from vidcurate.options import OptionSpec, StageConfig, choices_of, options_of, own_fields
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
SERVERS = "Options of servers"


def config_page() -> str:
    """The page."""
    return page(
        "Config file",
        [INTRO, fenced(EXAMPLE, "yaml")],
        [COMMANDS],
        ["## Recipes", table(("recipe", "purpose"), recipes())],
        (block for stage in STAGES for block in stage_blocks(stage)),
        chat_model_blocks(),
        server_blocks(),
    )


def recipes() -> Iterator[tuple[str, str]]:
    """Each recipe with its purpose."""
    return ((code(recipe.name), recipe.purpose) for recipe in list_recipes())


def stage_blocks(stage: Stage) -> Iterator[str]:
    """One stage: what it does, and its options but for those that several stages share."""
    options = [
        option
        for option in options_of(stage.config).values()
        if not (is_of_chat_model(stage, option) or is_of_server(stage, option))
    ]
    yield f"## {stage.name}"
    yield f"{stage.summary} Reads the table `{stage.reads.name}`, writes `{stage.writes.name}`."
    yield from non_empty([option_table(options)])
    if asks_chat_model(stage.config):
        yield f"A backend that asks a model takes the {link_to(CHAT_MODELS)} too."
    elif asks_server(stage):
        yield f"The backend `server` takes the {link_to(SERVERS)} too."
    elif not options:
        yield "It has no options."
    if stage is CAPTION:
        yield VERSIONS


def link_to(heading: str) -> str:
    """A link to a section of the page."""
    return f"[{heading.lower()}](#{heading.lower().replace(' ', '-')})"


def asks_server(stage: Stage) -> bool:
    """Whether a stage has a backend `server` for a model that does not chat."""
    config: type[StageConfig] = stage.config
    backends = choices_of(config).get("backend", {})
    is_server = any(issubclass(model, ServerConfig) for model in backends.values())
    return is_server and not asks_chat_model(config)


def is_of_server(stage: Stage, option: OptionSpec) -> bool:
    """Whether an option says how a server is asked, as several stages have it."""
    return asks_server(stage) and option.is_own and option.name in own_fields(ServerConfig)


def is_of_chat_model(stage: Stage, option: OptionSpec) -> bool:
    """Whether an option stands in the models of chat models, which several stages share."""
    own = {spec.name for spec in options_of(ModelEntry).values() if spec.is_own}
    return asks_chat_model(stage.config) and option.is_own and option.name in own


def chat_model_blocks() -> Iterator[str]:
    """The options of chat models, and which stages take them."""
    users = [code(stage.name) for stage in STAGES if asks_chat_model(stage.config)]
    yield f"## {CHAT_MODELS}"
    yield f"Taken by {', '.join(users)}, and by the entries of the section `models`."
    yield option_table(spec for spec in options_of(ModelEntry).values() if spec.is_own)


def server_blocks() -> Iterator[str]:
    """The options of servers whose models do not chat, and which stages take them."""
    users = [stage for stage in STAGES if asks_server(stage)]
    yield f"## {SERVERS}"
    yield f"Taken by {', '.join(code(stage.name) for stage in users)}."
    yield option_table(o for o in options_of(users[0].config).values() if is_of_server(users[0], o))
