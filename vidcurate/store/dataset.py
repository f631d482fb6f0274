"""A data set is a folder of tables that remembers what is done.

D/manifest.json                      the data set's id; table -> what made it
D/<table>/<fingerprint>/part-*.parquet       rows
D/<table>/<fingerprint>/done-*.parquet       one row per input: DONE_WITH_VERSIONS
D/<table>/<fingerprint>/snapshot-*.parquet   the done rows of a whole table
D/<table>/<fingerprint>/files/               files that the rows name

A part is written first, its done file second, each renamed into place when complete. The done
file is the commit: a part without a done file of the same name does not count. A table that is
replaced as a whole, or whose many parts were compacted, has a snapshot that names its parts and
the commits that it replaces. `versions_id` names one of the sets of library versions that the
file's metadata holds.

The number in the commits' names gives their order, so that a copy with other file times is the
same data set. No file is written twice under one name: a listing is one state of the table, and a
reader that finds a listed file gone lists again.
"""

import hashlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any, Generic, cast
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from typing_extensions import TypeVar  # with defaults, as typing has it from 3.13

from vidcurate.errors import BusyError, UsageError
from vidcurate.store.atomic import write_text
from vidcurate.store.commits import commit_of, is_snapshot, number_in, parts_of
from vidcurate.store.markers import LAYOUT, refuse_other_layout
from vidcurate.store.storage import Location, gone_while_read, is_gone, list_names, map_names
from vidcurate.store.table import (
    ADDED_LATER,
    Table,
    arrow_source,
    positions,
    read_parquet,
    rechunk,
    write_parquet,
)
from vidcurate.store.versions import library_versions

P_co = TypeVar("P_co", bound=Location, default=Location, covariant=True)
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
VERSIONS_ID = "versions_id"
DONE_WITH_LOSSES = DONE.append(pa.field("losses", pa.list_(LOSS), metadata=ADDED_LATER))
DONE_WITH_VERSIONS = DONE_WITH_LOSSES.append(
    pa.field(VERSIONS_ID, pa.string(), metadata=ADDED_LATER)
)
# Keys of a done file's metadata.
PARTS, REPLACES, VERSIONS = b"parts", b"replaces", b"versions"
# Readers take whole parts: a million rows shall be few files, and a batch cheap to find.
ROWS_PER_COMPACT_PART = 1 << 16
MANY_PARTS = 256
WRITERS = 2  # parts that are compressed at once
# A reader without a lock reads again where a writer removed a file: at once, then ever later.
MAX_READS, FIRST_PAUSE_S = 8, 0.01

