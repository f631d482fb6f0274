"""The options that several commands share."""

import inspect
from copy import copy
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from typer.models import OptionInfo

from vidcurate.cli.completion import complete_recipe, complete_stage
from vidcurate.cli.invoke import Request

SHARED_PANEL = "Options of every run"

Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SOURCE]...",
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
Engine = Annotated[
    str, typer.Option(help="Where work runs: local (processes), ray (a cluster) or inline.")
]
Address = Annotated[
    str | None,
    typer.Option(
        help="The Ray cluster, HOST:PORT or auto (default: $RAY_ADDRESS, else one made here).",
        show_default=False,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Worker processes (default: one a core that this process may use, by affinity, "
        "container or Slurm).",
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Work on the first N videos only.")]
Without = Annotated[
    list[str] | None,
    typer.Option(
        help="Leave out this stage, where others only use what it has made; repeat for more.",
        metavar="STAGE",
        show_default=False,
        autocompletion=complete_stage,
    ),
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try failed rows again.")]
MaxFailed = Annotated[
    int | None, typer.Option(min=0, help="Stop with exit code 3 when more rows fail than this.")
]
Wave = Annotated[
    int | None,
    typer.Option(
        help="Take videos through all stages this many at a time", min=1, show_default=False
    ),
]
AllowLoss = Annotated[
    bool,
    typer.Option(
        "--allow-loss",
        help="Let an export lose clips, captions or columns that failed or are gone since.",
    ),
]
TimeLimitFactor = Annotated[
    float,
    typer.Option(
        min=0.01,
        help="Stretches the time after which a worker that is stuck on a video is killed.",
    ),
]
MemoryPerWorker = Annotated[
    float | None,
    typer.Option(
        min=0.1,
        help="A worker that takes more memory is killed (GB; default: its share of 80 %).",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout as the result.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Name each failed row at once.")]
QuietFlag = Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on stderr but errors.")]

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def common(  # noqa: PLR0917 - never called: its parameters are the options every command has
    sources: Sources = None,
    dataset: Folder = Path(),
    config: ConfigFile = None,
    engine: Engine = "local",
    address: Address = None,
    workers: Workers = None,
    limit: Limit = None,
    without: Without = None,
    retry_failed: RetryFailed = False,
    max_failed: MaxFailed = None,
    allow_loss: AllowLoss = False,
    time_limit_factor: TimeLimitFactor = 1.0,
    memory_per_worker: MemoryPerWorker = None,
    wave: Wave = None,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: QuietFlag = False,
) -> None:
    """Parameters shared by `run` and the stages."""


def request(values: dict[str, Any]) -> Request:
    """The shared options of a command as one value."""
    names = set(inspect.signature(common).parameters) - {"config"}
    picked = {name: values[name] for name in names}
    lists = {name: tuple(picked[name] or ()) for name in ("sources", "without")}
    return Request(**{**picked, **lists})


def shared_parameters(panel: str | None = SHARED_PANEL) -> list[inspect.Parameter]:
    """The shared options, as typer reads them, in a panel; the data set's folder must be given."""
    return [
        p.replace(
            kind=inspect.Parameter.KEYWORD_ONLY,
            default=p.empty if p.name == "dataset" else p.default,
            annotation=in_panel(p.annotation, panel),
        )
        for p in inspect.signature(common, eval_str=True).parameters.values()
    ]


def in_panel(annotation: Any, panel: str | None) -> Any:
    """An option's annotation with the panel of the help that shows it; arguments have their own."""
    hint, info = get_args(annotation)
    if not isinstance(info, OptionInfo):
        return annotation
    placed = copy(info)
    placed.rich_help_panel = panel
    return Annotated[hint, placed]
