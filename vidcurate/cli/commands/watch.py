"""The `watch` command: how far a run is that another process does."""

import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.live import Live

from vidcurate.analysis.progress import Progress, ProgressReader
from vidcurate.analysis.view import require_dataset
from vidcurate.cli.printing import printable, say, tell, tell_json
from vidcurate.cli.render_progress import ProgressView, change_lines, final_lines, progress_dict
from vidcurate.cli.shared import Folder
from vidcurate.cli.signals import INTERRUPTED
from vidcurate.errors import BusyError, UsageError
from vidcurate.store.dataset import Dataset
from vidcurate.store.lock import writer_of
from vidcurate.store.storage import location

SECONDS = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|m|min|)")
UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "min": 60.0}
SHORTEST_S = 0.1
Show = Callable[[Progress], None]


def watch(
    dataset: Folder,
    every: Annotated[
        str, typer.Option(help="How often to look, such as 2s, 500ms or 1m.", metavar="TIME")
    ] = "2s",
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout for each look.")
    ] = False,
) -> None:
    """Follow a run that another terminal does: what is done, how fast, and the time left.

    It ends with the run, or at once where there is none; Ctrl-C ends it, and not the run.

    Rates are those of the last two minutes; the time left is that of the stage.
    """
    pause_s = read_seconds(every)
    root = location(dataset)
    opened = Dataset(root) if writer_of(root) else require_dataset(dataset)
    reader = ProgressReader(opened)
    try:
        with interrupts() as heard, shower(as_json=as_json, once=once) as show:
            last = follow(reader, show, pause_s, heard, once=once)
        if not as_json:
            for line in final_lines(last, was_followed=not once):
                tell(printable(line))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def interrupts() -> Iterator[list[int]]:
    """Note each Ctrl-C in a list before it is raised: what is raised in a destructor is lost."""
    heard: list[int] = []

    def note(number: int, _frame: FrameType | None) -> NoReturn:
        heard.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield heard
    finally:
        signal.signal(signal.SIGINT, before)


def follow(
    reader: ProgressReader, show: Show, pause_s: float, heard: list[int], *, once: bool
) -> Progress:
    """Look and show until no process writes to the data set; the last look counts all anew.

    Raises KeyboardInterrupt where an interrupt was heard and lost.
    """
    while True:
        began = time.monotonic()
        found = looked(reader)
        if found.writer is None and not once:
            found = reader.look(whole=True)
        show(found)
        if once or found.writer is None:
            return found
        if heard:
            raise KeyboardInterrupt
        time.sleep(max(0.0, pause_s - (time.monotonic() - began)))


def looked(reader: ProgressReader) -> Progress:
    """What a look finds; where tables change too fast to be read, the next look is waited for."""
    while True:
        try:
            return reader.look()
        except BusyError as error:
            say(f"looking again: {error}")
            time.sleep(1.0)


def shower(*, as_json: bool, once: bool) -> AbstractContextManager[Show]:
    """What shows each look: JSON lines, a drawing that a terminal renews, or lines of changes."""
    console = Console(highlight=False)
    if as_json:
        return nullcontext(tell_object)
    if once or not console.is_terminal or console.is_dumb_terminal:
        return nullcontext(partial(tell_lines, change_lines()))
    return drawn(console)


def tell_lines(lines: Callable[[Progress], list[str]], found: Progress) -> None:
    """Print the lines that a look gives, at once."""
    for line in lines(found):
        tell(printable(line))
    sys.stdout.flush()


def tell_object(found: Progress) -> None:
    """Print a look as a JSON object, at once."""
    tell_json(progress_dict(found))
    sys.stdout.flush()


@contextmanager
def drawn(console: Console) -> Iterator[Show]:
    """Draw each look over the one before."""
    view = ProgressView(console)
    with Live(view, console=console, auto_refresh=False, vertical_overflow="crop") as live:

        def show(found: Progress) -> None:
            view.found = found
            live.refresh()

        yield show


def read_seconds(text: str) -> float:
    """A time in seconds, from a number with or without a unit.

    Raises UsageError for anything else, and for less than a tenth of a second.
    """
    match = SECONDS.fullmatch(text.strip())
    seconds = float(match[1]) * UNITS[match[2]] if match else 0.0
    if seconds < SHORTEST_S:
        raise UsageError(f"--every {text} is no time of {SHORTEST_S:g} s or more: such as 2s or 1m")
    return seconds
