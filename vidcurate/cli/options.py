"""From a stage's config model to command-line options, so that an option is stated once."""

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from vidcurate.options import OptionSpec, StageConfig, listed, options_of
from vidcurate.pipeline.option_text import choices_text, flags, option_line, words_in

PANEL = "Options of this stage"


def stage_parameters(config: type[StageConfig]) -> list[inspect.Parameter]:
    """One keyword parameter for each option of a stage; None means that it was not given."""
    return [
        inspect.Parameter(
            spec.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                cli_type(spec.annotation),
                typer.Option(
                    *flags(spec),
                    help=option_line(spec),
                    rich_help_panel=panel_of(spec),
                    show_default=False,
                    parser=number_or_none if is_number(spec.annotation) else None,
                    metavar=metavar(spec),
                ),
            ],
        )
        for spec in options_of(config).values()
    ]


def panel_of(spec: OptionSpec) -> str:
    """The help's panel for an option: of the stage, or of the choices that take it."""
    if not spec.is_own:
        return PANEL
    return f"With --{spec.depends_on.replace('_', '-')} {listed(spec.needed_values, 'or')}"


def given_values(config: type[StageConfig], values: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a stage that were given on the command line."""
    given = {name: values[name] for name in options_of(config) if values.get(name) is not None}
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
        words = words_in(hint)
        return typing.Optional[typing.Literal[(*words, "none")]] if words else hint  # noqa: UP045
    return hint | None if isinstance(hint, type) else typing.Optional[hint]  # noqa: UP045 - Literal


def metavar(spec: OptionSpec) -> str | None:
    """What stands for the value in the help; None where the type says it well."""
    if is_number(spec.annotation):
        return "NUMBER|none" if type(None) in typing.get_args(spec.annotation) else "NUMBER"
    if choices_text(spec):
        return "CHOICE|none" if type(None) in typing.get_args(spec.annotation) else "CHOICE"
    return "TEXT" if typing.get_origin(spec.annotation) is tuple else None


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
