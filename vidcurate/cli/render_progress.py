"""How the progress of a run in another process is shown."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.bar import Bar
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table as Grid
from rich.text import Text

from vidcurate.analysis.progress import Progress, StageProgress
from vidcurate.cli.printing import printable
from vidcurate.errors import quantity
from vidcurate.exporting.forecast.advice import duration_text
from vidcurate.store.lock import Writer

GB = 1e9
NO_BAR_BELOW = 70  # columns
BAR_WIDTH = 20
# Lines of a terminal that are not stages: folder, writer, heading, how many are left out, a last.
OTHER_LINES = 5


def progress_dict(found: Progress) -> dict[str, Any]:
    """A look as plain values, with the time at which it was made."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {"at": now, **asdict(found)}


def change_lines() -> Callable[[Progress], list[str]]:
    """What turns each look into lines about what changed since the one before."""
    shown: dict[str, StageProgress] = {}
    writers: list[Writer | None] = []

    def lines(found: Progress) -> list[str]:
        is_new = writers != [found.writer]
        writers[:] = [found.writer]
        changed = [s for s in found.stages if s != shown.get(s.stage)]
        shown.update({s.stage: s for s in found.stages})
        title = [f"{found.dataset}: {state_of(found)}"] if is_new else []
        return [*title, *map(stage_line, changed)]

    return lines


def state_of(found: Progress) -> str:
    """Who is at work, and how much room is left."""
    room = "" if found.free_bytes is None else f", {found.free_bytes / GB:.1f} GB free"
    return f"{writer_text(found.writer)}{room}"


def writer_text(writer: Writer | None) -> str:
    """Who is writing, or that nobody is."""
    if writer is None:
        return "no run is going on"
    return f"at work: process {writer.pid} on {writer.host} since {writer.began}"


def stage_line(stage: StageProgress) -> str:
    """A stage in a line."""
    parts = [f"{stage.done + stage.failed}/{stage.inputs} done"]
    if stage.failed:
        parts.append(f"{stage.failed} failed")
    if stage.pending:
        parts.append(f"{stage.pending} pending")
    if stage.rate:
        parts.append(rate_text(stage.rate))
    if stage.left_s is not None:
        parts.append(f"{duration_text(stage.left_s)} left")
    return f"{stage.stage}: {', '.join(parts)}"


def rate_text(rate: float) -> str:
    """A rate in the unit that suits it."""
    return f"{rate:.1f}/s" if rate >= 1 else f"{rate * 60:.1f}/min"


def final_lines(found: Progress, *, was_followed: bool) -> Iterator[str]:
    """How it ended: all done, or what is left and how to go on."""
    if found.writer is not None:
        return
    if was_followed:
        n_failed = sum(stage.failed for stage in found.stages)
        failed = f", {n_failed} failed" if n_failed else ""
        yield f"no run is going on{failed}; `vidcurate status -d {found.dataset}` says more"
    if found.pending:
        left = ", ".join(f"{s.pending} in {s.stage}" for s in found.stages if s.pending)
        yield f"not finished: {left} pending; the command that made it goes on where it stopped"


class ProgressView:
    """A drawing of the latest look, as wide and as high as the terminal allows."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.found: Progress | None = None

    def __rich_console__(self, _console: Console, _options: ConsoleOptions) -> RenderResult:
        """Draw it."""
        found = self.found
        if found is None:
            yield Text("looking …", style="dim")
            return
        width, height = self.console.width, self.console.height
        yield Text(printable(found.dataset), no_wrap=True, overflow="ellipsis")
        yield Text(printable(state_of(found)), no_wrap=True, overflow="ellipsis")
        shown, hidden = chosen_stages(found.stages, max(1, height - OTHER_LINES))
        yield stage_grid(shown, has_bar=width >= NO_BAR_BELOW)
        if hidden:
            yield Text(f"({quantity(hidden, 'more stage')})", style="dim")


def chosen_stages(stages: tuple[StageProgress, ...], room: int) -> tuple[list[StageProgress], int]:
    """The stages that there is room for, in order, and how many are left out.

    Those at work come first, then those with something to do, then the latest.
    """
    numbered = list(enumerate(stages))
    first = sorted(numbered, key=lambda one: (not one[1].is_working, not one[1].pending, -one[0]))
    shown = sorted(number for number, _ in first[:room])
    return [stages[number] for number in shown], len(stages) - len(shown)


def stage_grid(stages: list[StageProgress], *, has_bar: bool) -> Grid:
    """A line for each stage."""
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    grid.add_column("stage", no_wrap=True)
    if has_bar:
        grid.add_column("", width=BAR_WIDTH)
    for name in ("done", "failed", "pending", "rate", "left"):
        grid.add_column(name, justify="right", no_wrap=True)
    for stage in stages:
        done = stage.done + stage.failed
        failed = Text(str(stage.failed), style="red") if stage.failed else Text("·")
        numbers = (
            f"{done}/{stage.inputs}",
            failed,
            str(stage.pending or "·"),
            rate_text(stage.rate) if stage.rate else "",
            "" if stage.left_s is None else duration_text(stage.left_s),
        )
        bar = Bar(max(1, stage.inputs), 0, done, width=BAR_WIDTH, color="green")
        label = Text(stage.stage, style="bold" if stage.is_working else "")
        grid.add_row(label, *([bar] if has_bar else []), *numbers)
    return grid