# Two threads of a run write one manifest.
MANIFEST_LOCK = threading.Lock()

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class StoredTable(Generic[P_co]):
    """One table as one fingerprint made it."""

    folder: P_co

    @property
    def files(self) -> P_co:
        """The folder of the files that the rows name."""
        return cast("P_co", self.folder / "files")

    def listing(self) -> list[str]:
        """The names of the Parquet files, in order; no two states have the same."""
        return sorted(name for name in list_names(self.folder) if name.endswith(".parquet"))

    def next_number(self) -> int:
        """A number above that of every file."""
        return 1 + max((number_in(name) for name in self.listing()), default=-1)

    def list_commits(self) -> dict[str, list[str]]:
        """Names of commits, in their order, each with its parts' names.

        Raises FileNotFoundError where a writer removes a file that was just listed.
        """
        commits = sorted(filter(None, map(commit_of, self.listing())))
        snapshot = max((c for c in commits if c.is_snapshot), default=None)
        named, replaced = {}, set()
        if snapshot is not None:
            found = self.metadata(snapshot.name)
            named[snapshot.name] = json.loads(found[PARTS])
            replaced = {*json.loads(found[REPLACES])}
        for commit in commits:
            if not commit.is_snapshot and commit.name not in replaced:
                named[commit.name] = [] if commit.is_empty else [commit.part]
        return named

    def metadata(self, name: str) -> Mapping[bytes, bytes]:
        """The metadata of a file."""
        with gone_while_read(self.folder / name):
            return pq.read_schema(arrow_source(self.folder / name)).metadata or {}

    def read_consistently(self, read: Callable[[dict[str, list[str]]], Read]) -> Read:
        """Read the commits of one moment, even while a writer compacts the table.

        Raises BusyError where files go again and again, and UsageError where one is missing.
        """
        commits: dict[str, list[str]] | None = None
        gone: BaseException | None = None
        for attempt in range(MAX_READS):
            if attempt:
                time.sleep(FIRST_PAUSE_S * 2 ** (attempt - 1))
            before = commits
            try:
                commits = self.list_commits()
                return read(commits)
            except OSError as error:
                if not is_gone(error):
                    raise
                gone = error
        if commits == before:
            raise UsageError(
                f"{self.folder} lacks a file that its commits name ({gone}): "
                "copy the whole data set again"
            ) from gone
        raise BusyError(
            f"{self.folder} changes faster than it can be read: try again when the other command "
            "has ended"
        ) from gone

    def commits(self) -> dict[str, list[str]]:
        """Names of commits, oldest first, each with its parts' names."""
        return self.read_consistently(lambda commits: commits)

    def parts(self) -> list[str]:
        """Names of the committed parts, oldest first."""
        return parts_of(self.commits())

    def done(self, schema: pa.Schema = DONE) -> pa.Table:
        """One row per input, the latest where it was tried again.

        With `DONE_WITH_LOSSES` also what of the input is in no row.
        """
        return self.read_consistently(lambda commits: self.done_at(commits, schema))

    def done_with_versions(self) -> pa.Table:
        """The rows of `done`, with the losses and with the id of the `versions` that made them."""
        return self.read_consistently(lambda commits: self.done_at(commits, DONE_WITH_VERSIONS))

    def versions(self) -> dict[str, dict[str, str]]:
        """The sets of library versions that made rows, by their ids, the latest commit's last."""
        return self.read_consistently(self.versions_at)

    def versions_at(self, commits: Iterable[str]) -> dict[str, dict[str, str]]:
        """The sets of library versions of some commits."""
        found: dict[str, dict[str, str]] = {}
        for metadata in map_names(self.metadata, commits, self.folder):
            for name, versions in json.loads(metadata.get(VERSIONS, b"{}")).items():
                found.pop(name, None)
                found[name] = versions
        return found

    def done_at(self, commits: Iterable[str], schema: pa.Schema = DONE) -> pa.Table:
        """One row per input, by some commits."""
        first = self.read_files([name for name in commits if is_snapshot(name)], schema)
        later = self.read_files([name for name in commits if not is_snapshot(name)], schema)
        # A snapshot has one row per input: only inputs with later rows need to be compared.
        again = pc.is_in(first["id"], value_set=later["id"].combine_chunks())
        later = latest_outcomes(pa.concat_tables([first.filter(again), later]))
        return pa.concat_tables([first.filter(pc.invert(again)), later])

    def read(self, columns: Sequence[str] | None, schema: pa.Schema) -> pa.Table:
        """All rows, or some of their columns."""
        wanted = schema if columns is None else pa.schema([schema.field(c) for c in columns])
        return self.read_consistently(lambda commits: self.read_files(parts_of(commits), wanted))

    def read_files(self, names: Sequence[str], schema: pa.Schema) -> pa.Table:
        """The columns of a schema from several files, in their order."""
        tables = map_names(
            lambda name: read_parquet(self.folder / name, schema), names, self.folder
        )
        return pa.concat_tables(tables) if tables else schema.empty_table()

    def index(self, key: str, columns: Sequence[str] = ()) -> pa.Table:
        """Each row's key, the columns asked for, and its `part`; all are strings."""
        schema = pa.schema([pa.field(name, pa.string()) for name in dict.fromkeys([key, *columns])])

        def read(commits: dict[str, list[str]]) -> pa.Table:
            parts = parts_of(commits)
            tables = map_names(
                lambda part: read_parquet(self.folder / part, schema), parts, self.folder
            )
            numbers = np.repeat(np.arange(len(parts), dtype=np.int32), [t.num_rows for t in tables])
            part = pa.DictionaryArray.from_arrays(numbers, pa.array(parts, pa.string()))
            return pa.concat_tables([schema.empty_table(), *tables]).append_column("part", part)

        return self.read_consistently(read)

    def done_of(self, name: str) -> pa.Table | None:
        """The done rows of a commit; None where it is not there."""
        for done in (f"done-{name}.parquet", f"done-{name}-none.parquet"):
            if (self.folder / done).exists():
                return self.read_files([done], DONE)
        return None

    def commit(self, name: str, rows: pa.Table | None, done: pa.Table) -> None:
        """Write rows, then the done file that commits them."""
        is_empty = rows is None or rows.num_rows == 0
        if not is_empty:
            write_parquet(self.folder / f"part-{name}.parquet", rows)
        done_file = f"done-{name}-none.parquet" if is_empty else f"done-{name}.parquet"
        write_parquet(self.folder / done_file, with_library_versions(done))

    def replace(self, rows: pa.Table, done: pa.Table) -> None:
        """Replace the whole table in one step.

        Where the table holds exactly these rows already, no file changes, and counts stay known.
        """
        is_one = [is_snapshot(name) for name in self.commits()] == [True]
        if not (is_one and self.done().equals(done) and self.read(None, rows.schema).equals(rows)):
            self.rewrite([], [rows], with_library_versions(done))

    def remove_inputs(self, keys: pa.Array, key: str, schema: pa.Schema) -> None:
        """Remove some inputs' rows and done rows in one step.

        `key` is the rows' column that names the input.
        """
        rows, done = self.read(None, schema), self.done_with_versions()
        kept = rows.filter(pc.invert(pc.is_in(rows[key], value_set=keys)))
        done = done.filter(pc.invert(pc.is_in(done["id"], value_set=keys)))
        self.rewrite([], [kept], with_versions(done, self.versions()))

    def compact(self, schema: pa.Schema) -> None:
        """Put many small parts together, so that a reader opens few files.

        No other process may write to the table meanwhile.
        """
        commits = self.commits()
        if len(commits) > MANY_PARTS:
            large = next((parts for name, parts in commits.items() if is_snapshot(name)), [])
            full, small = large[:-1], parts_of(commits)[max(len(large) - 1, 0) :]
            tables = (read_parquet(self.folder / name, schema) for name in small)
            done = with_versions(self.done_with_versions(), self.versions())
            self.rewrite(full, chain([schema.empty_table()], tables), done)

    def rewrite(self, kept: Sequence[str], tables: Iterable[pa.Table], done: pa.Table) -> None:
        """Make the table of the parts to keep and of new rows in one step; all other parts go.

        `done` has versions: those of this process, or those of its commits.
        """
        # Commits that a killed process left after they were replaced must not count again.
        before = self.listing()
        number = self.next_number()
        parts = list(kept)
        pending: deque[Future[None]] = deque()
        with ThreadPoolExecutor(WRITERS) as threads:
            for rows in rechunk(tables, ROWS_PER_COMPACT_PART):
                if rows.num_rows:
                    parts.append(f"part-{number:08d}-{uuid4().hex[:12]}.parquet")
                    pending.append(threads.submit(write_parquet, self.folder / parts[-1], rows))
                if len(pending) > WRITERS:  # no more pieces are held than that
                    pending.popleft().result()
            for part in pending:
                part.result()
        replaced = [name for name in before if commit_of(name)]
        metadata = {
            PARTS: json.dumps(parts),
            REPLACES: json.dumps(replaced),
            **done.schema.metadata,
        }
        snapshot = f"snapshot-{number:08d}-{uuid4().hex[:12]}.parquet"
        write_parquet(self.folder / snapshot, done.replace_schema_metadata(metadata))
        self.remove({*self.listing()} - {snapshot, *parts})

    def uncommitted(self) -> list[str]:
        """Files that no commit names, as a killed process leaves them; needs the lock."""
        commits = self.commits()
        others = {*self.listing()} - {*commits, *parts_of(commits)}
        return sorted(name for name in others if number_in(name) >= 0)

    def remove(self, names: Iterable[str]) -> None:
        """Remove files."""
        map_names(lambda name: (self.folder / name).unlink(missing_ok=True), names, self.folder)


