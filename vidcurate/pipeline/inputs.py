"""What is left to do: live inputs less what is done, cut into batches that name where rows lie."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.pipeline.resolve import Planned
from vidcurate.pipeline.worker import Batch
from vidcurate.records import FILES
from vidcurate.stage import MapStage, read_while_running
from vidcurate.store.dataset import FAILED, Dataset, Shelf
from vidcurate.store.table import Table, positions

# Enough batches for each worker that the last ones end at about the same time.
BATCHES_PER_WORKER = 4
FOUND = "found"
# What was last said of a file that is not there, and of one that a user took out.
GONE, DROPPED_FILE = "gone", "dropped"


@dataclass(frozen=True)
class Scope:
    """What is worked on: of each id column named here, only these values, and not the spared."""

    ids: Mapping[str, pa.Array] = field(default_factory=dict)
    spared: Mapping[str, pa.Array] = field(default_factory=dict)

    def keep(self, rows: pa.Table) -> pa.Table:
        """The rows in scope."""
        for column, values in self.ids.items():
            if column in rows.column_names:
                rows = rows.filter(pc.is_in(rows[column], value_set=values))
        for column, values in self.spared.items():
            if column in rows.column_names:
                rows = rows.filter(pc.invert(pc.is_in(rows[column], value_set=values)))
        return rows

    @cached_property
    def digest(self) -> str:
        """A hash of what is named here."""
        hashed = hashlib.sha256()
        for chosen in (self.ids, self.spared):
            for column, values in chosen.items():
                batch = pa.record_batch([values], [column])
                hashed.update(batch.schema.serialize())
                hashed.update(batch.serialize())
            hashed.update(b"spared")
        return hashed.hexdigest()


def newest_files(dataset: Dataset) -> dict[str, dict[str, Any]]:
    """For each path the `file_id` and the `state` that were last said of it."""
    rows = last_of_paths(dataset)
    pairs = zip(rows["file_id"].to_pylist(), rows["state"].to_pylist(), strict=True)
    facts = ({"file_id": file_id, "state": state} for file_id, state in pairs)
    return dict(zip(rows["path"].to_pylist(), facts, strict=True))


def last_of_paths(dataset: Dataset) -> pa.Table:
    """What was last said of each path: `path`, `file_id` and `state`."""
    files = dataset.shelf(FILES, FOUND).read(["path", "file_id", "state"], FILES.schema)
    if len(pc.unique(files["path"])) == files.num_rows:
        return files
    numbered = files.append_column("row", pa.array(np.arange(files.num_rows)))
    last = numbered.group_by("path").aggregate([("row", "max")])["row_max"].sort()
    return files.take(last)


def live_scope(dataset: Dataset, sources: Shelf, limit: int | None) -> Scope:
    """Leave out files that were dropped or have other content now, and videos past the limit."""
    said = dataset.shelf(FILES, FOUND).read(["path"], FILES.schema).num_rows
    files = last_of_paths(dataset)
    kept = files.filter(pc.not_equal(files["state"].fill_null(""), DROPPED_FILE))
    if limit is None and kept.num_rows == said:
        return Scope()
    file_ids = kept["file_id"].combine_chunks()
    rows = sources.index("video_id", ["file_id"])
    live = rows.filter(pc.is_in(rows["file_id"], value_set=file_ids))
    video_ids = pc.unique(live["video_id"])
    return Scope({"file_id": file_ids, "video_id": video_ids[:limit]})


def gone_videos(dataset: Dataset, sources: Shelf) -> pa.Array:
    """The ids of live videos that no file holds any more, as far as their sources told."""
    return videos_only(dataset, sources, GONE)


def dropped_videos(dataset: Dataset, sources: Shelf) -> pa.Array:
    """The ids of videos of which the user dropped every file."""
    return videos_only(dataset, sources, DROPPED_FILE)


def videos_only(dataset: Dataset, sources: Shelf, state: str) -> pa.Array:
    """The ids of videos that have files in a state, and none that is there."""
    files = last_of_paths(dataset)
    if pc.all(pc.is_null(files["state"])).as_py() is not False:
        return pa.array([], pa.string())
    states = files["state"].fill_null("")
    rows = sources.index("video_id", ["file_id"])
    there, wanted = (
        files["file_id"].filter(pc.equal(states, one)).combine_chunks() for one in ("", state)
    )
    held = pc.unique(rows.filter(pc.is_in(rows["file_id"], value_set=there))["video_id"])
    found = pc.unique(rows.filter(pc.is_in(rows["file_id"], value_set=wanted))["video_id"])
    return found.filter(pc.invert(pc.is_in(found, value_set=held)))


def live_inputs(dataset: Dataset, planned: Planned, scope: Scope) -> pa.Table:
    """Every input of a stage: its key, the ids it carries, and the part it lies in."""
    table = planned.stage.reads
    index = planned.shelf(dataset, table).index(table.key, ids_in(table))
    return scope.keep(index)


def ids_in(table: Table[Any]) -> list[str]:
    """The id columns of a table's rows."""
    return [name for name in table.schema.names if name.endswith("_id")]


