"""A data set is a folder of tables that remembers what is done.

D/manifest.json                      table -> what made it
D/<table>/<fingerprint>/part-*.parquet   rows
D/<table>/<fingerprint>/done-*.parquet   one row per input: id, status, reason, seconds, losses
D/<table>/<fingerprint>/files/           files that the rows name

A part is written first, its done file second, each renamed into place when complete. The done
file is the commit: a part without one of the same name is not there. A table that is made anew
as a whole, or whose many parts were put together, has one that names its parts and those that it
replaces.
"""

import hashlib
import json
import os
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Generic, cast
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from typing_extensions import TypeVar  # with defaults, as typing has it from 3.13

from vidcurate.errors import UsageError
from vidcurate.storage import SECOND_NS, Place, Remote, each
from vidcurate.table import (
    Table,
    in_pieces,
    places,
    read_parquet,
    readable,
    write_parquet,
    write_whole,
)

P_co = TypeVar("P_co", bound=Place, default=Place, covariant=True)
OK, DROPPED, FAILED = "ok", "dropped", "failed"
LOSS = pa.struct(
    [
        pa.field("what", pa.string(), False),
        pa.field("count", pa.int64(), False),
        pa.field("seconds", pa.float64(), False),
    ]
)
DONE = pa.schema(
    [
        pa.field("id", pa.string(), False),
        pa.field("status", pa.string(), False),
        pa.field("reason", pa.string()),
        pa.field("seconds", pa.float64()),
    ]
)
DONE_AND_LOST = DONE.append(pa.field("losses", pa.list_(LOSS)))
WHOLE = "done-whole.parquet"
PARTS, REPLACES = b"parts", b"replaces"
# Readers take whole parts: large enough that a million rows are few files, small enough that a
# batch of a few hundred rows is not dear to find.
ROWS_PER_WHOLE_PART = 1 << 16
MANY_PARTS = 256
WRITERS = 2  # parts of a whole table that are compressed at once


