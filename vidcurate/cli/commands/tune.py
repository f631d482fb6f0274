"""The `tune` command: what rules do to a data set's clips; it computes nothing again."""

import shlex
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from vidcurate.analysis.tune import (
    ClipScores,
    Distribution,
    Limit,
    Removal,
    Tuning,
    read_scores,
    rules_for,
    tune_scores,
)
from vidcurate.analysis.view import present_plan, read_consistently, require_dataset
from vidcurate.cli.printing import printable, say, tell, tell_json
from vidcurate.cli.shared import AsJson, Folder
from vidcurate.errors import UsageError, quantity
from vidcurate.rules.keep_target import KeepTarget

MAX_BAR_WIDTH = 40
BIN_TEXT_WIDTH = 34  # columns that a bin's limits and count take


def tune(
    dataset: Folder,
    rule: Annotated[
        list[str] | None,
        typer.Option(help="A rule to look at, instead of the data set's; repeat for more."),
    ] = None,
    keep: Annotated[
        str | None, typer.Option(help="Say what limits keep this share of clips, such as 30%.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Show every numeric score, also those of no rule.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Also draw the scores: a file .png with all of them, or a folder for one a score.",
            show_default=False,
            metavar="FILE|FOLDER",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what each rule removes, how scores are distributed, and limits that keep a share.

    Pictures need the extra report: pip install 'vidcurate[report]'.
    """
    wanted = None if keep is None else read_share(keep)
    opened = require_dataset(dataset)
    texts = tuple(rule or ())
    if not rules_for(present_plan(opened), texts):
        say("there is no rule, so every clip is kept; these are all scores")

    scores = read_consistently(opened, lambda: read_scores(opened, texts, every=every))
    files = draw_scores(scores, plot) if plot is not None else []
    found = tune_scores(scores, wanted)
    if as_json:
        tell_json({"dataset": str(opened.root), **asdict(found), "plots": files})
    else:
        show_tuning(found)
        for file in files:
            tell(printable(file))


def draw_scores(scores: ClipScores, where: Path) -> list[str]:
    """Draw the scores; the files that were written."""
    from vidcurate.report.plots import plot_scores

    return [str(file) for file in plot_scores(scores, where)]


def read_share(text: str) -> float:
    """A share above 0 and up to 1, from "30%" or "0.3".

    Raises UsageError for anything else.
    """
    number = text.strip().removesuffix("%")
    try:
        share = float(number) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise UsageError(f"--keep {text}is not a share of clips: write one such as 30% or 0.3")
    return share


def show_tuning(found: Tuning) -> None:
    """The result as text on stdout."""
    console = Console(highlight=False)
    for distribution in found.scores:
        bar_width = max(10, min(MAX_BAR_WIDTH, console.width - BIN_TEXT_WIDTH))
        for line in distribution_lines(distribution, found.clips, bar_width):
            console.print(Text(printable(line)), soft_wrap=True)
    if found.rules:
        console.print(rule_grid(found.rules))
    clips = quantity(found.clips, "clip")
    console.print(f"{found.kept} of {clips} pass{of(found.kept, found.clips)}")
    if found.keep_target:
        for line in keep_target_lines(found.keep_target):
            console.print(Text(printable(line)), soft_wrap=True)


def of(part: int, whole: int) -> str:
    """A share in brackets, where there is one."""
    return f" ({part / whole:.1%})" if whole else ""


def distribution_lines(found: Distribution, n_clips: int, bar_width: int) -> Iterator[str]:
    """A score's histogram, percentiles and limits."""
    missing = f", {found.missing} without" if found.missing else ""
    yield f"{found.score}: {found.values} of {quantity(n_clips, 'clip')} have a value{missing}"
    most = max(found.bin_counts, default=0)
    for low, high, count in zip(
        found.bin_edges, found.bin_edges[1:], found.bin_counts, strict=False
    ):
        bar = "█" * round(count / most * bar_width) or ("▏" if count else "")
        span = f"{low:>10.4g} to {high:<10.4g}" if high > low else f"{low:>10.4g}{'':14}"
        yield f"  {span} {bar} {count}"
    if found.percentiles:
        ranks = (f"{name} {value:.4g}" for name, value in found.percentiles.items())
        yield f"  {'  '.join(ranks)}"
    for limit in found.limits:
        yield from limit_lines(limit)
    yield ""


def limit_lines(found: Limit) -> Iterator[str]:
    """What a limit keeps, and the clips next to it."""
    is_stated = found.value is None or found.condition.endswith(f" {found.value:g}")
    now = "" if is_stated else f" (now {found.value:.6g})"
    yield f"  {found.condition}{now} by itself keeps {found.kept_share:.1%} of them"
    for side, clips in (("in ", found.inside), ("out", found.outside)):
        for clip in clips:
            span = f"{clip.start_s:.2f} to {clip.end_s:.2f} s"
            yield f"    {side} {clip.value:>10.4g}  {clip.clip_id}  {span}  {clip.video}"


def rule_grid(rules: tuple[Removal, ...]) -> Grid:
    """What each rule removes."""
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    for name in ("removes", "only it", "unmeasured"):
        grid.add_column(name, justify="right")
    grid.add_column("rule", overflow="fold")
    for rule in rules:
        counts = (rule.removes, rule.only_it, rule.unmeasured)
        grid.add_row(*map(str, counts), Text(printable(rule.rule)))
    return grid


def keep_target_lines(found: KeepTarget) -> Iterator[str]:
    """The rules that a wanted share needs."""
    shares = f"{found.kept_share:.1%} of the clips ({found.wanted_share:.1%} wanted)"
    yield f"limits at the same percentile ({found.percentile:g}) of every score keep {shares}"
    if found.kept_share < found.wanted_share:
        yield "the other conditions of the rules leave no more"
    for rule in found.rules:
        yield f"  --rule {shlex.quote(rule)}"
