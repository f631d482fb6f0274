"""What an export would lose against the one that is there, and nobody has asked to lose."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vidcurate.errors import UsageError, quantity
from vidcurate.exporting.marker import SHARD, read_mark
from vidcurate.exporting.targets.parquet import FILE_COLUMN
from vidcurate.records import CAPTIONS, CLIPS, KEPT, REFINED, SOURCES
from vidcurate.stage import DatasetView
from vidcurate.store.storage import Location, list_names
from vidcurate.store.table import Table, arrow_source

# Columns that are there or not as options of the export ask for them.
ASKED_FOR = {FILE_COLUMN, "source_path"}
NAMED_AT_MOST = 5


@dataclass(frozen=True)
class Held:
    """What an export holds: clips with their video and whether they have a caption, and columns."""

    clips: pa.Table
    columns: Sequence[str]


@dataclass
class Losses:
    """What a new export lacks that the one there has; `clips` are counted by the reason.

    `wished` are clips that go because rules reject them, or their videos are cut in other ways or
    were dropped.
    """

    clips: Counter[str] = field(default_factory=Counter)
    captions: int = 0
    columns: Sequence[str] = ()
    wished: int = 0

    def __str__(self) -> str:
        """In words, empty where nothing is lost."""
        parts = [f"{quantity(n, 'clip')} ({why})" for why, n in self.clips.items()]
        parts += [quantity(self.captions, "caption")] if self.captions else []
        if self.columns:
            more = ["…"] if len(self.columns) > NAMED_AT_MOST else []
            named = ", ".join([*self.columns[:NAMED_AT_MOST], *more])
            parts.append(f"{quantity(len(self.columns), 'column')} ({named})")
        return ", ".join(parts)


def read_export(out: Location) -> Held | None:
    """What the export in a folder holds; None where there is none.

    Raises UsageError for one that cannot be read.
    """
    mark = read_mark(out)
    if mark is not None and mark.finished:
        names = [*mark.files]
    else:
        names = [f"data/{name}" for name in list_names(out / "data")]
    shards = [out / name for name in sorted(names) if SHARD.fullmatch(name)]
    if not shards:
        return None
    try:
        pieces = [clips_of(shard) for shard in shards]
        with pq.ParquetFile(arrow_source(shards[0])) as file:
            columns = file.schema_arrow.names
    except (pa.ArrowException, KeyError) as error:
        raise UsageError(f"{out} cannot be read ({error}): remove it, or name another") from error
    return Held(pa.concat_tables(pieces), columns)


def clips_of(shard: Location) -> pa.Table:
    """The clips of a shard, and whether they have a caption."""
    with pq.ParquetFile(arrow_source(shard)) as file:
        rows = file.read(["clip_id", "video_id", "caption"])
    told = pc.is_valid(rows["caption"])
    return pa.table({"clip_id": rows["clip_id"], "video_id": rows["video_id"], "told": told})


def losses(
    old: Held, clip_ids: pa.ChunkedArray, columns: Sequence[str], view: DatasetView
) -> Losses:
    """What an export of these clips and columns would lose that nobody has asked to lose.

    Clips that rules reject, and those of videos that are cut in other ways now or that the user
    dropped, are wished to go; those that failed, and those of videos that failed or have other
    content now, are not.
    """
    is_left = pc.is_in(old.clips["clip_id"], value_set=clip_ids.combine_chunks())
    told = old.clips.filter(pc.and_(is_left, old.clips["told"]))["clip_id"]
    tables = [t for t in (CAPTIONS, REFINED) if view.has(t)]
    texts = [view.scan(table, ["clip_id"])["clip_id"] for table in tables]
    tell = pa.chunked_array([c for t in texts for c in t.chunks], pa.string()).combine_chunks()
    untold = pc.invert(pc.is_in(told, value_set=tell))
    gone = old.clips.filter(pc.invert(is_left))
    reasons = why_lost(gone, view)
    return Losses(
        clips=reasons,
        captions=pc.sum(untold).as_py() or 0,
        columns=[c for c in old.columns if c not in columns and c not in ASKED_FOR],
        wished=gone.num_rows - reasons.total(),
    )


def why_lost(clips: pa.Table, view: DatasetView) -> Counter[str]:
    """How many of some clips, which an export has no more, went for which unwished reason."""
    kept = set(view.scan(KEPT, ["clip_id"])["clip_id"].to_pylist())
    judged, split = (statuses(view, table) for table in (KEPT, CLIPS))
    live = set(view.scan(SOURCES, ["video_id"])["video_id"].to_pylist())
    dropped = view.dropped_videos()
    reasons: Counter[str] = Counter()
    for clip in clips.select(["clip_id", "video_id"]).to_pylist():
        clip_id, video_id = clip["clip_id"], clip["video_id"]
        if clip_id in kept:
            reasons["export or verify failed"] += 1
        elif clip_id in judged:
            if judged[clip_id] == "failed":
                reasons["filter failed"] += 1
        elif video_id not in live:
            if video_id not in dropped:
                reasons["their videos were replaced, or left out by --limit"] += 1
        elif split.get(video_id, "failed") == "failed":
            reasons["their videos failed"] += 1
    return reasons


def statuses(view: DatasetView, table: Table[Any]) -> dict[str, str]:
    """What became of each input of a table's stage."""
    done = view.done(table)
    return dict(zip(done["id"].to_pylist(), done["status"].to_pylist(), strict=True))
