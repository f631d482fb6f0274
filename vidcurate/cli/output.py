"""What a user sees: results on stdout, everything else on stderr."""

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
)
from rich.progress import TimeRemainingColumn as Remaining
from rich.table import Column
from rich.table import Table as Grid
from rich.text import Text

from vidcurate.cli.printing import printable, say
from vidcurate.errors import quantity
from vidcurate.pipeline.counts import StageCount
from vidcurate.pipeline.job import Report
from vidcurate.store.dataset import FAILED

PLAIN_LINE_EVERY_S = 10.0
REASONS_SHOWN = 4
FUNNEL_WIDTH = 80
# Tables whose rows say how large a data set is, with the words for one and several.
COUNTED_TABLES = (
    ("videos", "video", "videos"),
    ("clips", "clip", "clips"),
    ("kept", "kept", "kept"),
    ("captions", "caption", "captions"),
    ("exports", "exported", "exported"),
)
# Columns of a terminal: what a stage's line leaves out so that it stays one line.
NO_BAR_BELOW = 60
NO_RATE_BELOW = 45
NO_FAILED_BELOW = 32


class Quiet:
    """A listener that prints nothing; `worked` are the stages that had something to do."""

    def __init__(self) -> None:
        self.worked: set[str] = set()

    def began(self, stage: str, todo: int, done_before: int) -> None:  # noqa: ARG002 - a protocol
        """Note whether the stage has something to do."""
        if todo:
            self.worked.add(stage)

    def advanced(self, _stage: str, report: Report) -> None:
        """Print nothing."""

    def ended(self, counts: StageCount) -> None:
        """Print nothing."""

    def note(self, text: str) -> None:
        """Print nothing."""

    def halt(self) -> None:
        """Nothing to halt."""

    def resume(self) -> None:
        """Do nothing: nothing was halted."""

    def give_up(self) -> None:
        """Nothing to give up."""

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
        self.done += len(report.statuses) + report.n_unlisted
        self.failed += sum(status == FAILED for _, status, _ in report.statuses)

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.done / max(time.monotonic() - self.began, 1e-6)


class Lines(Quiet):
    """A listener for logs and pipes: a line when a stage begins and ends, and now and then.

    A stage with nothing to do has no line.
    """

    def __init__(self, verbose: bool) -> None:
        super().__init__()
        self.verbose = verbose
        self.stages: dict[str, Progressed] = {}
        self.last = time.monotonic()

    def began(self, stage: str, todo: int, done_before: int) -> None:
        """Say what is to do."""
        super().began(stage, todo, done_before)
        self.stages[stage] = Progressed(done_before, todo)
        if todo:
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
        if counts.stage in self.worked:
            say(f"{counts.stage}: {sentence(counts)}")

    def note(self, text: str) -> None:
        """Print it."""
        say(text)


class StageBars(Progress):
    """One line a stage, as wide as the terminal allows and no more lines than it has.

    `whole` shows all lines nevertheless, once nothing is drawn over them any more.
    """

    def __init__(self, console: Console) -> None:
        self.drawn_on, self.whole = console, False
        super().__init__(console=console)

    def get_renderables(self) -> Iterable[RenderableType]:
        """The lines to draw; where there are too many, the stages in hand and the last ones."""
        self.columns = columns_for(self.drawn_on.width)
        tasks = self.tasks
        room = len(tasks) if self.whole else self.drawn_on.height - 2
        if len(tasks) > room:
            shown = sorted(tasks, key=lambda task: (task.finished, -task.id))[: max(1, room - 1)]
            tasks = sorted(shown, key=lambda task: task.id)
            n_more = len(self.tasks) - len(tasks)
            yield Text(f"({n_more} more stages)", no_wrap=True, overflow="ellipsis")
        yield self.make_tasks_table(tasks)


