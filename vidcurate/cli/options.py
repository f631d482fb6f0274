"""From a stage's config model to command-line options, so that an option is stated once."""

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
from pydantic.fields import FieldInfo

from vidcurate.stage import StageConfig

MODEL_PANEL = "How a model is loaded and asked"


def stage_parameters(config: type[StageConfig]) -> list[inspect.Parameter]:
    """One keyword parameter for each option of a stage; None means that it was not given."""
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                cli_type(info.annotation),
                typer.Option(
                    *flags(name, info),
                    help=describe(info),
                    rich_help_panel=panel_of(name, config),
                    show_default=False,
                    parser=number_or_none if is_number(info.annotation) else None,
                    metavar=metavar(info),
                ),
            ],
        )
        for name, info in in_help_order(config)
    ]


def in_help_order(config: type[StageConfig]) -> list[tuple[str, FieldInfo]]:
    """The options of a stage: backend and model, its own, then those that other stages have too."""
    first = {"backend": 0, "model": 1}

    def rank(field: tuple[str, FieldInfo]) -> tuple[bool, int]:
        return panel_of(field[0], config) is not None, first.get(field[0], len(first))

    return sorted(config.model_fields.items(), key=rank)


def panel_of(name: str, config: type[StageConfig]) -> str | None:
    """The help's panel for an option: its own for those that stages with a model have in common."""
    is_common = any(name in getattr(base, "model_fields", {}) for base in config.__bases__)
    return MODEL_PANEL if is_common and name != "model" else None


def metavar(info: FieldInfo) -> str | None:
    """What stands for the value in the help; None where the type says it well."""
    if is_number(info.annotation):
        return "NUMBER|none" if type(None) in typing.get_args(info.annotation) else "NUMBER"
    if choices(info):
        return "CHOICE"
    return "TEXT" if typing.get_origin(info.annotation) is tuple else None


def given_values(config: type[StageConfig], values: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a stage that were given on the command line."""
    given = {name: values[name] for name in config.model_fields if values.get(name) is not None}
    return {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}


def with_parameters(function: Callable[..., None], extra: list[inspect.Parameter]) -> None:
    """Give a `**options` function the named parameters that typer shall see."""
    signature = inspect.signature(function, eval_str=True)
    kept = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    function.__signature__ = signature.replace(parameters=[*kept, *extra])  # type: ignore[attr-defined]
    function.__annotations__ = {p.name: p.annotation for p in (*kept, *extra)}


def cli_type(hint: Any) -> Any:
    """The type that typer reads for an option of this type."""
    if typing.get_origin(hint) is tuple:
        return list[str] | None
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return hint
    return hint | None if isinstance(hint, type) else typing.Optional[hint]  # noqa: UP045 - Literal


def is_number(hint: Any) -> bool:
    """Whether an option is a number, or one that may be none."""
    return bool({hint, *typing.get_args(hint)} & {int, float})


def number_or_none(text: str) -> str:
    """A number as it was written, or the word none, which the option's own type reads.

    Raises BadParameter for another word.
    """
    try:
        float("0" if text == "none" else text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not a number") from None
    return text


def flags(name: str, info: FieldInfo) -> list[str]:
    """The command-line names of an option."""
    flag = facts(info)["flag"] or "--" + name.replace("_", "-")
    return [f"{flag}/--no-{flag[2:]}"] if info.annotation is bool else [flag]


def facts(info: FieldInfo) -> dict[str, Any]:
    """What `option` noted of a field beside pydantic's own facts."""
    assert isinstance(info.json_schema_extra, dict)
    return typing.cast("dict[str, Any]", info.json_schema_extra)


def describe(info: FieldInfo) -> str:
    """Description, unit, bounds and default in one line."""
    notes = [n for n in (facts(info)["unit"], bounds(info), choices(info)) if n]
    default = shown(info.default)
    notes += [f"default {default}"] if default else []
    return f"{info.description} ({'; '.join(notes)})" if notes else str(info.description)


def bounds(info: FieldInfo) -> str:
    """The bounds of a number."""
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    return ", ".join(
        f"{sign} {getattr(limit, name)}"
        for limit in info.metadata
        for name, sign in signs.items()
        if getattr(limit, name, None) is not None
    )


def choices(info: FieldInfo) -> str:
    """The words that an option takes, if it takes only some."""
    if typing.get_origin(info.annotation) is typing.Literal:
        return " | ".join(str(c) for c in typing.get_args(info.annotation))
    return ""


def shown(value: Any) -> str:
    """A default as YAML and the command line write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(str(v) for v in value) or "none"
    return str(value)
