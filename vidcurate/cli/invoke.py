"""One run from the command line: lock, files, plan, stages, summary, exit code."""

import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from io import TextIOWrapper
from itertools import groupby
from pathlib import Path
from types import FrameType

import typer

from vidcurate.attempts import Shrink
from vidcurate.cli.output import listener, say, show_funnel, tell_json
from vidcurate.cli.show_plan import against_plan
from vidcurate.dataset import Dataset
from vidcurate.engines import Engine
from vidcurate.engines.inline import InlineEngine
from vidcurate.engines.local import GB, LocalEngine
from vidcurate.errors import MissingExtraError, UsageError, disk_full_stops
from vidcurate.foreseen import Compared, compare
from vidcurate.funnel import as_dicts
from vidcurate.lock import writing
from vidcurate.pending import FOUND
from vidcurate.plan import Planned, choose_configs
from vidcurate.records import FILES
from vidcurate.runner import Limits, Run, plan_for, run_plan
from vidcurate.sources import add_files, find_files
from vidcurate.stage import StageConfig
from vidcurate.stages import STAGES
from vidcurate.stages.ingest import INGEST, IngestConfig
from vidcurate.storage import place
from vidcurate.waves import run_in_waves
from vidcurate.wording import quantity

INTERRUPTED = 130


@dataclass(frozen=True)
class Request:
    """The options that every running command has."""

    sources: tuple[str, ...]
    dataset: Path
    engine: str
    address: str | None
    workers: int | None
    limit: int | None
    retry_failed: bool
    max_failed: int | None
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
    """A run with its films taken in and its plan made; Ctrl-C ends the block.

    Raises UsageError where there is no film at all.
    """
    dataset = Dataset(place(request.dataset))
    dataset.manifest()
    if not request.sources and not dataset.shelf(FILES, FOUND).folder.exists():
        raise UsageError(f"{dataset.root} holds no films yet: name a SOURCE (a folder, a file, -)")
    with writing(dataset.root), disk_full_stops(dataset.root):
        take_sources(dataset, request, given)
        plan = plan_for(dataset, STAGES, chosen, given)
        limits = Limits(
            request.limit, request.max_failed, request.retry_failed, request.time_limit_factor
        )
        out = listener(quiet=request.quiet, verbose=request.verbose)
        with open_engine(request) as engine:
            run = Run(dataset, engine, out, limits)
            try:
                with ctrl_c_stops(run):
                    yield run, plan
            except KeyboardInterrupt:
                assert run.interrupted
            finally:
                out.close()


def exit_if_interrupted(run: Run) -> None:
    """Say how a run that was interrupted goes on; raises typer.Exit then."""
    if run.interrupted:
        say(f"interrupted; the same command goes on: {resume_line()}")
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
        files = find_files(
            request.sources, config.extensions, sys.stdin, recursive=config.recursive
        )
        add_files(dataset, files)


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


@contextmanager
def ctrl_c_stops(run: Run) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM ends the run after the batches in hand; the second at once."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        if run.interrupted:
            raise KeyboardInterrupt
        say("stopping after the batches in hand; once more stops at once")
        run.stop()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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


def resume_line() -> str:
    """The command as it was given."""
    return shlex.join(["vidcurate", *sys.argv[1:]])
