"""Copies side by side: which clip of a cluster stays, and what the others are to it."""

from itertools import islice
from typing import Any

import pyarrow as pa

from vidcurate.analysis.copies import Cluster, Copy, clusters_of_copies, in_words
from vidcurate.records import CLIPS, DEDUP
from vidcurate.report.clip_facts import file_address, strips
from vidcurate.report.data import ReportData
from vidcurate.report.section import Section
from vidcurate.report.text import plain_name
from vidcurate.store.table import positions

MAX_CLUSTERS = 1000
CLIPS_A_CLUSTER = 24


def duplicates_section(data: ReportData) -> Section:
    """Make the section of duplicates."""
    if not data.has(DEDUP):
        return section({"found": None})
    found = clusters_of_copies(data.read, MAX_CLUSTERS, CLIPS_A_CLUSTER)
    ids = [clip.clip_id for cluster in found.clusters for clip in cluster.clips]
    strips(data, rows_of(data, list(islice(ids, data.options.max_pictures // 6))))
    options = data.stage_of(DEDUP).config
    context = {"found": found, "options": options, "n_shown": len(found.clusters)}
    clusters = [embedded(cluster) for cluster in found.clusters]
    return section(context, {"clusters": clusters} if clusters else {})


def section(context: dict[str, Any], data: dict[str, Any] | None = None) -> Section:
    """Make the section of what it shows."""
    return Section(
        "duplicates",
        "Duplicates",
        "sections/duplicates.html.j2",
        context,
        data=data or {},
        scripts=("pages.js", "clips.js", "duplicates.js") if data else (),
        styles=("clips.css",) if data else (),
    )


def rows_of(data: ReportData, ids: list[str]) -> list[int]:
    """The positions of clips in the table of clips."""
    where = positions(pa.chunked_array([pa.array(ids, pa.string())]), data.clips[CLIPS.key])
    return list(where.drop_null().to_pylist())


def embedded(cluster: Cluster) -> dict[str, Any]:
    """A cluster as scripts read it."""
    return {"size": cluster.size, "clips": [embedded_clip(clip) for clip in cluster.clips]}


def embedded_clip(clip: Copy) -> dict[str, Any]:
    """A clip of a cluster as scripts read it."""
    similarity = clip.similarity
    return {
        "id": clip.clip_id,
        "video": plain_name(clip.video.rsplit("/", 1)[-1]) if clip.video else None,
        "address": file_address(clip.video) if clip.video else None,
        "start": round(clip.start_s, 3),
        "end": round(clip.end_s, 3),
        "keep": clip.keep,
        "what": in_words(clip),
        "similarity": None if similarity is None else round(similarity, 3),
    }
