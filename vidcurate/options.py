"""A stage's options as pydantic models: each option is stated once, in the choice that takes it.

An option that decides a way (`caption.strategy`) is a union of models, one for each word that it
may be. A model holds the options that only this way takes. In files, on the command line and in
the manifest all options of a stage are flat: {strategy: structured, form: clip.yaml}.
"""

import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal, Self, cast, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from vidcurate.errors import suggest

NAME = "name"
BACKEND = "backend"
MAX_SHOWN = 57  # characters of a value that a message repeats
# Parts of pydantic's messages, and what stands for them.
WORDS = {
    "Input should be": "must be",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "text",
    "a valid tuple": "a list",
    "a valid boolean": "yes or no",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
}


class Options(BaseModel):
    """Base of all models of options; unknown options are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def read_words(cls, data: Any) -> Any:
        """Read none as null, which a command line cannot write, and yes and no as words.

        Pydantic would take YAML's yes and no for the numbers 1 and 0.
        """
        if not isinstance(data, Mapping):
            return data
        given = dict(data)
        for name in given.keys() & cls.model_fields.keys():
            annotation = cls.model_fields[name].annotation
            kinds = {annotation, *get_args(annotation)}
            if given[name] == "none" and type(None) in kinds:
                given[name] = None
            if isinstance(given[name], bool) and kinds & {int, float}:
                given[name] = yes_or_no(given[name])
        return given


class Choice(Options):
    """One way that an option chooses, with the options that only this way takes.

    A subclass states `name`, the words that choose it, as a Literal with a default.
    `without` are options of the stage itself that this way does not take.
    """

    without: ClassVar[tuple[str, ...]] = ()

    name: str = ""


class StageConfig(Options):
    """Base of every stage's options.

    `leaves_out` are options of its ways that mean nothing to this stage: it does not take them.
    """

    leaves_out: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def nest(cls, data: Any) -> Any:
        """Put flat options into the models of the ways that are chosen."""
        if not isinstance(data, Mapping):
            return data
        given = dict(data)
        for field, models in choices_of(cls).items():
            word = given.get(field, default_word(cls, field))
            if not isinstance(word, str):
                continue
            chosen = [models[word]] if word in models else list(models.values())
            names = {n for model in chosen for n in own_fields(model)} - {*cls.leaves_out}
            own = {n: given.pop(n) for n in names & given.keys()}
            if own or field in given:
                given[field] = {NAME: word, **own}
        return given

    @model_serializer(mode="wrap")
    def flatten(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Give all options that the chosen ways take as one flat mapping."""
        values: dict[str, Any] = handler(self)
        own: dict[str, Any] = {}
        for field in choices_of(type(self)):
            if field in values:
                own |= values[field]
                values[field] = own.pop(NAME, None) or getattr(self, field).name
        left_out = {name for choice in chosen_choices(self) for name in choice.without}
        left_out |= {*self.leaves_out}
        ways = choices_of(type(self))
        for field in left_out & ways.keys():
            own = {n: v for n, v in own.items() if n not in own_fields(type(getattr(self, field)))}
        return {n: v for n, v in (values | own).items() if n not in left_out}

    @model_validator(mode="after")
    def refuse_options_not_taken(self) -> Self:
        """Refuse options that the chosen way does not take; raises ValueError."""
        for field in choices_of(type(self)):
            way = getattr(self, field)
            given = [name for name in way.without if name in self.model_fields_set]
            if given:
                condition = options_of(type(self))[given[0]].condition
                raise ValueError(f"only {condition} takes {given[0]}")
        return self


def option(
    default: Any,
    description: str,
    *,
    unit: str | None = None,
    flag: str | None = None,
    neutral: bool | Literal["default"] = False,
    **bounds: Any,
) -> Any:
    """State one option: YAML key, command-line option, help, reference and fingerprint.

    `flag` replaces the command-line name; `neutral` says that the value changes how the work is
    done but not the rows, and so stays out of the fingerprint; "default" says so of the default
    alone, with which the rows are those of before there was the option. `bounds` are pydantic's.
    """
    extra: dict[str, Any] = {"unit": unit, "flag": flag, "neutral": neutral}
    return Field(default, description=description, json_schema_extra=extra, **bounds)


def choice(default: type[Choice], description: str) -> Any:
    """State an option that chooses one of the models in its annotation."""
    extra: dict[str, Any] = {"unit": None, "flag": None, "neutral": False}
    return Field(
        default_factory=default,
        description=description,
        json_schema_extra=extra,
        discriminator=NAME,
    )


@dataclass(frozen=True, slots=True)
class OptionSpec:
    """One option of a stage, as files and the command line have it.

    `words` are what an option that chooses may be. An option that not every choice takes names the
    option that it depends on (`depends_on`) and the words with which it is taken
    (`needed_values`); `is_own` tells that the models of these choices state it.
    """

    name: str
    info: FieldInfo
    words: tuple[str, ...] = ()
    depends_on: str = ""
    needed_values: tuple[str, ...] = ()
    is_own: bool = False

    @property
    def description(self) -> str:
        """What the option does."""
        return self.info.description or ""

    @property
    def annotation(self) -> Any:
        """The type of its value; the words of an option that chooses."""
        return Literal[self.words] if self.words else self.info.annotation

    @property
    def default(self) -> Any:
        """The value that it has if none is given."""
        if self.words:
            return cast("type[Choice]", self.info.default_factory).model_fields[NAME].default
        return self.info.default

    @property
    def facts(self) -> dict[str, Any]:
        """Unit, command-line name and neutrality, as `option` states them."""
        assert isinstance(self.info.json_schema_extra, dict)
        return typing.cast("dict[str, Any]", self.info.json_schema_extra)

    @property
    def condition(self) -> str:
        """With which choice it is taken, "" if always."""
        return f"{self.depends_on} {listed(self.needed_values, 'or')}" if self.depends_on else ""


