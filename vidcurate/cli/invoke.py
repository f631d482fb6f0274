"""One run from the command line: lock, files, plan, stages, summary, exit code."""

import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from types import FrameType

import typer

from vidcurate.cli.output import listener, say, show_funnel, tell_json
from vidcurate.dataset import Dataset
from vidcurate.engines.inline import InlineEngine
from vidcurate.engines.local import LocalEngine
from vidcurate.errors import UsageError
from vidcurate.funnel import StageCount, as_dicts
from vidcurate.lock import writing
from vidcurate.pending import FOUND
from vidcurate.plan import choose_configs
from vidcurate.records import FILES
from vidcurate.runner import Limits, Run, plan_for, run_plan
from vidcurate.sources import add_files, find_files
from vidcurate.stage import StageConfig
from vidcurate.stages import STAGES
from vidcurate.stages.ingest import INGEST, IngestConfig

INTERRUPTED = 130


@dataclass(frozen=True)
class Request:
    """The options that every running command has."""

    sources: tuple[str, ...]
    dataset: Path
    engine: str
    workers: int | None
    limit: int | None
    retry_failed: bool
    max_failed: int | None
    as_json: bool
    verbose: bool
    quiet: bool


def invoke(request: Request, chosen: Sequence[str], given: Mapping[str, StageConfig]) -> None:
    """Run the chosen stages and all they need, and show what came of it.

    Raises UsageError where there is no film at all, what a run raises, and typer.Exit with code
    130 when interrupted.
    """
    dataset = Dataset(request.dataset.absolute())
    dataset.manifest()
    if not request.sources and not dataset.shelf(FILES, FOUND).folder.exists():
        raise UsageError(f"{dataset.root} holds no films yet: name a SOURCE (a folder, a file, -)")
    with writing(dataset.root):
        take_sources(dataset, request, given)
        plan = plan_for(dataset, STAGES, chosen, given)
        limits = Limits(request.limit, request.max_failed, request.retry_failed)
        out = listener(quiet=request.quiet, verbose=request.verbose)
        with open_engine(request) as engine:
            run = Run(dataset, engine, out, limits)
            try:
                with ctrl_c_stops(run):
                    run_plan(run, plan)
            finally:
                out.close()
                show_result(request, dataset, run.counts)
    if run.interrupted:
        say(f"interrupted; the same command goes on: {resume_line()}")
        raise typer.Exit(INTERRUPTED)


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
def open_engine(request: Request) -> Iterator[LocalEngine | InlineEngine]:
    """The engine by name.

    Raises UsageError for an unknown one.
    """
    if request.engine == "inline":
        yield InlineEngine()
    elif request.engine == "local":
        with LocalEngine(request.workers) as engine:
            yield engine
    else:
        raise UsageError(f"unknown engine '{request.engine}': local or inline")


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


def show_result(request: Request, dataset: Dataset, counts: Sequence[StageCount]) -> None:
    """The funnel: on stderr for people, as one object on stdout with --json."""
    if request.as_json:
        tell_json({"dataset": str(dataset.root), "stages": as_dicts(counts)})
    if not request.quiet:
        show_funnel(counts, stderr=True)


def resume_line() -> str:
    """The command as it was given."""
    return shlex.join(["vidcurate", *sys.argv[1:]])
