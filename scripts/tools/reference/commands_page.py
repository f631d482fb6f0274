"""docs/reference/cli.md: every command, with the options that are no stage's."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from scripts.tools.reference.markdown import code, fenced, non_empty, page, table
from scripts.tools.reference.options import option_table
from vidcurate.cli.app import load_command
from vidcurate.cli.catalogue import CATALOGUE, Entry
from vidcurate.options import options_of
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.stages.registry import STAGES

INTRO = """`vidcurate COMMAND [SOURCE]... -d DATASET [-c CONFIG]`. A command first runs what it
needs, and does nothing again that is done. Results go to stdout, all else to stderr.
`vidcurate COMMAND --help` shows the same in the terminal."""
EXITS = (
    ("0", "done"),
    ("1", "a fault of vidcurate"),
    ("2", "wrong usage or configuration, or something that is not there"),
    ("3", "more failures than `--max-failed` allows, or nothing came out"),
    ("130", "interrupted; the same command goes on"),
)
RUN = "Options of every run"


def commands_page() -> str:
    """The page."""
    groups = groupby(CATALOGUE, lambda entry: entry.panel)
    return page(
        "Commands",
        [INTRO, table(("exit code", "meaning"), EXITS)],
        [f"## {RUN}", *run_blocks()],
        (
            block
            for panel, entries in groups
            for block in (f"## {panel}", *(b for entry in entries for b in command_blocks(entry)))
        ),
    )


def run_blocks() -> Iterator[str]:
    """The options that every command has that runs stages."""
    yield "Commands of stages, `run` and `estimate` take these. They change no row that is made."
    own = [
        p for p in load_command(entry_named("run")).params if p.name not in options_of(RunOptions)
    ]
    yield parameter_table(p for p in own if p.name != "help")
    yield option_table(options_of(RunOptions).values(), by_flag=True)


def command_blocks(entry: Entry) -> Iterator[str]:
    """One command: what it does, how it is called, and its own options."""
    yield f"### vidcurate {entry.name}"
    shared = {p.name for p in load_command(entry_named("run")).params}
    own = [p for p in load_command(entry).params if p.name not in shared]
    yield entry.summary
    yield fenced("\n".join(entry.examples), "sh")
    if entry.is_stage:
        own_options = f"[its own](config.md#{entry.name})"
        yield f"Options: {own_options}, and [those of every run](#{anchor(RUN)})."
        stage = next(stage for stage in STAGES if stage.name == entry.name)
        yield from non_empty(
            [parameter_table(p for p in own if p.name not in options_of(stage.config))]
        )
    elif entry.name == "run":
        yield f"Options: [those of every run](#{anchor(RUN)})."
    else:
        taken = [p for p in load_command(entry).params if p.name != "help"]
        runs = len(taken) - len(own) > len(options_of(RunOptions)) // 2
        yield from non_empty([parameter_table(own if runs else taken)])
        if runs:
            yield f"It also takes [the options of every run](#{anchor(RUN)})."


def entry_named(name: str) -> Entry:
    """A command of the catalogue."""
    return next(entry for entry in CATALOGUE if entry.name == name)


def parameter_table(parameters: Any) -> str:
    """Arguments and options as typer has them, whatever the terminal's width."""
    return table(("option", "what it does", "default"), map(parameter_row, parameters))


def parameter_row(parameter: Any) -> tuple[str, ...]:
    """One argument or option."""
    is_argument = parameter.param_type_name == "argument"
    word = parameter.metavar or parameter.name.upper()
    argument = word if parameter.nargs == 1 else f"[{word}]..."
    shown = [argument] if is_argument else parameter.opts
    default = "" if callable(parameter.default) else parameter.default
    needed = "required" if parameter.required else ""
    plain = "" if default in (None, False, (), "") or is_argument else code(str(default))
    return ", ".join(map(code, shown)), parameter.help or "", needed or plain


def anchor(heading: str) -> str:
    """A heading's anchor."""
    return heading.lower().replace(" ", "-")
