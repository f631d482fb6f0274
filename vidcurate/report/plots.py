"""Pictures of how scores are distributed: PNG files, drawn by matplotlib."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import zip_longest
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidcurate.analysis.tune import ClipScores, scores_to_show
from vidcurate.errors import MissingExtraError, UsageError, quantity
from vidcurate.records import ColumnInfo
from vidcurate.report.histograms import Histogram, histogram
from vidcurate.report.measures import score_info
from vidcurate.rules import Rule, evaluate_rules
from vidcurate.rules.bounds import Bound, bounds_in
from vidcurate.rules.evaluation import evaluate, numbers_present, spread
from vidcurate.rules.tree import Column, Node, Percentile
from vidcurate.store.atomic import atomic_write

SUFFIX = ".png"
# One picture holds so many scores; more go into a folder.
MOST_PANELS, MOST_IN_COLUMN = 12, 3
WIDTH_IN, HEIGHT_IN, DPI = 8.0, 3.8, 120
# As in the report, where they have contrast with white and differ for the colour-blind.
COLOURS = {"kept": "#2f83cf", "rejected": "#c4500b", "undecided": "#9a9a9a"}
HATCHES = {"kept": "", "rejected": "////", "undecided": ""}
LINES = ("--", "-.", ":")
WRAPPED_AT = 90
# A limit this far outside of the values, as a share of their range, is drawn nevertheless.
NEAR = 0.25


@dataclass(frozen=True)
class LimitLine:
    """A limit that a rule sets to a score; `value` is None for a percentile of no values."""

    condition: str
    value: float | None


@dataclass(frozen=True)
class ScorePlot:
    """What the picture of one score shows."""

    score: str
    info: ColumnInfo | None
    clips: int
    histogram: Histogram
    limits: tuple[LimitLine, ...]


def plot_scores(found: ClipScores, where: Path) -> list[Path]:
    """Draw how each score is distributed over clips that the rules keep and reject.

    A file `where`, which ends with .png, gets a panel for each score; any other path is a
    folder that gets a file a score. Returns the files.

    Raises MissingExtraError without matplotlib, and UsageError for another kind of file, for too
    many scores in one, and where there is nothing to draw.
    """
    require_matplotlib()
    check_place(where)
    plots = list(score_plots(found))
    if not plots:
        raise UsageError("no score to draw: the rules read no number")
    if where.suffix.lower() != SUFFIX:
        names = file_names([plot.score for plot in plots])
        files = [where / name for name in names]
        for plot, file in zip(plots, files, strict=True):
            draw([plot], file)
        return files
    if len(plots) > MOST_PANELS:
        raise UsageError(
            f"{len(plots)} scores are too many for one picture: name a folder for --plot"
        )
    draw(plots, where)
    return [where]


def require_matplotlib() -> None:
    """Pass where matplotlib is installed; raises MissingExtraError."""
    if find_spec("matplotlib") is None:
        raise MissingExtraError("matplotlib", "report")


def check_place(where: Path) -> None:
    """Pass a PNG file in a folder that is there, or a folder; raises UsageError."""
    is_png = where.suffix.lower() == SUFFIX
    if is_png and where.is_dir():
        raise UsageError(f"{where} is a folder: name a file, or a folder that does not end with it")
    if is_png and not where.absolute().parent.is_dir():
        raise UsageError(f"{where.absolute().parent} is not a folder: name another file")
    if not is_png and (where.suffix or where.is_file()) and not where.is_dir():
        raise UsageError(f"{where} is no PNG: name a file that ends with .png, or a folder")


def file_names(scores: Sequence[str]) -> list[str]:
    """A file name for each score, all different also where letter case does not count."""
    names: list[str] = []
    for score in scores:
        plain = re.sub(r"[^A-Za-z0-9.]+", "_", score).strip("._") or "score"
        name, number = plain, 1
        while name.lower() in {taken.lower() for taken in names}:
            number += 1
            name = f"{plain}-{number}"
        names.append(name)
    return [f"{name}{SUFFIX}" for name in names]


def score_plots(found: ClipScores) -> Iterator[ScorePlot]:
    """What the picture of each score shows."""
    n_clips = found.clips.num_rows
    values = {
        Column(*name.split(".", 1)): numbers_present(found.columns[name].combine_chunks())
        for name in found.columns.column_names
    }
    groups = verdict_groups(found.rules, found.columns, n_clips)
    named = [Column(*name.split(".", 1)) for name in found.more]
    for score in scores_to_show(found.rules, named, values):
        bounds = [b for rule in found.rules for b in bounds_in(rule.tree) if b.score == score]
        limits = tuple(limit_line(bound, score, values) for bound in bounds)
        numbers = pc.cast(spread(evaluate(score, values), n_clips), pa.float64(), safe=False)
        finite = numbers.to_numpy(zero_copy_only=False)
        finite = np.where(np.isfinite(finite), finite, np.nan)
        drawn = [limit.value for limit in limits if limit.value is not None]
        yield ScorePlot(
            score=str(score),
            info=score_info(str(score)),
            clips=n_clips,
            histogram=histogram(finite, groups, drawn),
            limits=tuple(dict.fromkeys(limits)),
        )


def verdict_groups(
    rules: Sequence[Rule], columns: pa.Table, n_clips: int
) -> dict[str, NDArray[np.bool_]]:
    """Which clips the rules keep, reject, and cannot decide since a number is missing."""
    if not rules:
        return {"kept": np.ones(n_clips, bool)}
    outcomes = evaluate_rules(rules, columns)
    rejected, open_ = (
        np.asarray(pc.is_valid(column), bool)
        for column in (outcomes.first_failed, outcomes.undecided)
    )
    undecided = open_ & ~rejected
    return {"kept": ~rejected & ~undecided, "rejected": rejected, "undecided": undecided}


def limit_line(bound: Bound, score: Node, values: Mapping[Column, Any]) -> LimitLine:
    """A limit with its number, which for a percentile is told as well."""
    condition, value = str(bound.condition).removeprefix(f"{score} "), bound.limit_in(values)
    now = f" (now {value:.4g})" if isinstance(bound.limit, Percentile) and value is not None else ""
    return LimitLine(f"{condition}{now}", value)


def draw(plots: Sequence[ScorePlot], file: Path) -> None:
    """Write one picture with a panel a score."""
    import matplotlib as mpl  # noqa: PLC0415 - an extra, and slow to import
    from matplotlib.figure import Figure  # noqa: PLC0415 - same

    # Names and rules are shown as they are: a dollar sign begins no formula.
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams["text.parse_math"] = False
        mpl.rcParams["hatch.linewidth"] = 0.6
        n_columns = 1 if len(plots) <= MOST_IN_COLUMN else 2
        n_rows = -(-len(plots) // n_columns)
        size = (WIDTH_IN * n_columns, HEIGHT_IN * n_rows)
        figure = Figure(figsize=size, dpi=DPI, layout="constrained")
        panels = figure.subplots(n_rows, n_columns, squeeze=False).flat
        for plot, panel in zip_longest(plots, panels):
            if plot is None:
                panel.set_axis_off()
            else:
                draw_panel(plot, panel)
        with atomic_write(file) as partial:
            figure.savefig(partial, format="png")


def draw_panel(plot: ScorePlot, panel: Any) -> None:
    """Draw one score: bars of clips on top of each other, and a line for each limit."""
    found = plot.histogram
    missing = f", {found.missing} without" if found.missing else ""
    has = f"{plot.clips - found.missing} of {quantity(plot.clips, 'clip')} have a value{missing}"
    panel.set_title(plot.score, loc="left", fontweight="bold")
    panel.set_title(has, loc="right", fontsize="small")
    panel.set_xlabel(fill(axis_text(plot), WRAPPED_AT))
    panel.set_ylabel("clips")
    panel.spines[["top", "right"]].set_visible(False)
    if not found.edges:
        panel.text(0.5, 0.5, "no clip has a value", ha="center", transform=panel.transAxes)
        return
    draw_bars(found, panel)
    draw_limits(plot, panel)
    panel.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    panel.yaxis.get_major_locator().set_params(integer=True)
    if found.is_log:
        panel.xaxis.set_minor_formatter("")
    elif np.allclose(np.diff(found.edges), 1):  # a bin for each whole number
        panel.xaxis.get_major_locator().set_params(integer=True)
    if panel.get_legend_handles_labels()[1]:
        panel.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))


def axis_text(plot: ScorePlot) -> str:
    """What a score is and its unit, and whether the axis is logarithmic."""
    info = plot.info
    what = info.description if info is not None else plot.score
    unit = f" ({info.unit})" if info is not None and info.unit not in ("", "1") else ""
    return f"{what}{unit}{', logarithmic' if plot.histogram.is_log else ''}"


def draw_bars(found: Histogram, panel: Any) -> None:
    """Draw the bars of each group on those of the group before."""
    edges = np.asarray(found.edges)
    if found.is_log:
        panel.set_xscale("log")
    below = np.zeros(len(edges) - 1)
    is_one = len(found.counts) == 1  # nothing to tell apart
    for group, counts in found.counts.items():
        if any(counts):
            panel.bar(
                edges[:-1],
                counts,
                np.diff(edges),
                bottom=below,
                align="edge",
                color=COLOURS[group],
                edgecolor="white",
                linewidth=0.4,
                hatch=HATCHES[group],
                label=None if is_one else f"{group}: {sum(counts)}",
            )
        below += np.asarray(counts)


def draw_limits(plot: ScorePlot, panel: Any) -> None:
    """Draw a line at each limit; one that lies far off is only named."""
    found = plot.histogram
    low, high = found.edges[0], found.edges[-1]
    margin = (high - low) * NEAR
    for number, limit in enumerate(plot.limits):
        near = (low, high) if found.is_log else (low - margin, high + margin)
        if limit.value is not None and near[0] <= limit.value <= near[1]:
            style = LINES[number % len(LINES)]
            panel.axvline(
                limit.value, color="black", linestyle=style, linewidth=1.4, label=limit.condition
            )
        else:
            away = "" if limit.value is None else " (not in the picture)"
            panel.plot([], [], linestyle="none", label=f"{limit.condition}{away}")
