"""Which files and videos are live: found, not dropped, and within the limit of a run."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.records import DECISIONS, FILES
from vidcurate.records.reviews import REVIEWED
from vidcurate.store.dataset import Dataset, StoredTable

# The fingerprints of the tables that no stage writes: files, and what people decided.
FOUND = "found"
# The state of a file that is no longer there, and of one that a user took out.
GONE, DROPPED_FILE = "gone", "dropped"


@dataclass(frozen=True)
class Scope:
    """What is worked on: rows with these `ids`, less those with `pruned` ones; ids by column."""

    ids: Mapping[str, pa.Array] = field(default_factory=dict)
    pruned: Mapping[str, pa.Array] = field(default_factory=dict)

    def keep(self, rows: pa.Table) -> pa.Table:
        """The rows in scope."""
        for column, values in self.ids.items():
            if column in rows.column_names:
                rows = rows.filter(pc.is_in(rows[column], value_set=values))
        for column, values in self.pruned.items():
            if column in rows.column_names:
                rows = rows.filter(pc.invert(pc.is_in(rows[column], value_set=values)))
        return rows

    @cached_property
    def digest(self) -> str:
        """A hash of all columns and values."""
        hashed = hashlib.sha256()
        for values_of in (self.ids, self.pruned):
            for column, values in values_of.items():
                batch = pa.record_batch([values], [column])
                hashed.update(batch.schema.serialize())
                hashed.update(batch.serialize())
            hashed.update(b"pruned")
        return hashed.hexdigest()


def unwritten_tables(dataset: Dataset) -> dict[str, str]:
    """The fingerprints of the tables that no stage writes, by name, as far as they are there."""
    is_reviewed = bool(dataset.stored(DECISIONS, REVIEWED).listing())
    return {FILES.name: FOUND, **({DECISIONS.name: REVIEWED} if is_reviewed else {})}


def latest_files(dataset: Dataset) -> dict[str, dict[str, Any]]:
    """The current `file_id` and `state` of each path."""
    rows = latest_of_each_path(dataset)
    pairs = zip(rows["file_id"].to_pylist(), rows["state"].to_pylist(), strict=True)
    facts = ({"file_id": file_id, "state": state} for file_id, state in pairs)
    return dict(zip(rows["path"].to_pylist(), facts, strict=True))


def latest_of_each_path(dataset: Dataset) -> pa.Table:
    """The last row of each path: `path`, `file_id` and `state`."""
    files = dataset.stored(FILES, FOUND).read(["path", "file_id", "state"], FILES.schema)
    if len(pc.unique(files["path"])) == files.num_rows:
        return files
    numbered = files.append_column("row", pa.array(np.arange(files.num_rows)))
    last = numbered.group_by("path").aggregate([("row", "max")])["row_max"].sort()
    return files.take(last)


def live_scope(dataset: Dataset, sources: StoredTable, limit: int | None) -> Scope:
    """Leave out files that were dropped or have other content now, and videos past the limit."""
    n_rows = dataset.stored(FILES, FOUND).read(["path"], FILES.schema).num_rows
    files = latest_of_each_path(dataset)
    kept = files.filter(pc.not_equal(files["state"].fill_null(""), DROPPED_FILE))
    if limit is None and kept.num_rows == n_rows:
        return Scope()
    file_ids = kept["file_id"].combine_chunks()
    rows = sources.index("video_id", ["file_id"])
    live = rows.filter(pc.is_in(rows["file_id"], value_set=file_ids))
    video_ids = pc.unique(live["video_id"])
    return Scope({"file_id": file_ids, "video_id": video_ids[:limit]})


def videos_in_state(dataset: Dataset, sources: StoredTable, state: str) -> pa.Array:
    """The ids of videos that have files in a state, and none that is there."""
    files = latest_of_each_path(dataset)
    if pc.all(pc.is_null(files["state"])).as_py() is not False:
        return pa.array([], pa.string())
    states = files["state"].fill_null("")
    rows = sources.index("video_id", ["file_id"])
    present, wanted = (
        files["file_id"].filter(pc.equal(states, one)).combine_chunks() for one in ("", state)
    )
    present_videos = pc.unique(
        rows.filter(pc.is_in(rows["file_id"], value_set=present))["video_id"]
    )
    found = pc.unique(rows.filter(pc.is_in(rows["file_id"], value_set=wanted))["video_id"])
    return found.filter(pc.invert(pc.is_in(found, value_set=present_videos)))
