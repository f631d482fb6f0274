"""One run from the command line: lock, files, plan, stages, summary, exit code."""

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from io import TextIOWrapper
from itertools import groupby
from pathlib import Path

import typer

from vidcurate.cli.output import listener, say, show_funnel, tell_json
from vidcurate.cli.render_estimate import against_plan
from vidcurate.cli.signals import INTERRUPTED, signals_heard
from vidcurate.engines import Engine
from vidcurate.engines.guard import close_input
from vidcurate.engines.inline import InlineEngine
from vidcurate.engines.local import GB, LocalEngine
from vidcurate.errors import MissingExtraError, UsageError, disk_full_stops
from vidcurate.pipeline.counts import as_dicts
from vidcurate.pipeline.discovery.sources import take_in
from vidcurate.pipeline.estimate.forecast import Compared, compare
from vidcurate.pipeline.inputs import FOUND
from vidcurate.pipeline.resolve import Planned, choose_configs
from vidcurate.pipeline.retries import Shrink
from vidcurate.pipeline.runner import Limits, Run, plan_for, run_plan
from vidcurate.pipeline.waves import run_in_waves
from vidcurate.records import FILES
from vidcurate.stage import StageConfig
from vidcurate.stages import STAGES
from vidcurate.stages.sources.ingest import INGEST, IngestConfig
from vidcurate.store.dataset import Dataset
from vidcurate.store.lock import writing
from vidcurate.store.storage import location
from vidcurate.wording import quantity


@dataclass(frozen=True)
class Request:
    """The options that every running command has."""

    sources: tuple[str, ...]
    dataset: Path
    engine: str
    address: str | None
    workers: int | None
    limit: int | None
    without: tuple[str, ...]
    retry_failed: bool
    max_failed: int | None
    allow_loss: bool
    time_limit_factor: float
    memory_per_worker: float | None
    wave: int | None
    as_json: bool
    verbose: bool
    quiet: bool


def invoke(request: Request, chosen: Sequence[str], given: Mapping[str, StageConfig]) -> None:
    """Run the chosen stages and all they need, and show what came of it.

    Raises what `begun` and a run raise, and typer.Exit with code 130 when interrupted.
    """
    with ExitStack() as last, begun(request, chosen, given) as (run, plan):
        last.callback(show_result, request, run, plan)
        run_all(request, run, plan)
    exit_if_interrupted(run)


@contextmanager
def begun(
    request: Request, chosen: Sequence[str], given: Mapping[str, StageConfig]
) -> Iterator[tuple[Run, Sequence[Planned]]]:
    """A run with its videos taken in and its plan made; Ctrl-C ends the block.

    Raises UsageError where there is no video at all, and typer.Exit with code 130 when interrupted
    before there is a run.
    """
    unknown = set(request.without) - {stage.name for stage in STAGES}
    if unknown:
        raise UsageError(f"--without {min(unknown)}: there is no such stage")
    run: Run | None = None
    try:
        with ExitStack() as last:
            signals = last.enter_context(signals_heard(interrupted))
            dataset = Dataset(location(request.dataset))
            dataset.manifest()
            if not request.sources and not dataset.shelf(FILES, FOUND).folder.exists():
                raise UsageError(
                    f"{dataset.root} holds no videos yet: name a SOURCE (a folder, a file, -)"
                )
            last.enter_context(writing(dataset.root, say))
            last.enter_context(disk_full_stops(dataset.root))
            take_sources(dataset, request, given)
            plan = plan_for(dataset, STAGES, chosen, given, request.without)
            limits = Limits(
                request.limit,
                request.max_failed,
                request.retry_failed,
                request.time_limit_factor,
                request.allow_loss,
            )
            engine = last.enter_context(open_engine(request))
            signals.out = listener(quiet=request.quiet, verbose=request.verbose)
            last.callback(signals.out.close)
            run = signals.run = Run(dataset, engine, signals.out, limits)
            yield run, plan
    except KeyboardInterrupt:
        if run is None:
            say(interrupted())
            raise typer.Exit(INTERRUPTED) from None
        assert run.interrupted


