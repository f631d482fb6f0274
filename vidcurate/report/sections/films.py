"""Films as contact sheets: each a time line of its clips and transitions, with pictures."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.analysis.fates import FATES
from vidcurate.analysis.timelines import (
    FATE_MEANINGS,
    Timelines,
    film_timelines,
    some_films,
    spread_films,
)
from vidcurate.analysis.view import present_tables
from vidcurate.records import CLIPS, CUTS
from vidcurate.report.clip_facts import (
    file_address,
    main_scores,
    score_values,
    strips,
)
from vidcurate.report.data import ReportData
from vidcurate.report.section import Section

SCORES_SHOWN = 6
SCRIPTS = ("pages.js", "clips.js", "films.js")
STYLES = ("clips.css", "films.css")


def films_section(data: ReportData) -> Section:
    """Make the section of films."""
    if not data.has(CLIPS):
        return section({"is_there": False})
    present = list(present_tables(data.plan))
    every = film_timelines(data.read, present, data.clips)
    shown = some_films(every, data.options.max_clips)
    rows = pictured(shown, data.options.max_pictures // 2)
    strips(data, rows)
    context = {
        "is_there": True,
        "n_films": every.films.num_rows,
        "n_films_shown": shown.films.num_rows,
        "n_clips_shown": shown.clips.num_rows,
        "n_pictured": len(rows),
        "has_cuts": data.has(CUTS),
        "fates": fates_counted(data),
    }
    return section(context, {"timelines": embedded(data, shown)})


def fates_counted(data: ReportData) -> list[dict[str, Any]]:
    """What became of clips, how many each, and what it means."""
    counts = {c["values"]: c["counts"] for c in pc.value_counts(data.clips["fate"]).to_pylist()}
    return [
        {"name": fate, "count": counts[fate], "about": FATE_MEANINGS[fate]}
        for fate in FATES
        if fate in counts
    ]


def section(context: dict[str, Any], data: dict[str, Any] | None = None) -> Section:
    """Make the section of what it shows."""
    return Section(
        "films",
        "Films",
        "sections/films.html.j2",
        context,
        data=data or {},
        scripts=SCRIPTS if data else (),
        styles=STYLES if data else (),
    )


def pictured(timelines: Timelines, most: int) -> list[int]:
    """Which clips have a picture, by their places in the table of clips: all clips of some films.

    Of a first film with more clips than that, some that are evenly spread.
    """
    n_clips = timelines.films["n_clips"].to_numpy()
    if not len(n_clips):
        return []
    chosen = spread_films(n_clips, most)
    rows = timelines.clips.filter(pc.is_in(timelines.clips["film"], pa.array(chosen, pa.int32())))
    places = rows["row"].to_numpy()
    if len(places) > most:
        places = places[np.linspace(0, len(places) - 1, most).astype(np.int64)]
    return [int(place) for place in places]


def embedded(data: ReportData, timelines: Timelines) -> dict[str, Any]:
    """The time lines as columns of numbers, which scripts read; texts stand once each."""
    films, clips, cuts = timelines.films, timelines.clips, timelines.cuts
    reason = clips["reason"].combine_chunks().dictionary_encode()
    kind, detector = (
        cuts[name].combine_chunks().dictionary_encode() for name in ("kind", "detector")
    )
    scores = main_scores(data, SCORES_SHOWN)
    return {
        "fates": [{"name": fate} for fate in FATES],
        "reasons": reason.dictionary.to_pylist(),
        "kinds": kind.dictionary.to_pylist(),
        "detectors": detector.dictionary.to_pylist(),
        "films": {
            "id": films["video_id"].to_pylist(),
            "name": [data.videos[video] for video in films["video_id"].to_pylist()],
            "address": [file_address(path) for path in films["path"].to_pylist()],
            "start": films["start_pts"].to_pylist(),
            "tick": films["time_base"].to_pylist(),
            "media_start": films["media_start_s"].to_pylist(),
            "length": rounded_s(films["duration_s"]),
            "kept": rounded_s(films["kept_s"]),
            "clips": films["n_clips"].to_pylist(),
            "cuts": films["n_cuts"].to_pylist(),
        },
        "clips": {
            "start": clips["start_pts"].to_pylist(),
            "end": clips["end_pts"].to_pylist(),
            "fate": clips["fate"].to_pylist(),
            "reason": reason.indices.to_pylist(),
        },
        "cuts": {
            "start": cuts["start_pts"].to_pylist(),
            "end": cuts["end_pts"].to_pylist(),
            "kind": kind.indices.to_pylist(),
            "detector": detector.indices.to_pylist(),
            "confidence": [round(value, 3) for value in cuts["confidence"].to_pylist()],
        },
        "scores": list(score_values(data, clips["row"].combine_chunks(), scores)),
    }


def rounded_s(column: pa.ChunkedArray) -> list[float | None]:
    """Seconds to the millisecond; None where there are none."""
    return [None if value is None else round(value, 3) for value in column.to_pylist()]