def with_library_versions(done: pa.Table) -> pa.Table:
    """Done rows with the library versions of this process."""
    versions = library_versions()
    name = hashlib.sha256(json.dumps(versions, sort_keys=True).encode()).hexdigest()[:8]
    versions_id = pa.repeat(pa.scalar(name), done.num_rows)
    return with_versions(done.append_column(VERSIONS_ID, versions_id), {name: versions})


def with_versions(done: pa.Table, versions: Mapping[str, Mapping[str, str]]) -> pa.Table:
    """Done rows with the sets of library versions that they name."""
    return done.replace_schema_metadata({VERSIONS: json.dumps(versions)})


@dataclass(frozen=True)
class LocatedRows:
    """Rows of a table in the order of given keys, read a stretch at a time."""

    stored: StoredTable
    schema: pa.Schema
    parts: tuple[str, ...]
    ends: NDArray[np.int64]
    """The number of rows up to the end of each part."""
    numbers: pa.Int32Array
    """For each key the number of its row among all rows; null where there is none."""

    def rows(self, start: int, length: int) -> pa.Table:
        """The rows of a stretch of the keys; nulls where a key has no row."""
        numbers = self.numbers.slice(start, length)
        known = np.unique(numbers.drop_null().to_numpy())
        number_of = np.searchsorted(self.ends, known, side="right")
        first = np.concatenate([[0], self.ends])
        wanted = {self.parts[i]: known[number_of == i] - first[i] for i in np.unique(number_of)}

        def read(part: str) -> pa.Table:
            # Only these are put together: text of whole parts may be more than Arrow's 2 GB.
            return read_parquet(self.stored.folder / part, self.schema).take(pa.array(wanted[part]))

        tables = map_names(read, wanted, self.stored.folder)
        rows = pa.concat_tables([self.schema.empty_table(), *tables]).combine_chunks()
        return rows.take(pc.index_in(numbers, value_set=pa.array(known, pa.int32())))