def exit_if_interrupted(run: Run) -> None:
    """Say how a run that was interrupted goes on; raises typer.Exit then."""
    if run.interrupted:
        say(interrupted())
        raise typer.Exit(INTERRUPTED)


def run_all(request: Request, run: Run, plan: Sequence[Planned]) -> None:
    """Run a plan, in waves if that was asked for."""
    if request.wave is None:
        run_plan(run, plan)
        return
    with open_engine(request) as second:
        run_in_waves(run, plan, request.wave, second)


def take_sources(dataset: Dataset, request: Request, given: Mapping[str, StageConfig]) -> None:
    """Add the files that the sources name."""
    config = choose_configs([INGEST], given, dataset.manifest())[INGEST.name]
    assert isinstance(config, IngestConfig)
    if request.sources:
        if isinstance(sys.stdin, TextIOWrapper):  # a file name is bytes, whatever the locale
            sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")
        take_in(
            dataset,
            request.sources,
            config.extensions,
            sys.stdin,
            recursive=config.recursive,
            note=partial(say_unless, request.quiet),
        )
    if sys.stdin is sys.__stdin__ and sys.stdin is not None:
        # What is started from now on finds no terminal that it could wait for, or set up.
        close_input()


def say_unless(quiet: bool, text: str) -> None:
    """Say something that is no error."""
    if not quiet:
        say(text)


@contextmanager
def open_engine(request: Request) -> Iterator[Engine]:
    """The engine by name.

    Raises UsageError for an unknown one, and where there is no cluster.
    """
    each_gb = request.memory_per_worker
    memory_bytes = int(each_gb * GB) if each_gb else None
    if request.address and request.engine != "ray":
        raise UsageError("--address is that of a Ray cluster: add --engine ray")
    if request.engine == "inline":
        yield InlineEngine()
    elif request.engine == "local":
        with LocalEngine(request.workers, memory_bytes) as engine:
            yield engine
    elif request.engine == "ray":
        try:
            from vidcurate.engines.ray import RayEngine  # noqa: PLC0415 - optional, slow to import
        except ModuleNotFoundError as error:
            raise MissingExtraError("ray", "ray") from error
        with RayEngine(request.address, request.workers, memory_bytes) as engine:
            yield engine
    else:
        raise UsageError(f"unknown engine '{request.engine}': local, ray or inline")


def show_result(request: Request, run: Run, plan: Sequence[Planned]) -> None:
    """The funnel: on stderr for people, as one object on stdout with --json."""
    compared = against_kept_plan(run, plan)
    if request.as_json:
        shrinks = [asdict(shrink) for shrink in run.shrinks]
        tell_json(
            {
                "dataset": str(run.dataset.root),
                "stages": as_dicts(run.counts),
                "shrinks": shrinks,
                "requests": run.requests,
                "against_plan": [asdict(part) for part in compared],
            }
        )
    if run.counts and not request.quiet:
        show_funnel(run.counts, stderr=True)
        for line in shrink_lines(run.shrinks):
            say(line)
        for part in compared[-1:]:
            say(against_plan(part))


def against_kept_plan(run: Run, plan: Sequence[Planned]) -> list[Compared]:
    """What was foreseen and what it was; a plan that cannot be read does not spoil a run."""
    try:
        return compare(run.dataset, plan, run.counts)
    except UsageError as error:
        say(str(error))
        return []


def shrink_lines(shrinks: Sequence[Shrink]) -> Iterator[str]:
    """For each stage that ran short of memory, how often and how far it went down."""
    for kind, same in groupby(sorted(shrinks, key=what_shrank), what_shrank):
        steps = list(same)
        least = min(step.after for step in steps)
        stage, what = kind
        yield (
            f"{stage} ran short of memory: {what} at once lowered {quantity(len(steps), 'time')}, "
            f"to {least} at the least ({steps[0].reason})"
        )


def what_shrank(shrink: Shrink) -> tuple[str, str]:
    """The stage that was given less, and of what."""
    return shrink.stage, shrink.what


def interrupted() -> str:
    """How a run that was interrupted goes on: by the command as it was given."""
    return f"interrupted; the same command goes on: {shlex.join(['vidcurate', *sys.argv[1:]])}"
