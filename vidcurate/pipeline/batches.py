"""Pending inputs cut into batches that name the parts where their rows lie."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.pipeline.job import Batch
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.stage import MapStage, read_while_running
from vidcurate.store.dataset import Dataset, StoredTable
from vidcurate.store.table import Table, positions

# Enough batches for each worker that the last ones end at about the same time.
BATCHES_PER_WORKER = 8


def pending_batches(
    dataset: Dataset, resolved: ResolvedStage, pending: pa.Table, workers: int
) -> Iterator[Batch]:
    """Pending inputs in batches, each with the parts that hold its rows and those looked up."""
    stage = resolved.stage
    assert isinstance(stage, MapStage)
    located = one_row_a_key(pending, stage.reads.key)
    part_columns = {stage.reads.name: "part"}
    for lookup in read_while_running(stage, resolved.config):
        table = lookup.table
        if table.name in resolved.tables and not lookup.by:
            parts = parts_of_keys(located, resolved.stored(dataset, table), table)
            part_columns[table.name] = f"part of {table.name}"
            located = located.append_column(part_columns[table.name], parts)
    max_size = -(-located.num_rows // (BATCHES_PER_WORKER * workers))
    size = max(1, min(stage.rows_per_part, max_size))
    for start in range(0, located.num_rows, size):
        piece = located.slice(start, size).to_pydict()
        names = {table: part_names(piece[column]) for table, column in part_columns.items()}
        yield Batch(tuple(piece[stage.reads.key]), names)


def one_row_a_key(index: pa.Table, key: str) -> pa.Table:
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


def parts_of_keys(located: pa.Table, stored: StoredTable, table: Table[Any]) -> pa.Array:
    """For each row, the parts in which the row of its key lies in another table."""
    index = stored.index(table.key)
    wanted = pc.is_in(index[table.key], value_set=pc.unique(located[table.key]))
    index = one_row_a_key(index.filter(wanted), table.key)
    rows = positions(located[table.key], index[table.key])
    return index["part"].combine_chunks().take(rows)


def part_names(joined: Sequence[str | None]) -> tuple[str, ...]:
    """The different part names of a column that may join several with line ends."""
    names = (name for text in dict.fromkeys(joined) if text for name in text.split("\n"))
    return tuple(dict.fromkeys(names))