def options_of(config: type[StageConfig]) -> Mapping[str, OptionSpec]:
    """All options of a stage: its own, then those of each choice.

    The backend comes first, and the options that only some backends take last.
    """
    found: dict[str, OptionSpec] = {}
    ways = choices_of(config)
    own = sorted(config.model_fields.items(), key=lambda field: field[0] != BACKEND)
    for name, info in own:
        depends_on, needed_values = "", tuple[str, ...]()
        for field, models in ways.items():
            if any(name in model.without for model in models.values()):
                depends_on = field
                needed_values = tuple(word for word, m in models.items() if name not in m.without)
        found[name] = OptionSpec(name, info, tuple(ways.get(name, ())), depends_on, needed_values)
    for field in sorted(ways, key=lambda name: name == BACKEND):
        for model in dict.fromkeys(ways[field].values()):
            for name in own_fields(model):
                if name in config.leaves_out:
                    continue
                needed_values = tuple(w for w, m in ways[field].items() if name in own_fields(m))
                found[name] = OptionSpec(
                    name, model.model_fields[name], (), field, needed_values, is_own=True
                )
    return found


@cache
def choices_of(config: type[Options]) -> Mapping[str, Mapping[str, type[Choice]]]:
    """The options that choose a way: for each of its words the model of that way."""
    found: dict[str, dict[str, type[Choice]]] = {}
    for field, info in config.model_fields.items():
        models = [m for m in get_args(info.annotation) if is_choice(m)]
        if models:
            found[field] = {
                word: m for m in models for word in get_args(m.model_fields[NAME].annotation)
            }
    return found


def is_choice(kind: Any) -> bool:
    """Whether a type is the model of a way."""
    return isinstance(kind, type) and issubclass(kind, Choice)


def own_fields(model: type[Choice]) -> list[str]:
    """The options that a way takes for itself."""
    return [name for name in model.model_fields if name != NAME]


def default_word(config: type[StageConfig], field: str) -> Any:
    """The word that an option which chooses has if none is given."""
    factory = cast("type[Choice]", config.model_fields[field].default_factory)
    return factory.model_fields[NAME].default


def chosen_choices(config: StageConfig) -> list[Choice]:
    """The ways that a stage's options choose."""
    return [getattr(config, field) for field in choices_of(type(config))]


def put_over(
    config: type[StageConfig], base: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Flat options with others put over them; those of a way that is not chosen any more go."""
    merged = {**base, **given}
    ways = choices_of(config)
    chosen = {
        field: models[merged.get(field, default_word(config, field))]
        for field, models in ways.items()
        if merged.get(field, default_word(config, field)) in models
    }
    left_out = {name for model in chosen.values() for name in model.without}

    def is_taken(name: str) -> bool:
        spec = options_of(config).get(name)
        if spec is None or name in given:
            return True
        if name in left_out or spec.depends_on in left_out:
            return False
        way = chosen.get(spec.depends_on)
        return way is None or not spec.is_own or name in way.model_fields

    return {name: value for name, value in merged.items() if is_taken(name)}


def given_options(config: StageConfig) -> dict[str, Any]:
    """The options that decide the rows, as JSON values: those that the chosen ways take."""
    specs = options_of(type(config))
    values: dict[str, Any] = config.model_dump(mode="json")
    return {name: value for name, value in values.items() if not is_neutral(specs[name], value)}


def is_neutral(spec: OptionSpec, value: Any) -> bool:
    """Whether the value of an option decides no rows."""
    neutral = spec.facts["neutral"]
    return value == spec.default if neutral == "default" else bool(neutral)


def option_faults(
    config: type[StageConfig], error: ValidationError
) -> list[tuple[tuple[str | int, ...], str]]:
    """What is wrong with options: where, as files have them, and in words."""
    return [
        (flat_location(config, fault["loc"]), plain_words(config, fault))
        for fault in error.errors()
    ]


def flat_location(
    config: type[StageConfig], location: tuple[str | int, ...]
) -> tuple[str | int, ...]:
    """A location in nested models as one in flat options."""
    if location and location[0] in choices_of(config):
        return location[2:] or location[:1]
    return location


def plain_words(config: type[StageConfig], fault: ErrorDetails) -> str:
    """One of pydantic's errors in plain words."""
    name = fault["loc"][-1] if fault["loc"] else ""
    if fault["type"] == "extra_forbidden":
        spec = options_of(config).get(str(name))
        if spec is None:
            return f"unknown option{suggest(name, options_of(config))}"
        return f"only {spec.condition} takes it"
    if fault["type"] == "value_error":  # our own words, which name the value
        return str(fault["ctx"]["error"])
    given, message = fault["input"], fault["msg"]
    if fault["loc"] and len(fault["loc"]) == 1 and name in choices_of(config):
        given = given.get(NAME) if isinstance(given, Mapping) else given
        message = f"must be {listed([repr(w) for w in options_of(config)[str(name)].words], 'or')}"
    for theirs, ours in WORDS.items():
        message = message.replace(theirs, ours)
    message = message.partition(", unable to parse")[0]
    shown = yes_or_no(given) if isinstance(given, bool) else repr(given)
    shown = shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}..."
    return f"{message[0].lower()}{message[1:]}, not {shown}"


def yes_or_no(value: bool) -> str:  # noqa: FBT001 - a word for a switch
    """A switch's value as YAML has it."""
    return "yes" if value else "no"


def listed(names: Iterable[str], joint: str) -> str:
    """Names as a sentence has them: "a", "a or b", "a, b or c"."""
    *first, last = names
    return f"{', '.join(first)} {joint} {last}" if first else last
