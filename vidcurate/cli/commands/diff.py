"""The `diff` command: which clips two data sets do not both keep, and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import typer
from rich.console import Console
from rich.text import Text

from vidcurate.analysis.compare import Difference, Side, by_cause, differences, lost_clips, side_of
from vidcurate.analysis.view import read_consistently, require_dataset
from vidcurate.cli.printing import printable, tell_json
from vidcurate.cli.shared import AsJson
from vidcurate.errors import quantity
from vidcurate.options import yes_or_no

CLIPS_SHOWN = 3


def diff(
    first: Annotated[Path, typer.Argument(help="A data set's folder.", show_default=False)],
    second: Annotated[Path, typer.Argument(help="Another data set's.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Show which clips only one of two data sets keeps, and why."""

    def look() -> tuple[Side, Side, list[Difference], pa.Table, pa.Table]:
        one, two = side_of(first), side_of(second)
        return one, two, differences(one, two), lost_clips(one, two), lost_clips(two, one)

    ours, theirs = require_dataset(first), require_dataset(second)
    one, two, options, left, entered = read_consistently(
        ours, lambda: read_consistently(theirs, look)
    )
    counts = {
        "first": {"dataset": str(first), "clips": one.clips.num_rows, "kept": one.kept.num_rows},
        "second": {"dataset": str(second), "clips": two.clips.num_rows, "kept": two.kept.num_rows},
        "kept_by_both": one.kept.num_rows - left.num_rows,
    }
    if as_json:
        changed_options = {"options": [asdict(option) for option in options]}
        tell_json(
            {**counts, **changed_options, "left": left.to_pylist(), "entered": entered.to_pylist()}
        )
        return
    console = Console(highlight=False)
    for line in result_lines(counts, options, left, entered):
        console.print(Text(printable(line)), soft_wrap=True)


def result_lines(
    counts: Mapping[str, Any], options: Sequence[Difference], left: pa.Table, entered: pa.Table
) -> Iterator[str]:
    """The result in words."""
    for name in ("first", "second"):
        count = counts[name]
        clips = quantity(count["clips"], "clip")
        yield f"{name}: {count['kept']} of {clips} kept in {count['dataset']}"
    yield f"{counts['kept_by_both']} are kept by both"
    for option in options:
        if True in (option.first, option.second) and "." not in option.option:
            yield f"{option.option}: only in the {'first' if option.first else 'second'}"
            continue
        yield f"{option.option}:"
        for name, value, other in (
            ("first", option.first, option.second),
            ("second", option.second, option.first),
        ):
            yield f"  {name:<6} {only(value, other)}"
    for side, clips in (("first", left), ("second", entered)):
        yield f"kept only in the {side}: {quantity(clips.num_rows, 'clip')}"
        yield from cause_lines(clips)


def only(value: Any, other: Any) -> str:
    """An option's value; of a list, what the other does not have."""
    if value is None:
        return "none"
    if isinstance(value, list) and isinstance(other, list):
        more = [str(item) for item in value if item not in other]
        return f"also {', '.join(more)}" if more else "nothing more"
    if isinstance(value, bool):
        return yes_or_no(value)
    return str(value)


def cause_lines(clips: pa.Table) -> Iterator[str]:
    """Why clips went, with a few of each kind."""
    for cause in by_cause(clips):
        reason = f": {cause['reason']}" if cause["reason"] else ""
        yield f"  {cause['count_all']} × {cause['cause']}{reason}"
        same = pc.equal(clips["cause"], cause["cause"])
        if cause["reason"]:
            same = pc.and_(same, pc.equal(clips["reason"], cause["reason"]))
        for clip in clips.filter(same).slice(0, CLIPS_SHOWN).to_pylist():
            yield f"    {clip_line(clip)}"


def clip_line(clip: Mapping[str, Any]) -> str:
    """A clip, its counterpart if that is another, and the numbers of both."""
    span = f"{clip['start_s']:.2f} to {clip['end_s']:.2f} s"
    words = [str(clip["clip_id"]), span, str(clip["video"])]
    if clip["counterpart"] not in (None, clip["clip_id"]):
        words.append(f"there {clip['counterpart']}")
    if clip["reason"]:
        here, there = clip["here"] or {}, clip["there"] or {}
        words += [f"{name} {both(here.get(name), there[name])}" for name in there]
    return "  ".join(words)


def both(here: Any, there: Any) -> str:
    """A number in one data set and in the other; once where they agree."""
    return short(here) if here == there else f"{short(here)} / {short(there)}"


def short(value: Any) -> str:
    """A value as a person reads it."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
