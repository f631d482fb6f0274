"""The border: for each rule the clips just inside and just outside of its limits."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.analysis.tune import Limit, Near
from vidcurate.records import CLIPS, KEPT
from vidcurate.report.data import ReportData, clips_at
from vidcurate.report.section import Section
from vidcurate.report.text import clock

PICTURES, HEIGHT = 3, 48


def border_section(data: ReportData) -> Section:
    """Make the section of the clips near to the limits of rules."""
    limits = [limit for score in data.measures.tuning.scores for limit in score.limits]
    rules = [
        {
            "text": removal.rule,
            "removes": removal.removes,
            "only_it": removal.only_it,
            "unmeasured": removal.unmeasured,
            "limits": [border_of(data, limit) for limit in limits if limit.rule == removal.rule],
        }
        for removal in data.measures.tuning.rules
    ]
    context = {
        "rules": rules,
        "n_clips": data.clips.num_rows,
        "kept": data.measures.tuning.kept,
        "commands": [data.missing[t.name] for t in (CLIPS, KEPT) if not data.has(t)],
    }
    return Section(
        "border", "Border of rules", "sections/border.html.j2", context, styles=("border.css",)
    )


def border_of(data: ReportData, limit: Limit) -> dict[str, Any]:
    """A limit with the clips on each side of it, nearest first."""
    return {
        "condition": limit.condition,
        "value": limit.value,
        "kept_share": limit.kept_share,
        "sides": {
            "just inside": list(cards(data, limit.inside)),
            "just outside": list(cards(data, limit.outside)),
        },
    }


def cards(data: ReportData, near: Iterable[Near]) -> Iterable[dict[str, Any]]:
    """What the page shows of each clip."""
    near = list(near)
    ids = pa.array([clip.clip_id for clip in near], pa.string())
    places = pc.index_in(ids, value_set=data.clips[CLIPS.key].combine_chunks())
    rows = data.clips.select(["fate", "reason"]).take(places).to_pylist()
    for clip, record, row in zip(near, clips_at(data.clips, places), rows, strict=True):
        yield {
            "clip_id": clip.clip_id,
            "video": clip.video,
            "time": f"{clock(clip.start_s)} to {clock(clip.end_s)}",
            "value": clip.value,
            "fate": row["fate"],
            "reason": row["reason"],
            "strip": data.pictures.strip(record, PICTURES, HEIGHT),
        }