@dataclass(frozen=True, slots=True)
class Shelf(Generic[P_co]):
    """One table as one fingerprint made it."""

    folder: P_co

    @property
    def files(self) -> P_co:
        """Where the files lie that the rows name."""
        return cast("P_co", self.folder / "files")

    def listing(self) -> dict[str, int]:
        """The Parquet files that lie here, each with its time (nanoseconds of the epoch)."""
        if isinstance(self.folder, Remote):
            found = self.folder.below(recursive=False).items()
            return {name: f.st_mtime_ns for name, f in found if name.endswith(".parquet")}
        if not self.folder.exists():
            return {}
        with os.scandir(self.folder) as entries:
            return {e.name: e.stat().st_mtime_ns for e in entries if e.name.endswith(".parquet")}

    def commits(self) -> dict[str, list[str]]:
        """Names of done files, oldest first, each with its parts' names."""
        found = self.listing()
        # Of objects the second is known; within one their names say which came first.
        step_ns = SECOND_NS if isinstance(self.folder, Remote) else 1
        ages = ((age // step_ns, name) for name, age in found.items())
        done = sorted((age, name) for age, name in ages if name.startswith("done-"))
        named = {name: [name.replace("done-", "part-", 1)] for _, name in done if name != WHOLE}
        commits = {}
        if WHOLE in found:
            about = pq.read_schema(readable(self.folder / WHOLE)).metadata
            commits[WHOLE] = json.loads(about[PARTS])
            # By name and time: a batch that is tried again has its old name, and counts.
            replaced = json.loads(about[REPLACES])
            named = {n: p for n, p in named.items() if replaced.get(n) != found[n]}
        commits |= named
        return {name: [p for p in parts if p in found] for name, parts in commits.items()}

    def parts(self) -> list[str]:
        """Names of the parts that are committed, oldest first."""
        return [part for parts in self.commits().values() for part in parts]

    def done(self, schema: pa.Schema = DONE) -> pa.Table:
        """One row per input; where one was tried again, the last word.

        With `DONE_AND_LOST` also what of it is in no row.
        """
        commits = list(self.commits())
        first = self.read_done([name for name in commits if name == WHOLE], schema)
        later = self.read_done([name for name in commits if name != WHOLE], schema)
        # Of a whole table each row is a last word already: only those spoken of again matter.
        again = pc.is_in(first["id"], value_set=later["id"].combine_chunks())
        later = last_word(pa.concat_tables([first.filter(again), later]))
        return pa.concat_tables([first.filter(pc.invert(again)), later])

    def read_done(self, names: Sequence[str], schema: pa.Schema = DONE) -> pa.Table:
        """The rows of done files; not all of them speak of losses."""
        tables = each(lambda name: read_done_file(self.folder / name, schema), names, self.folder)
        return pa.concat_tables(tables) if tables else schema.empty_table()

    def read(self, columns: Sequence[str] | None, schema: pa.Schema) -> pa.Table:
        """All rows, or only some columns of them."""
        wanted = schema if columns is None else pa.schema([schema.field(c) for c in columns])
        return self.read_files(self.parts(), wanted)

    def read_files(self, names: Sequence[str], schema: pa.Schema) -> pa.Table:
        """The columns of a schema from several files, in their order."""
        tables = each(lambda name: read_parquet(self.folder / name, schema), names, self.folder)
        return pa.concat_tables(tables) if tables else schema.empty_table()

    def index(self, key: str, columns: Sequence[str] = ()) -> pa.Table:
        """Where each row lies: its key, the columns asked for, and `part`; all are strings."""
        schema = pa.schema([pa.field(name, pa.string()) for name in dict.fromkeys([key, *columns])])
        parts = self.parts()
        tables = each(lambda part: read_parquet(self.folder / part, schema), parts, self.folder)
        numbers = np.repeat(np.arange(len(parts), dtype=np.int32), [t.num_rows for t in tables])
        part = pa.DictionaryArray.from_arrays(numbers, pa.array(parts, pa.string()))
        return pa.concat_tables([schema.empty_table(), *tables]).append_column("part", part)

    def committed_since(self, name: str, time_ns: int) -> bool:
        """Whether a batch of this name was committed after a time (nanoseconds of the epoch)."""
        done = self.folder / f"done-{name}.parquet"
        if isinstance(done, Remote):  # whose times are whole seconds
            time_ns -= SECOND_NS
        return done.exists() and done.stat().st_mtime_ns >= time_ns

    def commit(self, name: str, rows: pa.Table | None, done: pa.Table) -> None:
        """Rows, then the word that they are there."""
        part = self.folder / f"part-{name}.parquet"
        if rows is None or rows.num_rows == 0:
            # An earlier try may have been stopped between its part and its done file.
            part.unlink(missing_ok=True)
        else:
            write_parquet(part, rows)
        write_parquet(self.folder / f"done-{name}.parquet", done)

    def replace(self, rows: pa.Table, done: pa.Table) -> None:
        """The whole table anew, in one step; what was there before goes.

        Where these very rows are there already no file changes, and counts of them stay known.
        """
        is_whole = list(self.commits()) == [WHOLE]
        if not (
            is_whole and self.done().equals(done) and self.read(None, rows.schema).equals(rows)
        ):
            self.put_whole([], [rows], done)

    def compact(self, schema: pa.Schema) -> None:
        """Put many small parts together, so that reading a table takes few files.

        Nobody else may write to the table meanwhile.
        """
        commits = self.commits()
        if len(commits) > MANY_PARTS:
            whole = commits.pop(WHOLE, [])
            full, last = whole[:-1], whole[-1:]
            small = [*last, *(part for parts in commits.values() for part in parts)]
            tables = (read_parquet(self.folder / name, schema) for name in small)
            self.put_whole(full, chain([schema.empty_table()], tables), self.done(DONE_AND_LOST))

    def put_whole(self, kept: Sequence[str], tables: Iterable[pa.Table], done: pa.Table) -> None:
        """Make the table of some of its parts, and rows, in one step; all other parts go."""
        # Also those replaced before, that a kill left here: they must not count again.
        before = {n: age for n, age in self.listing().items() if n.startswith("done-")}
        parts = list(kept)
        being_written: deque[Future[None]] = deque()
        with ThreadPoolExecutor(WRITERS) as threads:
            for rows in in_pieces(tables, ROWS_PER_WHOLE_PART):
                if rows.num_rows:
                    parts.append(f"part-{uuid4().hex[:12]}.parquet")
                    being_written.append(
                        threads.submit(write_parquet, self.folder / parts[-1], rows)
                    )
                if len(being_written) > WRITERS:  # no more pieces are held than that
                    being_written.popleft().result()
            for part in being_written:
                part.result()
        about = {PARTS: json.dumps(parts), REPLACES: json.dumps(before)}
        write_parquet(self.folder / WHOLE, done.replace_schema_metadata(about))
        others = self.listing().keys() - {WHOLE, *parts}
        each(lambda name: (self.folder / name).unlink(), others, self.folder)


@dataclass(frozen=True)
class Located:
    """Rows of a table in an order asked for, read a stretch at a time from where they lie."""

    shelf: Shelf
    schema: pa.Schema
    parts: tuple[str, ...]
    ends: NDArray[np.int64]
    """How many rows the parts hold, up to the end of each."""
    numbers: pa.Int32Array
    """For each row asked for its number among all rows; null where there is none."""

    def rows(self, start: int, length: int) -> pa.Table:
        """A stretch of the rows asked for; nulls where there is none."""
        numbers = self.numbers.slice(start, length)
        known = numbers.drop_null().to_numpy()
        needed = np.unique(np.searchsorted(self.ends, known, side="right"))
        rows = self.shelf.read_files([self.parts[i] for i in needed], self.schema)
        first = np.concatenate([[0], self.ends])
        lie = np.concatenate([np.arange(first[i], first[i + 1]) for i in needed] or [first[:0]])
        return rows.combine_chunks().take(pc.index_in(numbers, value_set=pa.array(lie, pa.int32())))


def locate(shelf: Shelf, key: str, keys: pa.ChunkedArray, schema: pa.Schema) -> Located:
    """Where the rows of some keys lie."""
    index = shelf.index(key)
    parts = index["part"].combine_chunks()
    ends = np.cumsum(np.bincount(parts.indices, minlength=len(parts.dictionary)))
    numbers = places(keys, index[key])
    return Located(shelf, schema, tuple(parts.dictionary.to_pylist()), ends, numbers)


def read_done_file(path: Place, schema: pa.Schema) -> pa.Table:
    """The rows of one done file; null for losses where it does not speak of them."""
    if "losses" not in schema.names or "losses" in pq.read_schema(readable(path)).names:
        return read_parquet(path, schema)
    done = read_parquet(path, DONE)
    return done.append_column(schema.field("losses"), pa.nulls(done.num_rows, pa.list_(LOSS)))


def batch_name(ids: Iterable[str]) -> str:
    """The name of a part: a hash of the inputs it was made from."""
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()[:12]


def last_word(done: pa.Table) -> pa.Table:
    """Of several rows for one id, the last; but no failure speaks against a success."""
    if pc.count_distinct(done["id"]).as_py() == done.num_rows:
        return done
    succeeded = done.filter(pc.not_equal(done["status"], FAILED))["id"].combine_chunks()
    overruled = pc.and_(pc.equal(done["status"], FAILED), pc.is_in(done["id"], value_set=succeeded))
    done = done.filter(pc.invert(overruled))
    numbered = done.append_column("row", pa.array(range(done.num_rows), pa.int64()))
    last = numbered.group_by("id").aggregate([("row", "max")])["row_max"].sort()
    return done.take(last)


@dataclass(frozen=True)
class Dataset(Generic[P_co]):
    """A folder of tables, on a disk or in object storage."""

    root: P_co

    @property
    def manifest_file(self) -> P_co:
        """Where the manifest lies."""
        return cast("P_co", self.root / "manifest.json")

    def shelf(self, table: Table[Any], fingerprint: str) -> Shelf[P_co]:
        """One table as one fingerprint made it."""
        return Shelf(cast("P_co", self.root / table.name / fingerprint))

    def manifest(self) -> dict[str, dict[str, Any]]:
        """Table name -> stage, fingerprint, version, options, versions, upstream.

        Raises UsageError where the file is not a manifest.
        """
        if not self.manifest_file.exists():
            return {}
        try:
            tables = dict(json.loads(self.manifest_file.read_text("utf-8"))["tables"])
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{self.manifest_file} is not a vidcurate manifest: choose another folder for -d"
            ) from error
        return tables

    def record(self, table: Table[Any], entry: Mapping[str, Any]) -> None:
        """Say in the manifest what the current rows of a table were made by."""
        tables = {**self.manifest(), table.name: dict(entry)}
        text = json.dumps({"vidcurate": 1, "tables": tables}, indent=2, ensure_ascii=False) + "\n"

        def write(partial: Path) -> None:
            partial.write_text(text, "utf-8")

        write_whole(self.manifest_file, write)
