"""dedup: clips with the same content, also in part or mirrored, and which of them to keep."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.deduplication.choice import Link, choose_kept, clusters
from vidcurate.deduplication.content import Numbers, content_arrays
from vidcurate.errors import UsageError
from vidcurate.options import StageConfig, option
from vidcurate.records import (
    CLIPS,
    DEDUP,
    FILES,
    QUALITY,
    SIGNATURES,
    SOURCES,
    VIDEOS,
    Duplicate,
)
from vidcurate.stage import BY_CONTENT, Cost, Lookup, Outcome, TableStage, Version
from vidcurate.stages.selection.signatures import SIGNATURES_STAGE
from vidcurate.store.dataset import FAILED, OK, Dataset, StoredTable
from vidcurate.store.storage import location
from vidcurate.store.table import positions

Policy = Literal["resolution", "bitrate", "quality", "length", "earliest"]
# How ties are decided, after the policy's own measure.
TIES = ("resolution", "length", "bitrate", "earliest")


@dataclass(frozen=True, slots=True)
class Candidates:
    """Clips of this and other data sets, by number; those of this one come first.

    `homes` are the other data sets, None for this one. `firsts` are the best clips of equal
    content, `kept_for` what of these is not kept. `setups` hold copies and what shows one set-up.
    """

    ids: Sequence[str]
    homes: Sequence[str | None]
    firsts: Sequence[int]
    kept_for: Mapping[int, Link]
    clusters: Sequence[str]
    setups: Sequence[str]


class DedupConfig(StageConfig):
    """What counts as a copy, and which copy is kept."""

    policy: Policy = option(
        "resolution",
        "Which copy is kept: resolution: the one with the largest picture; bitrate: of the video "
        "with the highest bit rate; quality: with the most detail, which is the sharpness over the "
        "whole picture; length: the longest; earliest: of the video that was found first. Ties are "
        "decided by resolution, length, bitrate, earliest",
    )
    min_similarity: float = option(
        0.8, "Lowest similarity at which two clips are copies of each other", gt=0, le=1
    )
    against: tuple[str, ...] = option(
        (),
        "Folder of another data set: clips that show the same as one of its clips are not kept; "
        "repeat for more",
    )


def dedup(tables: Mapping[str, pa.Table], config: DedupConfig) -> Outcome:
    """Find each clip's copies among the clips of this data set and of others.

    A clip is kept unless it is a copy of a better one that is kept. Clips of other data sets are
    better than all. A clip without a signature fails.
    """
    clips = tables[CLIPS.name]
    where = positions(clips[CLIPS.key], tables[SIGNATURES.name][SIGNATURES.key])
    known = clips.filter(pc.is_valid(where))
    own = with_large_binary(tables[SIGNATURES.name]).take(where.drop_null())
    others = [(path, read_signatures(path)) for path in config.against]
    best = ranks(known, tables, config.policy)
    rows = duplicates(own, others, best, config.min_similarity)
    status = pc.if_else(pc.is_valid(where), OK, FAILED)
    reason = pc.if_else(pc.is_valid(where), None, "the clip has no signature")
    return Outcome.from_status(DEDUP.to_arrow(rows), clips[CLIPS.key], status, reason)


def ranks(clips: pa.Table, tables: Mapping[str, pa.Table], policy: Policy) -> Numbers:
    """Order the numbers of all clips, best first."""
    video_rows = positions(clips["video_id"], tables[VIDEOS.name]["video_id"])
    videos = tables[VIDEOS.name].take(video_rows)
    pixels = pc.multiply(videos["display_width"], videos["display_height"])
    measures = {
        "resolution": pixels,
        "bitrate": videos["bit_rate"],
        "length": clips["duration_s"],
        "earliest": pc.negate(discovery_order(clips, tables)),
    }
    if policy == "quality":
        scores = tables[QUALITY.name]
        sharpness = scores["sharpness"].take(positions(clips[CLIPS.key], scores[QUALITY.key]))
        # A picture enlarged s times is s to the fourth less sharp: by this nothing is won.
        measures["quality"] = pc.multiply(sharpness, pc.power(pixels.cast(pa.float64()), 2))
    keys = list(dict.fromkeys([policy, *TIES]))
    table = pa.table({**measures, CLIPS.key: clips[CLIPS.key]})
    order = [*((key, "descending") for key in keys), (CLIPS.key, "ascending")]
    return np.asarray(pc.sort_indices(table, sort_keys=order), np.int64)


def discovery_order(clips: pa.Table, tables: Mapping[str, pa.Table]) -> pa.ChunkedArray:
    """For each clip, return the position of its video among the files in the order of discovery."""
    sources = tables[SOURCES.name]
    found = positions(sources["file_id"], tables[FILES.name]["file_id"])
    first = sources.select(["video_id"]).append_column("at", found).group_by("video_id")
    videos = first.aggregate([("at", "min")])
    return videos["at_min"].take(positions(clips["video_id"], videos["video_id"])).cast(pa.int64())


def duplicates(
    own: pa.Table,
    others: Sequence[tuple[str, pa.Table]],
    best: Numbers,
    min_similarity: float,
) -> list[Duplicate]:
    """Make a row for each clip of `own`; `best` lists their numbers, best first."""
    from vidcurate.deduplication.links import find_links

    n_own = own.num_rows
    tables = [own, *(table for _, table in others)]
    together = pa.concat_tables([t.select(SIGNATURES.schema.names) for t in tables])
    homes = [None] * n_own + [path for path, table in others for _ in range(table.num_rows)]
    order = [*range(n_own, len(homes)), *best.tolist()]
    firsts = first_of_equals(together["content"].to_pylist(), order)
    single = sorted(set(firsts))
    alike: list[tuple[int, int]] = []
    contents = content_arrays(together.take(pa.array(single, pa.int64())))
    found = find_links(contents, min_similarity, alike)
    linked = [replace(k, first=single[k.first], second=single[k.second]) for k in found]
    linked = [link for link in linked if min(link.first, link.second) < n_own]
    copies = [*((link.first, link.second) for link in linked), *enumerate(firsts)]
    in_setup = [(single[one], single[other]) for one, other in alike]
    ids = together["clip_id"].to_pylist()
    is_single = set(single)
    candidates = Candidates(
        ids=ids,
        homes=homes,
        firsts=firsts,
        kept_for=choose_kept([clip for clip in order if clip in is_single], linked),
        clusters=named_clusters(ids, best, copies),
        setups=named_clusters(ids, best, [*copies, *in_setup]),
    )
    videos = own["video_id"].to_pylist()
    return [duplicate_row(candidates, clip, video_id) for clip, video_id in enumerate(videos)]


def first_of_equals(content: Sequence[str], order: Sequence[int]) -> list[int]:
    """For each clip, find the first in `order` with equal content, which may be itself."""
    first: dict[str, int] = {}
    for clip in order:
        first.setdefault(content[clip], clip)
    return [first[value] for value in content]


def named_clusters(
    ids: Sequence[str], best: Numbers, pairs: Sequence[tuple[int, int]]
) -> list[str]:
    """For each clip, return the id of the best clip of this data set in its cluster."""
    cluster = clusters(len(ids), pairs).tolist()
    names: dict[int, str] = {}
    for clip in best.tolist():
        names.setdefault(cluster[clip], ids[clip])
    return [names.get(number, "") for number in cluster]


def duplicate_row(candidates: Candidates, clip: int, video_id: str) -> Duplicate:
    """Make one clip's row."""
    first = candidates.firsts[clip]
    link = candidates.kept_for.get(first)
    home = candidates.homes[first if link is None else link.second]
    if first != clip:
        link = Link(clip, first, 1.0, 0.0, 1.0, is_whole=True, is_mirrored=False)
    relation = "none" if link is None else "near" if link.is_whole else "partial"
    return Duplicate(
        clip_id=candidates.ids[clip],
        video_id=video_id,
        keep=link is None,
        relation="exact" if first != clip else relation,
        cluster_id=candidates.clusters[clip],
        copy_of=candidates.ids[link.second] if link else None,
        leaks_from=home,
        similarity=link.similarity if link else None,
        offset_s=link.offset_s if link else None,
        speed=link.speed if link else None,
        is_mirrored=link.is_mirrored if link else None,
        setup_id=candidates.setups[clip],
    )


