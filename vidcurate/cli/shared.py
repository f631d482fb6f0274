"""The options that several commands share."""

import inspect
from collections.abc import Callable, Mapping
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from typer.models import OptionInfo

from vidcurate.cli.completion import complete_recipe, complete_stage
from vidcurate.cli.options import given_values, stage_parameters
from vidcurate.pipeline.run_options import RunOptions, run_options

if TYPE_CHECKING:
    from vidcurate.cli.invoke import Request

SHARED_PANEL = "Options of every run"
COMPLETIONS: Mapping[str, Callable[..., Any]] = {"without": complete_stage}

Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SOURCE",
        help="Videos: folders, files, globs, lists (txt, csv, tsv, json, jsonl, parquet), or -.",
        show_default=False,
    ),
]
Folder = Annotated[
    Path, typer.Option("--dataset", "-d", help="The data set's folder.", show_default=False)
]
ConfigFile = Annotated[
    str | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE|RECIPE",
        help="A YAML file of stages and their options, or a recipe's name.",
        show_default=False,
        autocompletion=complete_recipe,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout as the result.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print each failed row as soon as it fails.")
]
QuietFlag = Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors on stderr.")]

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def common(
    sources: Sources = None,
    dataset: Folder = Path(),
    config: ConfigFile = None,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: QuietFlag = False,
) -> None:
    """Parameters shared by `run` and the stages, besides those of `RunOptions`."""


def request(values: dict[str, Any]) -> "Request":
    """The shared options of a command as one value.

    Raises UsageError for options of the run that do not fit.
    """
    from vidcurate.cli.invoke import Request

    return Request(
        tuple(values["sources"] or ()),
        values["dataset"],
        run_options(given_values(RunOptions, values)),
        values["as_json"],
        values["verbose"],
        values["quiet"],
    )


def shared_parameters(
    panel: str | None = SHARED_PANEL, *, needs_dataset: bool = True
) -> list[inspect.Parameter]:
    """The shared options, as typer reads them, in a panel.

    The data set's folder must be given, unless it is not needed: then it is None.
    """
    no_dataset = inspect.Parameter.empty if needs_dataset else None
    own = inspect.signature(common, eval_str=True).parameters
    return [
        p.replace(
            kind=inspect.Parameter.KEYWORD_ONLY,
            default=no_dataset if p.name == "dataset" else p.default,
            annotation=in_panel(p.annotation, panel, COMPLETIONS.get(p.name)),
        )
        for p in (*own.values(), *stage_parameters(RunOptions))
    ]


def in_panel(annotation: Any, panel: str | None, complete: Callable[..., Any] | None) -> Any:
    """An option's annotation with the panel of the help that shows it, and what completes it.

    Arguments have a panel of their own.
    """
    hint, info = get_args(annotation)
    if not isinstance(info, OptionInfo):
        return annotation
    placed = copy(info)
    placed.rich_help_panel = panel
    placed.autocompletion = complete or placed.autocompletion
    # No config file sets an option of a run, so a switch is only ever turned on.
    # (In an annotation typer takes the first of an option's names for its default.)
    if isinstance(info.default, str):
        placed.default = info.default.partition("/")[0]
    return Annotated[hint, placed]
