"""The command line: a group whose commands are imported when they are used."""

import importlib
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException
from typer.main import get_command

from vidcurate.cli.catalogue import CATALOGUE, Entry
from vidcurate.cli.printing import say
from vidcurate.cli.streams import prepare_streams
from vidcurate.errors import UsageError, VidcurateError, location_fault

CONTEXT = {"help_option_names": ["-h", "--help"]}
VALUE_WORDS = {"str": "TEXT", "int": "NUMBER", "float": "NUMBER", "path": "FOLDER"}
ENTRIES = {entry.name: entry for entry in CATALOGUE}


class Command(TyperCommand):
    """A command whose help says in plain words what each option takes."""

    def get_params(self, ctx: Any) -> list[Any]:
        """All options, also --help."""
        return with_plain_types(super().get_params(ctx), ctx)


class CommandGroup(TyperGroup):
    """Lists commands from the catalogue, and loads the one that is used."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for entry in CATALOGUE:
            listed = TyperCommand(entry.name, short_help=entry.summary, rich_help_panel=entry.panel)
            self.add_command(listed)

    def get_params(self, ctx: Any) -> list[Any]:
        """All options, also --help."""
        return with_plain_types(super().get_params(ctx), ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """The command that the arguments name, with its options, and the other arguments."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, load_command(ENTRIES[name]) if name in ENTRIES else listed, rest


def with_plain_types(parameters: list[Any], ctx: Any) -> list[Any]:
    """The same parameters; the help shows a word for a value, and nothing for a switch."""
    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
        elif parameter.param_type_name == "argument":
            parameter.metavar = parameter.metavar or parameter.name.upper()
            parameter.display_type_rich = no_type
        elif parameter.metavar is None:
            python_type = parameter.display_type(ctx).strip("<>")
            parameter.metavar = VALUE_WORDS.get(python_type.partition(" ")[0], python_type)
    return parameters


def no_type(ctx: Any) -> None:
    """An argument's own word says what it is."""


def load(target: str) -> Any:
    """What a module and a name in it stand for."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def load_command(entry: Entry) -> Any:
    """A command with its options, as typer runs it."""
    function = load(entry.function or entry.target)
    if entry.is_stage and not entry.function:
        from vidcurate.cli.commands.stage import stage_command

        without_dataset = load(entry.without_dataset) if entry.without_dataset else None
        function = stage_command(function, without_dataset)
    single = typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, context_settings=CONTEXT
    )
    examples = "\n".join(f"  {example}" for example in entry.examples)
    title = "Examples" if len(entry.examples) > 1 else "Example"
    single.command(entry.name, cls=Command, epilog=f"{title}:\n{examples}")(function)
    return get_command(single)


def show_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        from importlib.metadata import version

        typer.echo(f"vidcurate {version('vidcurate')}")
        raise typer.Exit


app = typer.Typer(
    name="vidcurate",
    cls=CommandGroup,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings=CONTEXT,
    epilog="vidcurate COMMAND --help says more, with examples.",
)


@app.callback()
def vidcurate(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=show_version, is_eager=True),
    ] = False,
) -> None:
    """Turn a folder of videos into a training-ready video-text data set."""
    if context.invoked_subcommand is None:
        context.get_help()
        raise typer.Exit(UsageError.exit_code)


def main() -> None:
    """Run the command line; every error that a user can act on becomes a line and a code."""
    prepare_streams()
    try:
        try:
            sys.exit(app(standalone_mode=False))
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except VidcurateError as error:
        for line in str(error).splitlines():
            say(f"vidcurate: {line}")
        sys.exit(error.exit_code)
    except TyperException as error:
        say(f"vidcurate: {usage_line(error)}")
        sys.exit(error.exit_code)
    except OSError as error:
        fault = location_fault(error)
        if fault is None:
            raise
        say(f"vidcurate: {fault}")
        sys.exit(UsageError.exit_code)


def usage_line(error: TyperException) -> str:
    """A fault of the command line in one line, with the command that says how it is used."""
    words = " ".join(error.format_message().split()).rstrip(".")
    for theirs, ours in (("Value error, ", ""), ("Input should be", "it must be")):
        words = words.replace(theirs, ours)
    context = getattr(error, "ctx", None)
    return f"{words} (see `{context.command_path} --help`)" if context else words
