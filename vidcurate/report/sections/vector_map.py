"""The map of clips: what looks alike lies together, coloured by what became of it or by a score."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.analysis.vector_map import map_of_clips
from vidcurate.clips.vectors import read_video_vectors
from vidcurate.records import CLIPS, TAGS, VECTORS
from vidcurate.report.clip_facts import main_scores, score_values
from vidcurate.report.data import MAX_POINTS, ReportData
from vidcurate.report.sampling import sample_by_fate
from vidcurate.report.section import Section
from vidcurate.report.sections.scatter import point_pictures
from vidcurate.store.cache import local_copy
from vidcurate.store.table import positions, take_nullable

SCORES_SHOWN = 12


def map_section(data: ReportData) -> Section:
    """Make the section of the map."""
    if not (data.has(VECTORS) and data.has(CLIPS) and data.clips.num_rows):
        return section({"is_there": False})
    chosen = data.clips.take(sample_by_fate(data.clips["fate"], MAX_POINTS))
    vectors = data.read(VECTORS.name)
    is_embedded = pc.is_in(chosen["video_id"], value_set=vectors["video_id"].combine_chunks())
    dimension = pc.max(vectors["dimension"]).as_py() or 1
    clips = chosen.filter(is_embedded).select(CLIPS.schema.names)
    found = map_of_clips(clips, dimension, vectors_of_videos(data))
    ids = pa.chunked_array([pa.array(found.clip_ids, pa.string())])
    rows = positions(ids, data.clips[CLIPS.key]).cast(pa.int64())
    clips = data.clips.take(rows)
    # The points of two scores show the same clips, so that each picture stands once in the page.
    pictures = point_pictures(data, rows.to_numpy())
    x, y = scaled(found.points)
    context = {
        "is_there": True,
        "method": found.method,
        "backend": pc.max(vectors["backend"]).as_py(),
        "n_clips": data.clips.num_rows,
        "n_shown": len(found.clip_ids),
        "n_pictured": len(pictures) - pictures.count(None),
        "n_without": chosen.num_rows - clips.num_rows,
    }
    points = {
        "x": x,
        "y": y,
        "id": list(found.clip_ids),
        "video": clips["video"].to_pylist(),
        "start": [round(value, 2) for value in clips["start_s"].to_pylist()],
        "end": [round(value, 2) for value in clips["end_s"].to_pylist()],
        "fate": clips["fate"].to_pylist(),
        "reason": clips["reason"].to_pylist(),
        "tag": tags(data, clips) if data.has(TAGS) else None,
        "scores": list(score_values(data, rows, main_scores(data, SCORES_SHOWN))),
    }
    return section(context, {"points": points})


def vectors_of_videos(data: ReportData) -> Callable[[str], pa.Table]:
    """What reads the vectors of a video's frames."""
    rows = data.read(VECTORS.name)
    names = zip(rows["video_id"].to_pylist(), rows["vectors_file"].to_pylist(), strict=True)
    file_of = dict(names)
    folder = data.output(VECTORS).files
    return lambda video_id: read_video_vectors(local_copy(folder / file_of[video_id]))


def section(context: dict[str, Any], data: dict[str, Any] | None = None) -> Section:
    """Make the section of what it shows."""
    return Section(
        "map",
        "Map",
        "sections/map.html.j2",
        context,
        data=data or {},
        scripts=("clips.js", "map.js") if data else (),
        styles=("clips.css", "map.css") if data else (),
    )


def scaled(points: Any) -> tuple[list[float], list[float]]:
    """Both axes from 0 to 1000 with one scale, whole numbers, so that a page holds them shortly."""
    if not len(points):
        return [], []
    low, high = points.min(axis=0), points.max(axis=0)
    unit = max(float((high - low).max()), np.finfo(float).tiny)
    places = np.rint((points - low) / unit * 1000).astype(int)
    return places[:, 0].tolist(), places[:, 1].tolist()


def tags(data: ReportData, clips: pa.Table) -> list[str | None]:
    """The most probable tag of each clip; None where it has none."""
    rows = data.read(TAGS.name)
    top = take_nullable(rows["top_name"], positions(clips[CLIPS.key], rows[TAGS.key]))
    return list(top.to_pylist())
