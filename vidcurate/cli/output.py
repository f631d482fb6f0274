"""What a user sees: results on stdout, everything else on stderr."""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.progress import TimeRemainingColumn as Remaining
from rich.table import Table as Grid
from rich.text import Text

from vidcurate.dataset import FAILED
from vidcurate.funnel import StageCount
from vidcurate.wording import quantity
from vidcurate.worker import Report

PLAIN_LINE_EVERY_S = 10.0
REASONS_SHOWN = 4


class Quiet:
    """A listener that says nothing."""

    def began(self, stage: str, todo: int, done_before: int) -> None:
        """Say nothing."""

    def advanced(self, _stage: str, report: Report) -> None:
        """Say nothing."""

    def ended(self, counts: StageCount) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def close(self) -> None:
        """Nothing to close."""


@dataclass(slots=True)
class Progressed:
    """How far a stage is: what was and is to do, and since when (monotonic seconds)."""

    before: int
    todo: int
    done: int = 0
    failed: int = 0
    began: float = field(default_factory=time.monotonic)

    def count(self, report: Report) -> None:
        """Add a batch."""
        self.done += len(report.statuses) + report.others
        self.failed += count_failed(report)

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.done / max(time.monotonic() - self.began, 1e-6)


class Lines:
    """A listener for logs and pipes: a line when a stage begins and ends, and now and then."""

    def __init__(self, verbose: bool) -> None:
        self.verbose = verbose
        self.stages: dict[str, Progressed] = {}
        self.last = time.monotonic()

    def began(self, stage: str, todo: int, done_before: int) -> None:
        """Say what is to do."""
        self.stages[stage] = Progressed(done_before, todo)
        known = f", {done_before} already done" if done_before else ""
        say(f"{stage}: {todo} to do{known}")

    def advanced(self, stage: str, report: Report) -> None:
        """Count; say so now and then, and each failure when verbose."""
        at = self.stages[stage]
        at.count(report)
        if self.verbose:
            say_failures(stage, report, say)
        now = time.monotonic()
        if now - self.last >= PLAIN_LINE_EVERY_S:
            self.last = now
            eta = (at.todo - at.done) / at.rate if at.done else 0
            say(
                f"{stage}: {at.done}/{at.todo}, {at.rate:.2f}/s, "
                f"{eta:.0f} s left, {at.failed} failed"
            )

    def ended(self, counts: StageCount) -> None:
        """Say what came of it."""
        say(f"{counts.stage}: {sentence(counts)}")

    def note(self, text: str) -> None:
        """Pass on."""
        say(text)

    def close(self) -> None:
        """Nothing to close."""


class Bars:
    """A listener for a terminal: a bar for each stage, which goes on from wave to wave."""

    def __init__(self, console: Console, verbose: bool) -> None:
        self.console, self.verbose = console, verbose
        self.stages: dict[str, tuple[TaskID, Progressed]] = {}
        self.progress = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            Remaining(),
            TextColumn("{task.fields[failed]}"),
            console=console,
            transient=False,
        )
        self.progress.start()

    def began(self, stage: str, todo: int, done_before: int) -> None:
        """A new bar, or more on one that is there."""
        if stage in self.stages:
            task, at = self.stages[stage]
            if todo:
                at.todo += todo
                self.progress.update(task, total=at.before + at.todo)
            return
        task = self.progress.add_task(
            stage, total=todo + done_before, completed=done_before, rate="", failed=""
        )
        self.stages[stage] = task, Progressed(done_before, todo)

    def advanced(self, stage: str, report: Report) -> None:
        """Move the bar."""
        task, at = self.stages[stage]
        at.count(report)
        failed = f"{at.failed} failed" if at.failed else ""
        self.progress.update(
            task, completed=at.before + at.done, rate=f"{at.rate:.1f}/s", failed=failed
        )
        if self.verbose:
            say_failures(stage, report, self.note)

    def ended(self, counts: StageCount) -> None:
        """The bar stays."""

    def note(self, text: str) -> None:
        """Print above the bars."""
        self.console.print(Text(printable(text)))

    def close(self) -> None:
        """Stop drawing."""
        self.progress.stop()


def listener(*, quiet: bool, verbose: bool) -> Quiet | Lines | Bars:
    """Bars on a terminal, lines elsewhere, nothing when quiet."""
    if quiet:
        return Quiet()
    console = Console(stderr=True)
    return Bars(console, verbose) if console.is_terminal else Lines(verbose)


def count_failed(report: Report) -> int:
    """How many rows of a batch failed."""
    return Counter(status for _, status, _ in report.statuses)[FAILED]


def say_failures(stage: str, report: Report, out: Callable[[str], None]) -> None:
    """One line for each failed row."""
    for row_id, status, reason in report.statuses:
        if status == FAILED:
            out(f"{stage}: {row_id} failed: {reason}")


def say(text: str) -> None:
    """A line on stderr, control characters made visible."""
    print(printable(text), file=sys.stderr, flush=True)  # noqa: T201 - this is the terminal's home


def tell(text: str) -> None:
    """A line on stdout."""
    print(text)  # noqa: T201 - this is the terminal's home


def tell_json(value: Any) -> None:
    """One JSON value on stdout, as a line; control characters are escaped."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    tell(text if text.isprintable() else json.dumps(value, default=str))


def printable(text: str) -> str:
    """Text whose control characters cannot steer a terminal; line ends stay."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def sentence(counts: StageCount) -> str:
    """What came of a stage, in a line."""
    parts = [f"{counts.ok} of {counts.inputs} ok", quantity(counts.rows, "row")]
    n_dropped = sum(counts.dropped.values())
    if n_dropped:
        parts.append(f"{n_dropped} dropped")
    if counts.failed:
        parts.append(f"{counts.failed} failed ({next(iter(counts.reasons))})")
    if counts.pending:
        parts.append(f"{counts.pending} pending")
    if counts.spared:
        parts.append(f"{counts.spared} spared by cheaper rules")
    return ", ".join(parts)


def show_funnel(counts: Sequence[StageCount], *, stderr: bool) -> None:
    """The funnel as a table, and below it why inputs were lost."""
    console = Console(stderr=stderr, highlight=False)
    console.print(funnel_grid(counts))
    for c in counts:
        if c.stale:
            console.print(f"{c.stage} is stale: its options, or those of what it reads, changed")
        for what, reasons in (("dropped", c.dropped), ("failed", c.reasons)):
            for line in reason_lines(reasons):
                console.print(Text(f"{c.stage} {what} {printable(line)}"), soft_wrap=True)


def funnel_grid(counts: Sequence[StageCount]) -> Grid:
    """How many inputs of each stage came to what; those spared only where there are any."""
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    grid.add_column("stage")
    spared = ("spared",) if any(c.spared for c in counts) else ()
    for name in ("inputs", "ok", "dropped", "failed", "pending", *spared, "rows"):
        grid.add_column(name, justify="right")
    for c in counts:
        numbers = [c.inputs, c.ok, sum(c.dropped.values()), c.failed, c.pending]
        numbers += [c.spared, c.rows] if spared else [c.rows]
        grid.add_row(c.stage, *(str(n) if n else "·" for n in numbers))
    return grid


def reason_lines(reasons: Mapping[str, int]) -> list[str]:
    """The most frequent reasons, with how often."""
    items = list(reasons.items())
    lines = [f"{n} × {reason}" for reason, n in items[:REASONS_SHOWN]]
    rest = sum(n for _, n in items[REASONS_SHOWN:])
    return [*lines, f"{rest} × other reasons"] if rest else lines
