"""The funnel: what came in, what each step and rule lost, and what came out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidcurate.records import (
    ACCEPTED,
    CAPTIONS,
    CLIPS,
    CUTS,
    EXPORTS,
    KEPT,
    SCANS,
    VIDEOS,
)
from vidcurate.report.data import ReportData
from vidcurate.report.section import Section
from vidcurate.report.text import things
from vidcurate.stages.selection.filter import MISSING

# Fates of clips that passed every rule.
PASSED = ("kept", "left out", "captioned", "exported", "refused")
# Below this share of the films a difference is one of rounding.
ROUNDING = 0.0005


@dataclass(frozen=True)
class Step:
    """One row of the funnel: what is left, or what was lost, `from_s` being what was there before.

    `clips` is None before there are clips; `detail` says more in words; `fate` is that of all clips
    of the row.
    """

    kind: str  # "left", "lost" or "open": neither, as it was not decided
    label: str
    seconds: float
    from_s: float
    clips: int | None
    detail: str = ""
    fate: str = ""


def funnel_section(data: ReportData) -> Section:
    """Make the section of the funnel."""
    steps = list(funnel_steps(data))
    whole = max((step.from_s for step in steps), default=0.0)
    lacking = [
        (what, data.missing[table.name])
        for what, table in (
            ("cuts", CUTS),
            ("clips", CLIPS),
            ("rules applied", KEPT),
            ("captions", CAPTIONS),
            ("export", EXPORTS),
        )
        if not data.has(table)
    ]
    context = {"steps": steps, "whole": whole, "counts": data.counts, "lacking": lacking}
    return Section("funnel", "Funnel", "sections/funnel.html.j2", context, styles=("funnel.css",))


def funnel_steps(data: ReportData) -> Iterator[Step]:
    """What is left and what was lost, from the films to the export."""
    films = video_seconds(data)
    n_films = len(data.videos)
    detail = things(n_films, "film")
    unread = sum(1 for video in data.videos if video not in films)
    if unread:
        detail += f", {unread:,} of them without a known length"
    whole = sum(films.values())
    yield Step("left", "Films", whole, whole, None, detail)
    if not data.has(CLIPS):
        return
    if data.has(CUTS):
        cuts = pc.sum(pc.list_value_length(data.read(CUTS.name)["cuts"])).as_py() or 0
        yield Step("left", "Shots", whole, whole, None, f"{things(cuts, 'transition')} found")
    clips = pc.sum(data.clips["duration_s"]).as_py() or 0.0
    yield from lost_before_clips(data, films, clips)
    yield Step("left", "Clips", clips, clips, data.clips.num_rows)
    if data.clips.num_rows:
        yield from clip_steps(data, clips)


def video_seconds(data: ReportData) -> dict[str, float]:
    """The length of each video, as it was decoded, else as its container says."""
    found: dict[str, float] = {}
    for table in (VIDEOS, SCANS):
        if data.has(table):
            rows = data.read(table.name)
            lengths = (rows[name].to_pylist() for name in (table.key, "duration_s"))
            found.update(zip(*lengths, strict=True))
    return {video: seconds for video, seconds in found.items() if video in data.videos}


def lost_before_clips(data: ReportData, films: dict[str, float], clips: float) -> Iterator[Step]:
    """What of the films is in no clip: stretches that split left out, and films that failed."""
    left = sum(films.values())
    split = next(count for count in data.counts if count.table == CLIPS.name)
    for what, loss in split.losses.items():
        pieces = things(int(loss["count"]), "piece")
        yield Step("lost", what, loss["seconds"], left, None, pieces)
        left -= loss["seconds"]
    if left - clips > ROUNDING * sum(films.values()):
        yield Step(
            "lost", "films, or parts of them, that no stage could read", left - clips, left, None
        )


def clip_steps(data: ReportData, left: float) -> Iterator[Step]:
    """What rules, quotas, captions and the export did to the clips."""
    seconds = data.clips["duration_s"].to_numpy()
    fates = data.clips["fate"].combine_chunks()
    if data.has(KEPT):
        for kind, reason, chosen in losses_by_rule(data, fates):
            lost = float(seconds[chosen].sum())
            yield Step(kind, reason, lost, left, int(chosen.sum()))
            left -= lost
        chosen = of_fates(fates, PASSED)
        yield Step("left", "Kept by the rules", *both(seconds, chosen), fate="kept")
        left = float(seconds[chosen].sum())
    left_out = of_fates(fates, ("left out",))
    for reason in reasons(data, left_out):
        chosen = left_out & equal(data.clips["reason"], reason)
        lost = float(seconds[chosen].sum())
        yield Step("lost", reason, lost, left, int(chosen.sum()))
        left -= lost
    for table, label, open_label, later in (
        (CAPTIONS, "Captioned", "kept, without a caption", ("captioned", "exported", "refused")),
        (EXPORTS, "Exported", "not exported", ("exported",)),
    ):
        if table is EXPORTS and data.has(ACCEPTED):
            yield from accept_steps(data, fates, seconds, left)
            left -= float(seconds[refused_now(data, fates)].sum())
        if data.has(table):
            chosen = of_fates(fates, later)
            if table is CAPTIONS:
                chosen &= has_row(data)
            now, _, clips = both(seconds, chosen)
            if left - now > ROUNDING * left:
                n_open = (
                    int(of_fates(fates, ("kept", "captioned", "exported", *later)).sum()) - clips
                )
                yield Step("open", open_label, left - now, left, n_open)
            yield Step("left", label, now, now, clips, fate=label.lower())
            left = now


def losses_by_rule(
    data: ReportData, fates: pa.Array
) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """What each rule rejects that none before it does, in their order, then what is undecided.

    What people rejected comes first, since their decision goes before every rule.
    """
    rejected = of_fates(fates, ("rejected",))
    given = reasons(data, rejected)
    rules = [rule.text for rule in data.rules]
    ordered = [r for r in given if r not in rules] + [r for r in rules if r in given]
    for reason in ordered:
        yield "lost", reason, rejected & equal(data.clips["reason"], reason)
    for fate, label in (
        ("unmeasured", "a number is missing"),
        ("waiting", "no rule was tried yet"),
    ):
        chosen = of_fates(fates, (fate,))
        if chosen.any():
            lacked = [r.removeprefix(MISSING) for r in reasons(data, chosen)]
            yield "open", f"{label}: {', '.join(lacked)}" if lacked else label, chosen


def accept_steps(
    data: ReportData, fates: pa.Array, seconds: NDArray[np.float64], left: float
) -> Iterator[Step]:
    """What each rule over texts refuses of the clips that came so far, then what is undecided."""
    refused = refused_now(data, fates)
    given = reasons(data, refused)
    for reason in sorted(given, key=lambda reason: reason.startswith(MISSING)):
        chosen = refused & equal(data.clips["reason"], reason)
        lost = float(seconds[chosen].sum())
        kind = "open" if reason.startswith(MISSING) else "lost"
        yield Step(kind, reason, lost, left, int(chosen.sum()))
        left -= lost
    came = of_fates(fates, ("kept", "captioned", "exported"))
    if data.has(CAPTIONS):
        came &= has_row(data)
    yield Step("left", "Accepted", left, left, int(came.sum()))


def refused_now(data: ReportData, fates: pa.Array) -> NDArray[np.bool_]:
    """The clips that a rule over texts refuses, of those that have one where any have."""
    refused = of_fates(fates, ("refused",))
    return refused & has_row(data) if data.has(CAPTIONS) else refused


def reasons(data: ReportData, chosen: NDArray[np.bool_]) -> list[str]:
    """The different reasons of some clips, most frequent first."""
    given = data.clips["reason"].filter(pa.array(chosen)).drop_null()
    counts = pc.value_counts(given.combine_chunks()).to_pylist()
    return [c["values"] for c in sorted(counts, key=lambda c: -c["counts"])]


def of_fates(fates: pa.Array, wanted: Sequence[str]) -> NDArray[np.bool_]:
    """Which clips have one of the fates."""
    return np.asarray(pc.is_in(fates, value_set=pa.array(wanted)), bool)


def has_row(data: ReportData) -> NDArray[np.bool_]:
    """Which clips have a caption."""
    keys = data.read(CAPTIONS.name)[CAPTIONS.key].combine_chunks()
    return np.asarray(pc.is_in(data.clips[CLIPS.key].combine_chunks(), value_set=keys), bool)


def equal(column: pa.ChunkedArray, value: str) -> NDArray[np.bool_]:
    """Where a column has a value."""
    return np.asarray(pc.fill_null(pc.equal(column, value), False).combine_chunks(), bool)


def both(seconds: NDArray[np.float64], chosen: NDArray[np.bool_]) -> tuple[float, float, int]:
    """How long some clips are, twice, and how many."""
    left = float(seconds[chosen].sum())
    return left, left, int(chosen.sum())