def columns_for(width: int) -> tuple[ProgressColumn, ...]:
    """The columns of a stage's line that fit into so many columns of a terminal."""

    def narrow() -> Column:
        return Column(no_wrap=True, overflow="ellipsis")

    stage = TextColumn("{task.description}", table_column=narrow())
    n_done = MofNCompleteColumn(table_column=narrow())
    failed = TextColumn("{task.fields[failed]}", table_column=narrow())
    rate = TextColumn("{task.fields[rate]}", table_column=narrow())
    remaining = Remaining(table_column=narrow())
    if width < NO_FAILED_BELOW:
        return stage, n_done
    if width < NO_RATE_BELOW:
        return stage, n_done, failed
    if width < NO_BAR_BELOW:
        return stage, n_done, rate, remaining, failed
    bar = BarColumn(bar_width=min(30, width - NO_BAR_BELOW + 6), table_column=narrow())
    return stage, bar, n_done, rate, remaining, failed


class Bars(Quiet):
    """A listener for a terminal: a bar for each stage with something to do, over all waves."""

    def __init__(self, console: Console, verbose: bool) -> None:
        super().__init__()
        self.console, self.verbose = console, verbose
        self.stages: dict[str, tuple[TaskID, Progressed]] = {}
        self.progress = StageBars(console)
        self.progress.start()

    def began(self, stage: str, todo: int, done_before: int) -> None:
        """A new bar, or more on one that is there."""
        super().began(stage, todo, done_before)
        if not todo:
            return
        if stage in self.stages:
            task, at = self.stages[stage]
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
        self.console.print(Text(printable(text)), soft_wrap=True)

    def halt(self) -> None:
        """Leave the bars as they are, and the terminal to others."""
        self.progress.stop()

    def resume(self) -> None:
        """Draw the bars anew, below what others wrote meanwhile."""
        if not self.progress.live.is_started:
            drawn = self.progress.get_renderable
            self.progress.live = Live(console=self.console, get_renderable=drawn)
            self.progress.start()

    def give_up(self) -> None:
        """Show the cursor again, without waiting for anybody who draws."""
        os.write(2, b"\x1b[?25h\n")

    def close(self) -> None:
        """Stop drawing."""
        self.progress.whole = True
        self.progress.stop()


def listener(*, quiet: bool, verbose: bool) -> Quiet:
    """Bars on a terminal that can draw them, lines elsewhere, nothing when quiet."""
    if quiet:
        return Quiet()
    console = Console(stderr=True)
    draws = console.is_terminal and not console.is_dumb_terminal
    return Bars(console, verbose) if draws else Lines(verbose)


def say_failures(stage: str, report: Report, out: Callable[[str], None]) -> None:
    """One line for each failed row."""
    for row_id, status, reason in report.statuses:
        if status == FAILED:
            out(f"{stage}: {row_id} failed: {reason}")


def sentence(counts: StageCount) -> str:
    """What came of a stage, in a line."""
    parts = [f"{counts.ok} of {counts.inputs} ok", quantity(counts.rows, "row")]
    n_dropped = sum(counts.dropped.values())
    if n_dropped:
        parts.append(f"{n_dropped} dropped")
    if counts.failed:
        parts.append(f"{counts.failed} failed ({next(iter(counts.reasons))})")
    if counts.losses:
        parts.append(f"{lost_seconds(counts):.1f} s of video lost ({next(iter(counts.losses))})")
    if counts.pending:
        parts.append(f"{counts.pending} pending")
    if counts.pruned:
        parts.append(f"{counts.pruned} pruned by cheaper rules")
    return ", ".join(parts)


def show_funnel(counts: Sequence[StageCount], *, stderr: bool) -> None:
    """The funnel as a table, and below it what went wrong, what was lost, and what was dropped."""
    console = Console(stderr=stderr, highlight=False)
    is_narrow = console.width < FUNNEL_WIDTH
    # In a narrow terminal a line that goes on in the next one is better than numbers cut off.
    console.width = max(console.width, FUNNEL_WIDTH)
    console.print(funnel_grid(counts, is_narrow=is_narrow))
    for line in (*stale_lines(counts), *failed_lines(counts), *loss_lines(counts)):
        console.print(Text(line), soft_wrap=True)
    for c in counts:
        for line in reason_lines(c.dropped):
            console.print(Text(f"{c.stage} dropped {printable(line)}"), soft_wrap=True)


