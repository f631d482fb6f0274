"""What a new export would lose of the present one without the user asking for it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vidcurate.errors import UsageError, quantity
from vidcurate.exporting.clips_table import clips_table
from vidcurate.exporting.folder.manifest import read_manifest
from vidcurate.exporting.folder.marker import SHARD, read_marker
from vidcurate.exporting.tables.table import SPLITS
from vidcurate.exporting.targets.parquet import FILE_COLUMN
from vidcurate.records import ACCEPTED, CAPTIONS, CLIPS, DECISIONS, KEPT, REFINED, SOURCES
from vidcurate.stage import DatasetView
from vidcurate.store.storage import Location, list_names
from vidcurate.store.table import Table, arrow_source

# Columns that are there or not as options of the export ask for them.
OPTIONAL_COLUMNS = {FILE_COLUMN, "source_path"}
MAX_NAMED = 5
CLIP_LIST = ".vidcurate-clips.jsonl"


@dataclass(frozen=True, slots=True)
class ListedClip:
    """One clip in the list of an export that is no Parquet, in the order of the export.

    `left_out` says why the target does not hold it, "" where it does.
    """

    clip_id: str
    video_id: str
    split: str
    has_caption: bool
    left_out: str = ""


@dataclass(frozen=True)
class ExportContents:
    """The clips of an export, each with its video and whether it has a caption, and its columns."""

    clips: pa.Table
    columns: Sequence[str]


@dataclass
class Losses:
    """What the present export has and a new one lacks; `clips` counts clips by reason.

    `intended` counts clips gone because rules or quotas reject them, or their videos are cut in
    other ways or were dropped.
    """

    clips: Counter[str] = field(default_factory=Counter)
    captions: int = 0
    columns: Sequence[str] = ()
    intended: int = 0

    def __str__(self) -> str:
        """Describe the losses in words, "" if there are none."""
        parts = [f"{quantity(n, 'clip')} ({why})" for why, n in self.clips.items()]
        parts += [quantity(self.captions, "caption")] if self.captions else []
        if self.columns:
            more = ["…"] if len(self.columns) > MAX_NAMED else []
            named = ", ".join([*self.columns[:MAX_NAMED], *more])
            parts.append(f"{quantity(len(self.columns), 'column')} ({named})")
        return ", ".join(parts)


def read_export(out: Location) -> ExportContents | None:
    """Read what the export in a folder holds; None if there is none.

    Raises UsageError for one that cannot be read.
    """
    marker = read_marker(out)
    if marker is not None and marker.target != "parquet":
        return read_clip_list(out)
    if marker is not None and marker.finished:
        names = [*read_manifest(out, marker.manifest)]
    else:
        names = [f"data/{name}" for name in list_names(out / "data")]
    shards = [out / name for name in in_split_order(names)]
    if not shards:
        return None
    try:
        pieces = [read_shard_clips(shard) for shard in shards]
        with pq.ParquetFile(arrow_source(shards[0])) as file:
            columns = file.schema_arrow.names
    except (pa.ArrowException, KeyError) as error:
        raise UsageError(f"{out} cannot be read ({error}): remove it, or name another") from error
    return ExportContents(pa.concat_tables(pieces), columns)


def in_split_order(names: Iterable[str]) -> list[str]:
    """List the shards among some names, by split and number."""
    shards = (name for name in names if SHARD.fullmatch(name))
    return sorted(shards, key=lambda n: (SPLITS.index(n[5:].partition("-")[0]), n))


def read_clip_list(out: Location) -> ExportContents | None:
    """Read the clips of an export that is no Parquet from its list."""
    try:
        content = (out / CLIP_LIST).read_bytes()
    except FileNotFoundError:
        return None
    clips = [c for c in msgspec.json.Decoder(ListedClip).decode_lines(content) if not c.left_out]
    columns = {
        "clip_id": pa.array([c.clip_id for c in clips], pa.string()),
        "video_id": pa.array([c.video_id for c in clips], pa.string()),
        "has_caption": pa.array([c.has_caption for c in clips], pa.bool_()),
    }
    return ExportContents(pa.table(columns), ())


def read_shard_clips(shard: Location) -> pa.Table:
    """Read the clips of a shard, and whether they have a caption."""
    with pq.ParquetFile(arrow_source(shard)) as file:
        rows = file.read(["clip_id", "video_id", "caption"])
    has_caption = pc.is_valid(rows["caption"])
    return pa.table(
        {"clip_id": rows["clip_id"], "video_id": rows["video_id"], "has_caption": has_caption}
    )


def find_losses(
    old: ExportContents, clip_ids: pa.ChunkedArray, columns: Sequence[str], view: DatasetView
) -> Losses:
    """Find what an export of these clips and columns would lose without the user asking for it.

    Clips that rules or quotas reject, and those of videos that are cut in other ways now or that
    the user dropped, are intended losses, and so is a caption that a person took back; those that
    failed, and those of videos that failed or have other content now, are not.
    """
    is_left = pc.is_in(old.clips["clip_id"], value_set=clip_ids.combine_chunks())
    has_caption = old.clips.filter(pc.and_(is_left, old.clips["has_caption"]))["clip_id"]
    tables = [t for t in (CAPTIONS, REFINED) if view.has(t)]
    texts = [view.scan(table, ["clip_id"])["clip_id"] for table in tables]
    if view.has(DECISIONS):
        decisions = view.scan(DECISIONS, ["clip_id", "video_id", "action"])
        texts.append(decisions.filter(pc.equal(decisions["action"], "caption"))["clip_id"])
    captioned = pa.chunked_array([c for t in texts for c in t.chunks], pa.string()).combine_chunks()
    is_lost = pc.invert(pc.is_in(has_caption, value_set=captioned))
    gone = old.clips.filter(pc.invert(is_left))
    reasons = why_lost(gone, view)
    return Losses(
        clips=reasons,
        captions=pc.sum(is_lost).as_py() or 0,
        columns=[c for c in old.columns if c not in columns and c not in OPTIONAL_COLUMNS],
        intended=gone.num_rows - reasons.total(),
    )


def why_lost(clips: pa.Table, view: DatasetView) -> Counter[str]:
    """Count clips that an export no longer has, by the unintended reason."""
    kept = set(view.scan(clips_table(view), ["clip_id"])["clip_id"].to_pylist())
    judged, split = (statuses(view, table) for table in (KEPT, CLIPS))
    weighed = statuses(view, ACCEPTED) if view.has(ACCEPTED) else {}
    live = set(view.scan(SOURCES, ["video_id"])["video_id"].to_pylist())
    dropped = view.dropped_videos()
    reasons: Counter[str] = Counter()
    for clip in clips.select(["clip_id", "video_id"]).to_pylist():
        clip_id, video_id = clip["clip_id"], clip["video_id"]
        if clip_id in kept:
            reasons["export or verify failed"] += 1
        elif weighed.get(clip_id) == "failed":
            reasons["accept failed"] += 1
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
    """Map each input of a table's stage to its status."""
    done = view.done(table)
    return dict(zip(done["id"].to_pylist(), done["status"].to_pylist(), strict=True))
