"""The command line: a command for each stage, `run`, and commands that look at a data set."""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from vidcurate.cli import look
from vidcurate.cli.commands.diff import diff
from vidcurate.cli.commands.drop import drop
from vidcurate.cli.commands.estimate import plan_run
from vidcurate.cli.commands.search import search
from vidcurate.cli.commands.tune import tune
from vidcurate.cli.invoke import Request, invoke
from vidcurate.cli.options import given_values, stage_parameters, with_parameters
from vidcurate.cli.output import say
from vidcurate.cli.streams import prepare_streams
from vidcurate.errors import UsageError, VidcurateError, place_fault
from vidcurate.pipeline.config import load_config, override
from vidcurate.stage import Stage, StageConfig
from vidcurate.stages import STAGES
from vidcurate.stages.sources.probe import PROBE

Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SOURCE]...",
        help="Videos: folders, files, globs, lists (txt, csv, tsv, json, jsonl, parquet), or -.",
        show_default=False,
    ),
]
DatasetFolder = Annotated[
    Path, typer.Option("--dataset", "-d", help="The data set's folder.", show_default=False)
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="A YAML file of stages and their options.")
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

SampledVideos = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Videos in the sample (default: one in a hundred, at least 5).",
        show_default=False,
    ),
]
# What `plan` leaves to the run itself.
RUN_ONLY = {"wave": None, "retry_failed": False, "max_failed": None, "allow_loss": False}

app = typer.Typer(
    name="vidcurate",
    help="Turn a folder of videos into a training-ready video-text data set.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def common(  # noqa: PLR0917 - never called: its parameters are the options every command has
    sources: Sources = None,
    dataset: DatasetFolder = Path(),
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


def shared_parameters() -> list[inspect.Parameter]:
    """The shared options, as typer reads them; the data set's folder must be given."""
    parameters = inspect.signature(common, eval_str=True).parameters.values()
    keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    return [p.replace(default=p.empty) if p.name == "dataset" else p for p in keyword]


def add_stage_command(stage: Stage) -> None:
    """A command that brings one stage's table up to date, and first what it needs."""

    def command(**values: Any) -> None:
        given = load_config(values["config"], STAGES) if values["config"] else {}
        own = given_values(stage.config, values)
        if own:
            given = {**given, stage.name: override(known_options(values, given, stage), stage, own)}
        invoke(request(values), [stage.name], given)

    with_parameters(command, [*shared_parameters(), *stage_parameters(stage.config)])
    command.__doc__ = stage.summary
    app.command(stage.name)(command)


def known_options(values: dict[str, Any], given: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """The options that those of the command line are put over: the file's, else the data set's."""
    return given if stage.name in given else look.recorded(values["dataset"], stage)


def add_run_command() -> None:
    """The command that runs the stages which a config file names."""

    def run(**values: Any) -> None:
        chosen, given = stages_to_run(values)
        invoke(request(values), chosen, given)

    with_parameters(run, shared_parameters())
    run.__doc__ = "Run the stages that a config file names, on SOURCE or on what is there."
    app.command("run")(run)


def stages_to_run(values: dict[str, Any]) -> tuple[list[str], dict[str, StageConfig]]:
    """The stages that a config file names, else those that the data set has, and the options."""
    given = load_config(values["config"], STAGES) if values["config"] else {}
    left_out = set(values["without"] or ())
    chosen = list(given) or look.recorded_stages(values["dataset"])
    chosen = [name for name in chosen if name not in left_out]
    if not chosen:
        raise UsageError(
            "which stages? give -c FILE; `vidcurate config > my.yaml` writes one to start from"
        )
    return chosen, given


def add_plan_command() -> None:
    """The command that says what `run` will take."""

    def plan(videos: SampledVideos = None, **values: Any) -> None:
        chosen, given = stages_to_run(values)
        plan_run(request({**RUN_ONLY, **values}), [*chosen, PROBE.name], given, videos)

    shared = [p for p in shared_parameters() if p.name not in RUN_ONLY]
    with_parameters(plan, shared)
    plan.__doc__ = (
        "Foresee time, disk and requests of a run, from a few videos that it is begun on."
    )
    app.command("plan")(plan)


def main() -> None:
    """Run the command line; every error that a user can act on becomes a line and a code."""
    prepare_streams()
    try:
        try:
            app(standalone_mode=True)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except VidcurateError as error:
        for line in str(error).splitlines():
            say(f"vidcurate: {line}")
        sys.exit(error.exit_code)
    except OSError as error:
        fault = place_fault(error)
        if fault is None:
            raise
        say(f"vidcurate: {fault}")
        sys.exit(UsageError.exit_code)


def add_commands() -> None:
    """Every command, in the order of `--help`."""
    add_run_command()
    add_plan_command()
    for stage in STAGES:
        add_stage_command(stage)
    extra: list[tuple[str, Callable[..., None]]] = [
        ("status", look.status),
        ("rows", look.rows),
        ("search", search),
        ("tune", tune),
        ("diff", diff),
        ("drop", drop),
        ("config", look.config),
        ("clean", look.clean),
    ]
    for name, function in extra:
        app.command(name)(function)


add_commands()