def stored_signatures(folder: str) -> StoredTable | None:
    """Find another data set's stored signatures; None if it has none of this version."""
    dataset = Dataset(location(folder))
    entry = dataset.manifest().get(SIGNATURES.name)
    if entry is None or entry["version"] != SIGNATURES_STAGE.version.number:
        return None
    return dataset.stored(SIGNATURES, entry["fingerprint"])


def read_signatures(folder: str) -> pa.Table:
    """Read another data set's signatures.

    Raises UsageError where it has none.
    """
    stored = stored_signatures(folder)
    if stored is None and not Dataset(location(folder)).manifest():
        raise UsageError(f"dedup.against: {folder} holds no data set")
    if stored is None:
        raise UsageError(f"{folder} has no signatures: run `vidcurate signatures -d {folder}`")
    return with_large_binary(stored.read(None, SIGNATURES.schema))


def with_large_binary(signatures: pa.Table) -> pa.Table:
    """Cast binary columns to large ones: Arrow's plain ones hold 2 GB at most in a take.

    The vectors of a million clips are more.
    """
    fields = [
        field.with_type(pa.large_binary()) if pa.types.is_binary(field.type) else field
        for field in signatures.schema
    ]
    return signatures.cast(pa.schema(fields))


def others_content(config: DedupConfig) -> str:
    """Hash the clips of the other data sets and their signatures' fingerprints, not their paths."""
    contents = [
        (s.folder.name, clip_ids_hash(s)) for s in map(stored_signatures, config.against) if s
    ]
    return hashlib.sha256(json.dumps(sorted(contents)).encode()).hexdigest() if contents else ""


def clip_ids_hash(stored: StoredTable) -> str:
    """Hash the ids of a stored table's clips, in any order."""
    ids = stored.read(["clip_id"], SIGNATURES.schema)["clip_id"].unique().sort()
    return hashlib.sha256("\n".join(ids.to_pylist()).encode()).hexdigest()


def content_options(config: DedupConfig) -> Mapping[str, str]:
    """Return the option that names other data sets, whose content counts."""
    return {"against": BY_CONTENT} if config.against else {}


def tables_used(config: DedupConfig) -> tuple[Lookup, ...]:
    """List the signatures, and the tables that decide which copy is kept."""
    videos = (
        Lookup(FILES, columns=("file_id",)),
        Lookup(SOURCES, columns=("video_id", "file_id")),
        Lookup(VIDEOS, columns=("video_id", "display_width", "display_height", "bit_rate")),
    )
    scores = (Lookup(QUALITY, columns=("clip_id", "sharpness")),)
    return (Lookup(SIGNATURES), *videos, *(scores if config.policy == "quality" else ()))


DEDUP_STAGE = TableStage(
    name="dedup",
    summary="Find clips that show the same, also in part or mirrored, and choose which to keep.",
    reads=CLIPS,
    writes=DEDUP,
    config=DedupConfig,
    run=dedup,
    lookups=tables_used,
    cost=Cost(is_expensive=True),
    version=Version(depends=others_content, contents=content_options),
)
