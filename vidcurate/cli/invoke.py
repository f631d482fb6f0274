"""One run from the command line: lock, files, plan, stages, summary, exit code."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from io import TextIOWrapper
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vidcurate.cli.output import Quiet, listener, show_run
from vidcurate.cli.printing import say, tell_json
from vidcurate.cli.render_estimate import against_estimate
from vidcurate.cli.signals import INTERRUPTED, signals_handled
from vidcurate.engines.guards import close_input
from vidcurate.errors import quantity
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.pipeline.retries import Shrink
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.pipeline.session import (
    RunRequest,
    engine_for,
    locked,
    plan_of,
    report_of,
    run_all,
    take_sources,
)
from vidcurate.store.no_pandas import leave_pandas_out
from vidcurate.store.storage import location

if TYPE_CHECKING:
    from vidcurate.api.choice import StageChoice


@dataclass(frozen=True)
class Request:
    """The options that every running command has: what it works on, how, and what it shows."""

    sources: tuple[str, ...]
    dataset: Path
    options: RunOptions
    as_json: bool
    verbose: bool
    quiet: bool


def invoke(request: Request, choice: "StageChoice") -> None:
    """Run the chosen stages and all they need, and show what came of it.

    Raises what `begun` and a run raise, and typer.Exit with code 130 when interrupted.
    """
    with ExitStack() as last, begun(request, choice) as (run, plan):
        last.callback(show_result, request, run, plan)
        run_all(run, plan, request.options)
    exit_if_interrupted(run)


@contextmanager
def begun(request: Request, choice: "StageChoice") -> Iterator[tuple[Run, Sequence[ResolvedStage]]]:
    """A run with its videos taken in and its plan made; Ctrl-C ends the block.

    Raises what a session's steps raise, and typer.Exit with code 130 when interrupted before there
    is a run.
    """
    wanted = RunRequest(
        location(request.dataset),
        choice.stages,
        choice.given,
        request.sources,
        request.options,
        choice.versions,
    )
    leave_pandas_out()
    run: Run | None = None
    try:
        with ExitStack() as last:
            signals = last.enter_context(signals_handled(interrupted))
            dataset = last.enter_context(locked(wanted, say))
            if isinstance(sys.stdin, TextIOWrapper):  # a file name is bytes, whatever the locale
                sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")
            take_sources(dataset, wanted, sys.stdin, partial(say_unless, request.quiet))
            if sys.stdin is sys.__stdin__ and sys.stdin is not None:
                # What is started from now on finds no terminal to wait for, or to set up.
                close_input()
            plan = plan_of(dataset, wanted)
            engine = last.enter_context(engine_for(request.options))
            signals.out = listener(quiet=request.quiet, verbose=request.verbose)
            last.callback(signals.out.close)
            run = signals.run = Run(dataset, engine, signals.out, request.options)
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


def say_unless(quiet: bool, text: str) -> None:
    """Say something that is no error."""
    if not quiet:
        say(text)


def show_result(request: Request, run: Run, plan: Sequence[ResolvedStage]) -> None:
    """Show what a run did: on stderr for people, as one object on stdout with --json."""
    report = report_of(run, plan, say)
    if request.as_json:
        tell_json(report.as_dict())
    if report.stages and not request.quiet:
        assert isinstance(run.listener, Quiet)
        show_run(report.stages, run.listener.worked)
        for line in shrink_lines(report.shrinks):
            say(line)
        for part in report.against_estimate[-1:]:
            say(against_estimate(part))


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