def locate(stored: StoredTable, key: str, keys: pa.ChunkedArray, schema: pa.Schema) -> LocatedRows:
    """Find the rows of some keys."""
    index = stored.index(key)
    parts = index["part"].combine_chunks()
    ends = np.cumsum(np.bincount(parts.indices, minlength=len(parts.dictionary)))
    numbers = positions(keys, index[key])
    return LocatedRows(stored, schema, tuple(parts.dictionary.to_pylist()), ends, numbers)


def latest_outcomes(done: pa.Table) -> pa.Table:
    """For each id the last of its rows; a failure after a success does not count."""
    if pc.count_distinct(done["id"]).as_py() == done.num_rows:
        return done
    succeeded = done.filter(pc.not_equal(done["status"], FAILED))["id"].combine_chunks()
    outdated = pc.and_(pc.equal(done["status"], FAILED), pc.is_in(done["id"], value_set=succeeded))
    done = done.filter(pc.invert(outdated))
    numbered = done.append_column("row", pa.array(range(done.num_rows), pa.int64()))
    last = numbered.group_by("id").aggregate([("row", "max")])["row_max"]
    is_last = np.zeros(done.num_rows, bool)
    is_last[last.to_numpy()] = True
    return done.filter(pa.array(is_last))


@dataclass(frozen=True)
class Dataset(Generic[P_co]):
    """A folder of tables, on a disk or in object storage."""

    root: P_co

    @property
    def manifest_file(self) -> P_co:
        """The path of the manifest."""
        return cast("P_co", self.root / "manifest.json")

    def stored(self, table: Table[Any], fingerprint: str) -> StoredTable[P_co]:
        """One table as one fingerprint made it."""
        return StoredTable(cast("P_co", self.root / (table.folder or table.name) / fingerprint))

    @property
    def id(self) -> str | None:
        """Hex digits that no other data set has; None where there is no manifest yet.

        Raises UsageError where the file is not a manifest.
        """
        found = self.read_manifest().get("dataset")
        return None if found is None else str(found)

    def own_id(self) -> str:
        """The data set's id; made now, with the manifest, where there is none."""
        with MANIFEST_LOCK:
            manifest = self.read_manifest()
            if "dataset" not in manifest:
                self.write_manifest(manifest["tables"], uuid4().hex)
        return str(self.id)

    def manifest(self) -> dict[str, dict[str, Any]]:
        """Table name -> stage, fingerprint, version, options, versions, upstream.

        `versions` are the libraries that made the latest rows, `earlier_versions` those that made
        other rows of the same fingerprint.

        Raises UsageError where the file is not a manifest.
        """
        return dict(self.read_manifest()["tables"])

    def read_manifest(self) -> dict[str, Any]:
        """Read the manifest; one without tables where there is none.

        Raises UsageError where the file is not a manifest, or one of another layout.
        """
        try:
            found = dict(json.loads(self.manifest_file.read_text("utf-8")))
            refuse_other_layout(found["vidcurate"], self.root)
            found["tables"] = dict(found["tables"])
        except FileNotFoundError:
            return {"tables": {}}
        except NotADirectoryError as error:
            raise UsageError(f"{self.root} is a file, or in one: name a folder for -d") from error
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{self.manifest_file} is not a vidcurate manifest: choose another folder for -d"
            ) from error
        return found

    def record(self, table: Table[Any], entry: Mapping[str, Any]) -> None:
        """Record in the manifest what made the current rows of a table."""
        with MANIFEST_LOCK:
            before = self.read_manifest()
            tables = {**before["tables"], table.name: dict(entry)}
            self.write_manifest(tables, before.get("dataset") or uuid4().hex)

    def forget(self, table: Table[Any]) -> None:
        """Take a table out of the manifest; its rows stay where they are."""
        with MANIFEST_LOCK:
            before = self.read_manifest()
            tables = {name: e for name, e in before["tables"].items() if name != table.name}
            self.write_manifest(tables, before.get("dataset") or uuid4().hex)

    def write_manifest(self, tables: Mapping[str, Any], own_id: str) -> None:
        """Write the manifest."""
        manifest = {"vidcurate": LAYOUT, "dataset": own_id, "tables": tables}
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        write_text(self.manifest_file, text)