def show_run(counts: Sequence[StageCount], worked: Collection[str]) -> None:
    """What a run did, on stderr: the stages that had something to do, or lack something.

    The others are summed up in a line.
    """
    shown = [c for c in counts if c.stage in worked or c.failed or c.pending or c.losses]
    if shown:
        show_funnel(shown, stderr=True)
    if idle := len(counts) - len(shown):
        whose = f"all {idle}" if idle == len(counts) else f"{idle} other"
        say(f"nothing to do for {whose} {'stage' if idle == 1 else 'stages'}")


def headline(counts: Sequence[StageCount]) -> str:
    """What a data set holds, and whether anything is left to do, in a line."""
    rows = {c.table: c.rows for c in counts}
    held = [
        f"{rows[table]} {one if rows[table] == 1 else many}"
        for table, one, many in COUNTED_TABLES
        if table in rows
    ]
    pending, stale = ([c.stage for c in counts if getattr(c, s)] for s in ("pending", "stale"))
    n_failed = sum(c.failed for c in counts)
    lost_s = sum(map(lost_seconds, counts))
    states = [
        *([f"pending in {', '.join(pending)}"] if pending else []),
        *([f"stale: {', '.join(stale)}"] if stale else []),
        *([f"{n_failed} failed"] if n_failed else []),
        *([f"{lost_s:.1f} s of video lost"] if lost_s else []),
    ]
    return f"{', '.join(held) or 'no videos'}; {'; '.join(states) or 'all done, nothing lost'}"


def stale_lines(counts: Sequence[StageCount]) -> list[str]:
    """Why each stale stage is."""
    return [f"{c.stage} is stale: {c.why_stale}" for c in counts if c.stale]


def failed_lines(counts: Sequence[StageCount]) -> list[str]:
    """Why inputs of each stage failed."""
    return [
        f"{c.stage} failed {printable(line)}" for c in counts for line in reason_lines(c.reasons)
    ]


def loss_lines(counts: Sequence[StageCount]) -> list[str]:
    """What was lost inside inputs that are done, a line a kind below a heading."""
    lines = [
        f"  {c.stage}: {loss['seconds']:.1f} s, {loss['count']} × {printable(what)}"
        for c in counts
        for what, loss in c.losses.items()
    ]
    return ["lost inside videos", *lines] if lines else []


def funnel_grid(counts: Sequence[StageCount], *, is_narrow: bool = False) -> Grid:
    """How many inputs of each stage came to what.

    What was pruned or lost is shown only where any was, in a narrow grid all losses are.
    """
    columns: dict[str, list[float]] = {
        "inputs": [c.inputs for c in counts],
        "ok": [c.ok for c in counts],
        "dropped": [sum(c.dropped.values()) for c in counts],
        "failed": [c.failed for c in counts],
        "pending": [c.pending for c in counts],
        "pruned": [c.pruned for c in counts],
        "rows": [c.rows for c in counts],
        "lost s": [round(lost_seconds(c), 1) for c in counts],
    }
    optional = {"pruned", "lost s"} | ({"dropped", "failed", "pending"} if is_narrow else set())
    shown = {name: n for name, n in columns.items() if any(n) or name not in optional}
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    grid.add_column("stage", no_wrap=True)
    for name in shown:
        grid.add_column(name, justify="right", no_wrap=True)
    for c, numbers in zip(counts, zip(*shown.values(), strict=True), strict=True):
        grid.add_row(c.stage, *(str(n) if n else "·" for n in numbers))
    return grid


def lost_seconds(counts: StageCount) -> float:
    """How much video of a stage's inputs is in none of its rows."""
    return sum(loss["seconds"] for loss in counts.losses.values())


def reason_lines(reasons: Mapping[str, int]) -> list[str]:
    """The most frequent reasons, with how often."""
    items = list(reasons.items())
    lines = [f"{n} × {reason}" for reason, n in items[:REASONS_SHOWN]]
    rest = sum(n for _, n in items[REASONS_SHOWN:])
    return [*lines, f"{rest} × other reasons"] if rest else lines