def pending(inputs: pa.Table, key: str, done: pa.Table, *, retry_failed: bool) -> pa.Table:
    """The inputs that are not done."""
    if retry_failed:
        done = done.filter(pc.not_equal(done["status"], FAILED))
    return inputs.filter(pc.is_null(positions(inputs[key], done["id"])))


def batches(dataset: Dataset, planned: Planned, todo: pa.Table, workers: int) -> Iterator[Batch]:
    """The pending inputs in batches, each with the parts where its rows and neighbours lie."""
    stage = planned.stage
    assert isinstance(stage, MapStage)
    located = one_row_each(todo, stage.reads.key)
    names = {stage.reads.name: "part"}
    for table in (b.table for b in read_while_running(stage, planned.config)):
        if table.name in planned.tables:
            names[table.name] = f"part of {table.name}"
            located = located.append_column(
                names[table.name], parts_beside(located, planned.shelf(dataset, table), table)
            )
    most = -(-located.num_rows // (BATCHES_PER_WORKER * workers))
    size = max(1, min(stage.rows_per_part, most))
    for start in range(0, located.num_rows, size):
        piece = located.slice(start, size).to_pydict()
        parts = {table: distinct(piece[column]) for table, column in names.items()}
        yield Batch(tuple(piece[stage.reads.key]), parts)


def one_row_each(index: pa.Table, key: str) -> pa.Table:
    """An index with one row a key; a key that lies in several parts names them all."""
    if index.num_rows == len(pc.unique(index[key])):
        return index
    index = index.set_column(index.column_names.index("part"), "part", index["part"].cast("string"))
    others = [name for name in index.column_names if name not in (key, "part")]
    wanted = [("part", "list"), *((name, "first") for name in others)]
    grouped = index.group_by(key, use_threads=False).aggregate(wanted)
    columns = {name: grouped[f"{name}_first"] for name in others}
    parts = pc.binary_join(grouped["part_list"], "\n")
    return pa.table({key: grouped[key], **columns, "part": parts})


def parts_beside(located: pa.Table, shelf: Shelf, table: Table[Any]) -> pa.ChunkedArray:
    """For each row, the parts in which the row of its key lies in another table."""
    index = shelf.index(table.key)
    wanted = pc.is_in(index[table.key], value_set=pc.unique(located[table.key]))
    index = one_row_each(index.filter(wanted), table.key)
    where = positions(located[table.key], index[table.key])
    return index["part"].combine_chunks().take(where)


def distinct(joined: Sequence[str | None]) -> tuple[str, ...]:
    """The different part names of a column that may join several with line ends."""
    names = (name for text in dict.fromkeys(joined) if text for name in text.split("\n"))
    return tuple(dict.fromkeys(names))
