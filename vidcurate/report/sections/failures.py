"""What did not come through: by stage and reason, with the names of files."""

from collections.abc import Iterator, Mapping
from typing import Any

from vidcurate.analysis.losses import LostInputs, Named, lost_inputs, odd_files
from vidcurate.analysis.view import present_tables
from vidcurate.report.data import ReportData
from vidcurate.report.section import Section
from vidcurate.report.text import clock, plain_name

NAMED_A_REASON = 500
MAX_FILES = 2000


def failures_section(data: ReportData) -> Section:
    """Make the section of failures, drops, losses and odd files."""
    lost = lost_inputs(data.dataset, data.plan, data.read, NAMED_A_REASON)
    files, n_files = odd_files(data.read, list(present_tables(data.plan)), MAX_FILES)
    names = {path: data.videos[video] for video, path in data.paths.items()}
    named = [row for one in lost for row in rows_of(names, one)]
    odd = [[plain_name(file.path), "; ".join(file.faults)] for file in files]
    return Section(
        "failures",
        "Failures",
        "sections/failures.html.j2",
        {
            "lost": lost,
            "n_failed": sum(one.count for one in lost if one.status == "failed"),
            "n_dropped": sum(one.count for one in lost if one.status == "dropped"),
            "n_named": len(named),
            "losses": [count for count in data.counts if count.losses],
            "pending": [count for count in data.counts if count.pending],
            "n_odd": n_files,
            "n_odd_shown": len(odd),
        },
        data={
            "named": {
                "columns": columns("stage", "outcome", "reason", "file", "span"),
                "rows": named,
            },
            "odd": {"columns": columns("file", "what is odd"), "rows": odd},
        },
    )


def columns(*names: str) -> list[dict[str, str]]:
    """The columns of a table of texts."""
    return [{"name": name, "kind": "text"} for name in names]


def rows_of(names: Mapping[str, str], lost: LostInputs) -> Iterator[list[Any]]:
    """A row for each input that is named."""
    for named in lost.named:
        yield [lost.stage, lost.status, lost.reason, name(names, named), span(named)]


def name(names: Mapping[str, str], named: Named) -> str:
    """Return the path of a file, the name of a clip's video, or the key of what has neither."""
    if named.path is None:
        return named.key
    if named.start_s is None:
        return plain_name(named.path)
    return names.get(named.path, plain_name(named.path))


def span(named: Named) -> str:
    """The times of a clip; "" for a whole file."""
    if named.start_s is None or named.end_s is None:
        return ""
    return f"{clock(named.start_s)}\u00a0to\u00a0{clock(named.end_s)}"
