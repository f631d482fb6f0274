"""Clusters of clips that show the same: which of them stays, and what the others are to it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.records import CLIPS, DEDUP, SOURCES
from vidcurate.rules.join import Read, video_paths
from vidcurate.store.table import positions

NO_COPY = "none"
# Speeds that differ by less are one.
SAME_SPEED = 0.01


@dataclass(frozen=True)
class Copy:
    """A clip of a cluster; `similarity` and what follows are null for one that stays.

    `offset_s` is how long after `copy_of` begins it begins, `speed` how many times as fast that
    runs, `leaks_from` the other data set in which that lies.
    """

    clip_id: str
    video: str | None
    start_s: float
    end_s: float
    keep: bool
    relation: str
    copy_of: str | None
    similarity: float | None
    offset_s: float | None
    speed: float | None
    is_mirrored: bool | None
    leaks_from: str | None


@dataclass(frozen=True)
class Cluster:
    """Clips that are linked with each other as copies, perhaps through others.

    `clips` are those that stay first, then the most similar; of a large cluster not all.
    """

    cluster_id: str
    size: int
    clips: tuple[Copy, ...]


@dataclass(frozen=True)
class Clusters:
    """The largest clusters first; `n_clusters`, `n_copies` and `relations` count all.

    `n_copies` are the clips that are not kept, `relations` what they are to their copies.
    """

    n_clips: int
    n_clusters: int
    n_copies: int
    relations: Mapping[str, int]
    clusters: tuple[Cluster, ...]


def clusters_of_copies(read: Read, max_clusters: int, max_clips: int) -> Clusters:
    """The clusters with a copy: at most `max_clusters`, of each at most `max_clips` clips."""
    rows = read(DEDUP.name)
    copies = rows.filter(pc.not_equal(rows["relation"], NO_COPY))
    ids = pc.unique(copies["cluster_id"])
    members = rows.filter(pc.is_in(rows["cluster_id"], value_set=ids))
    sizes = sorted(
        pc.value_counts(members["cluster_id"]).to_pylist(),
        key=lambda size: (-size["counts"], size["values"]),
    )[:max_clusters]
    shown = pa.array([size["values"] for size in sizes], pa.string())
    chosen = with_spans(members.filter(pc.is_in(members["cluster_id"], value_set=shown)), read)
    by_cluster: dict[str, list[Copy]] = {}
    for row in chosen.to_pylist():
        by_cluster.setdefault(row.pop("cluster_id"), []).append(Copy(**row))
    return Clusters(
        n_clips=rows.num_rows,
        n_clusters=len(ids),
        n_copies=copies.num_rows,
        relations={
            count["values"]: count["counts"]
            for count in pc.value_counts(copies["relation"]).to_pylist()
        },
        clusters=tuple(
            Cluster(
                size["values"],
                size["counts"],
                tuple(sorted(by_cluster.get(size["values"], []), key=rank)[:max_clips]),
            )
            for size in sizes
        ),
    )


def with_spans(rows: pa.Table, read: Read) -> pa.Table:
    """Rows of copies with the times of their clips and the paths of their videos."""
    clips = read(CLIPS.name)
    where = positions(rows[CLIPS.key], clips[CLIPS.key])
    rows, where = rows.filter(pc.is_valid(where)), where.drop_null()
    spans = clips.select(["start_s", "end_s"]).take(where)
    names = [name for name in Copy.__dataclass_fields__ if name in rows.column_names]
    found = rows.select(["cluster_id", *names])
    for name in spans.column_names:
        found = found.append_column(name, spans[name])
    return found.append_column("video", video_paths(rows, read(SOURCES.name)))


def rank(copy: Copy) -> tuple[bool, float, str]:
    """Clips that stay first, then the most similar."""
    return not copy.keep, -(copy.similarity or 0.0), copy.clip_id


def in_words(copy: Copy) -> str:
    """What a clip is to the one that it copies, in words; "" for one that is no copy."""
    if copy.relation == NO_COPY:
        return ""
    parts = ["same frames" if copy.relation == "exact" else copy.relation]
    if copy.is_mirrored:
        parts.append("mirrored")
    if copy.speed is not None and abs(copy.speed - 1) > SAME_SPEED:
        parts.append(f"the other runs {copy.speed:.3g}x as fast")
    if copy.relation == "partial" and copy.offset_s is not None:
        parts.append(f"begins {copy.offset_s:+.1f} s from the other's start")
    if copy.leaks_from:
        parts.append(f"of {copy.leaks_from}")
    return ", ".join(parts)
