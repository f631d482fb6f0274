"""What a stage sees of the data set while it works on a batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.pipeline.job import Batch, Job
from vidcurate.stage import read_while_running
from vidcurate.store.cache import local_copy
from vidcurate.store.dataset import DROPPED
from vidcurate.store.table import Table

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class LookedUp:
    """Rows by key, and the files from which they were read, which are never written again."""

    files: tuple[str, ...]
    rows: dict[str, Any]


@dataclass(frozen=True, slots=True)
class WholeTable:
    """A table's rows, and the files that it had shortly before they were read."""

    files: tuple[str, ...]
    rows: pa.Table


@dataclass
class BatchWorkspace:
    """What a stage sees of the data set while it works on a batch."""

    job: Job
    files: Path
    batch: Batch = field(default_factory=lambda: Batch((), {}))
    rows: Sequence[Any] = ()
    found: dict[str, LookedUp] = field(default_factory=dict)
    found_before: dict[str, LookedUp] = field(default_factory=dict)
    found_all: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    whole: dict[str, WholeTable] = field(default_factory=dict)
    dropped: dict[str, dict[str, str]] = field(default_factory=dict)

    def begin_batch(self, batch: Batch, rows: Sequence[Any]) -> None:
        """Go on to a batch, and remember the rows that were looked up for the one before."""
        self.batch, self.rows, self.found_before, self.found = batch, rows, self.found, {}
        self.found_all = {}

    def has(self, table: Table[Any]) -> bool:
        """Whether an optional table is there."""
        return table.name in self.job.tables

    def drop_reason(self, table: Table[Any], key: str) -> str | None:
        """Why the stage of a declared table left an input out; None where it did not.

        What is known from earlier batches is not read again: a drop stays one.
        """
        if key not in self.dropped.get(table.name, {}):
            done = self.job.stored(table).done()
            done = done.filter(pc.equal(done["status"], DROPPED))
            columns = (done[name].to_pylist() for name in ("id", "reason"))
            self.dropped[table.name] = dict(zip(*columns, strict=True))
        return self.dropped[table.name].get(key)

    def file_of(self, table: Table[Any], name: str) -> Path:
        """A file that another table's row names, on this machine."""
        return local_copy(self.job.stored(table).files / name)

    def lookup(self, table: Table[R]) -> Mapping[str, R]:
        """The rows of a declared table that belong to the batch in progress, by key.

        Rows that the batch before looked up too, as those of a long video, are not read again.
        """
        if table.name not in self.found:
            keys = {getattr(row, table.key) for row in self.rows}
            files = tuple(self.batch.parts.get(table.name, ()))
            before = self.found_before.get(table.name, LookedUp((), {}))
            is_same = files == before.files
            rows = {key: before.rows[key] for key in keys & before.rows.keys()} if is_same else {}
            if keys - rows.keys():
                more = read_rows(self.job, table, self.batch, keys - rows.keys())
                rows |= {getattr(row, table.key): row for row in more}
            self.found[table.name] = LookedUp(files, rows)
        return self.found[table.name].rows

    def lookup_all(self, table: Table[R]) -> Mapping[str, Sequence[R]]:
        """The rows of a table that is declared `by` a column, in their order, by its values.

        They are read from the whole table, not from parts that a batch names: such a table may
        grow, and be put together, while a run goes on.
        """
        if table.name not in self.found_all:
            by = column_looked_up(self.job, table)
            found: dict[str, list[Any]] = {getattr(row, by): [] for row in self.rows}
            rows = self.read_whole(table) if self.has(table) else table.schema.empty_table()
            wanted = pa.array(sorted(found), pa.string())
            for row in table.from_arrow(rows.filter(pc.is_in(rows[by], value_set=wanted))):
                found[getattr(row, by)].append(row)
            self.found_all[table.name] = found
        return self.found_all[table.name]

    def read_whole(self, table: Table[Any]) -> pa.Table:
        """A whole table; it is read again only where its files are others by now."""
        stored = self.job.stored(table)
        files = tuple(stored.listing())
        before = self.whole.get(table.name)
        if before is None or before.files != files:
            self.whole[table.name] = WholeTable(files, stored.read(None, table.schema))
        return self.whole[table.name].rows


def column_looked_up(job: Job, table: Table[Any]) -> str:
    """The column by which a job's stage looks up a table."""
    lookups = read_while_running(job.stage, job.config)
    return next(lookup.by for lookup in lookups if lookup.table == table and lookup.by)


def read_rows(job: Job, table: Table[R], batch: Batch, keys: set[str]) -> list[R]:
    """The rows of a table with these keys, from the parts that the batch names."""
    rows = job.stored(table).read_files(batch.parts.get(table.name, ()), table.schema)
    wanted = pa.array(sorted(keys), pa.string())
    return table.from_arrow(rows.filter(pc.is_in(rows[table.key], value_set=wanted)))
