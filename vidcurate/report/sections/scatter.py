"""Two scores against each other: a point for each clip, with its picture."""

from typing import Any

import numpy as np

from vidcurate.records import CLIPS
from vidcurate.report.clip_facts import rounded
from vidcurate.report.data import MAX_POINTS, ReportData, clips_at
from vidcurate.report.measures import Measures, compared_scores
from vidcurate.report.sampling import sample_by_fate
from vidcurate.report.section import Section
from vidcurate.report.text import clock

MAX_SCORES = 40
# Clips whose point has a picture; of many more points the others tell their values alone.
MAX_PICTURES = 800
PICTURE_HEIGHT = 90


def scatter_section(data: ReportData) -> Section:
    """Make the section of two chosen scores."""
    found = data.measures
    names = compared_scores(found, MAX_SCORES)
    chosen = sample_by_fate(data.clips["fate"], MAX_POINTS)
    enough = len(names) > 1
    context = {
        "names": names,
        "first": first_pair(found, names) if enough else ("", ""),
        "n_clips": data.clips.num_rows,
        "n_points": len(chosen),
    }
    points = point_data(data, names, chosen) if enough else {}
    return Section(
        "scatter",
        "Two scores",
        "sections/scatter.html.j2",
        context,
        data={"points": points} if enough else {},
        scripts=("scatter.js",) if enough else (),
        styles=("scatter.css",),
    )


def first_pair(found: Measures, names: list[str]) -> tuple[str, str]:
    """The scores that are shown first: those with most different values, of rules if two are."""
    of_rules = [name for name in names if name in found.of_rules]
    among = of_rules if len(of_rules) > 1 else names
    first, second = sorted(among, key=lambda name: -len(np.unique(found.numbers(name))))[:2]
    return first, second


def point_data(data: ReportData, names: list[str], chosen: Any) -> dict[str, Any]:
    """The points' clips, column by column; a picture is null where there is none."""
    rows = data.clips.select([CLIPS.key, "video", "fate", "reason", "start_s", "end_s"])
    columns = rows.take(chosen).to_pydict()
    return {
        "clip": columns[CLIPS.key],
        "video": columns["video"],
        "time": [
            f"{clock(start)} to {clock(end)}"
            for start, end in zip(columns["start_s"], columns["end_s"], strict=True)
        ],
        "fate": columns["fate"],
        "reason": columns["reason"],
        "picture": point_pictures(data, chosen),
        "scores": {name: rounded(data.measures.numbers(name)[chosen].tolist()) for name in names},
    }


def point_pictures(data: ReportData, chosen: Any) -> list[str | None]:
    """The key of each point's picture; only some points of very many have one."""
    every = sample_by_fate(data.clips["fate"].take(chosen), MAX_PICTURES)
    keys: list[str | None] = [None] * len(chosen)
    for place, clip in zip(every, clips_at(data.clips, chosen[every]), strict=True):
        keys[place] = data.pictures.strip(clip, 1, PICTURE_HEIGHT)
    return keys
