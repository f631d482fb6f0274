"""A data set is a folder of tables that remembers what is done.

D/manifest.json                      the data set's id; table -> what made it
D/<table>/<fingerprint>/part-*.parquet    rows
D/<table>/<fingerprint>/done-*.parquet    one row per input: see WORDS
D/<table>/<fingerprint>/whole-*.parquet   the same of a table that was put together
D/<table>/<fingerprint>/files/            files that the rows name

A part is written first, its done file second, each renamed into place when complete. The done
file is the commit: a part without one of the same name is not there. A table that is made anew
as a whole, or whose many parts were put together, has a whole file that names its parts and the
commits that it replaces. `made_by` names one of the sets of library versions that the file holds.

The order of commits is the number in their names, so that a copy with other times is the same
data set. A file is never written again under its name: a listing is one state of the table, and
who lists, reads, and finds a file gone lists again.
"""

import hashlib
import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Generic, NamedTuple, cast
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from typing_extensions import TypeVar  # with defaults, as typing has it from 3.13

from vidcurate.errors import BusyError, UsageError
from vidcurate.store.storage import Location, each, gone_while_read, is_gone, names_of
from vidcurate.store.table import (
    LATER,
    Table,
    in_pieces,
    positions,
    read_parquet,
    readable,
    write_parquet,
    write_whole,
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
MADE_BY = "made_by"
DONE_AND_LOST = DONE.append(pa.field("losses", pa.list_(LOSS), metadata=LATER))
WORDS = DONE_AND_LOST.append(pa.field(MADE_BY, pa.string(), metadata=LATER))
# A table's files: what kind, which number, and whether a commit has no rows. Those without a
# number are of the first release, and came before all others.
FILE = re.compile(r"(part|done|whole)-(?:(\d+)-)?\w+?(-none)?\.parquet")
FIRST_WHOLE = "done-whole.parquet"  # of the first release
PARTS, REPLACES, VERSIONS = b"parts", b"replaces", b"versions"
# Readers take whole parts: large enough that a million rows are few files, small enough that a
# batch of a few hundred rows is not dear to find.
ROWS_PER_WHOLE_PART = 1 << 16
MANY_PARTS = 256
WRITERS = 2  # parts of a whole table that are compressed at once
# A reader without a lock looks again where a writer removed a file: at once, then ever later.
LOOKS, FIRST_PAUSE_S = 8, 0.01

# Two lanes of a run write one manifest.
MANIFEST = threading.Lock()

Read = TypeVar("Read")


class Commit(NamedTuple):
    """A done file or a whole file, in the order of its number; the first release had none."""

    number: int
    name: str
    is_whole: bool
    is_empty: bool

    @property
    def part(self) -> str:
        """The part that a done file is the word of."""
        return self.name.replace("done-", "part-", 1)


def commit_of(name: str) -> Commit | None:
    """The commit that a file is; None where it is none."""
    match = FILE.fullmatch(name)
    if match is None or match[1] == "part":
        return None
    is_whole = match[1] == "whole" or name == FIRST_WHOLE
    return Commit(number_in(name), name, is_whole, bool(match[3]))


def number_in(name: str) -> int:
    """The number in a file's name; -1 where there is none."""
    match = FILE.fullmatch(name)
    return int(match[2]) if match and match[2] else -1


@dataclass(frozen=True, slots=True)
class Shelf(Generic[P_co]):
    """One table as one fingerprint made it."""

    folder: P_co

    @property
    def files(self) -> P_co:
        """Where the files lie that the rows name."""
        return cast("P_co", self.folder / "files")

    def listing(self) -> list[str]:
        """The names of the Parquet files that lie here, in order; no two states have the same."""
        return sorted(name for name in names_of(self.folder) if name.endswith(".parquet"))

    def next_number(self) -> int:
        """A number past that of every commit that is here."""
        return 1 + max((number_in(name) for name in self.listing()), default=-1)

    def commits_now(self) -> dict[str, list[str]]:
        """Names of done files, in their order, each with its parts' names.

        Raises FileNotFoundError where a writer removes what was just listed.
        """
        found = self.listing()
        commits = sorted(filter(None, map(commit_of, found)))
        whole = max((c for c in commits if c.is_whole), default=None)
        named, replaced = {}, set()
        if whole is not None:
            about = self.about(whole.name)
            named[whole.name], replaced = json.loads(about[PARTS]), {*json.loads(about[REPLACES])}
        for commit in commits:
            if not commit.is_whole and commit.name not in replaced:
                # In the first release only the listing tells whether a commit has rows.
                is_empty = commit.is_empty or (commit.number < 0 and commit.part not in found)
                named[commit.name] = [] if is_empty else [commit.part]
        return named

    def about(self, name: str) -> Mapping[bytes, bytes]:
        """What a file says of itself."""
        with gone_while_read(self.folder / name):
            return pq.read_schema(readable(self.folder / name)).metadata or {}

    def steadily(self, read: Callable[[dict[str, list[str]]], Read]) -> Read:
        """What is read of the commits of one moment, whoever puts the table together meanwhile.

        Raises BusyError where files go again and again, and UsageError where one is missing.
        """
        commits: dict[str, list[str]] | None = None
        gone: BaseException | None = None
        for look in range(LOOKS):
            if look:
                time.sleep(FIRST_PAUSE_S * 2 ** (look - 1))
            before = commits
            try:
                commits = self.commits_now()
                return read(commits)
            except OSError as error:
                if not is_gone(error):
                    raise
                gone = error
        if commits == before:
            raise UsageError(
                f"{self.folder} lacks a file that its commits name ({gone}): "
                "copy the data set again, whole"
            ) from gone
        raise BusyError(
            f"{self.folder} is written faster than it is read: try again when the other command "
            "has ended"
        ) from gone

    def commits(self) -> dict[str, list[str]]:
        """Names of done files, oldest first, each with its parts' names."""
        return self.steadily(lambda commits: commits)

    def parts(self) -> list[str]:
        """Names of the parts that are committed, oldest first."""
        return parts_of(self.commits())

    def done(self, schema: pa.Schema = DONE) -> pa.Table:
        """One row per input; where one was tried again, the last word.

        With `DONE_AND_LOST` also what of it is in no row.
        """
        return self.steadily(lambda commits: self.done_at(commits, schema))

    def made_by(self) -> pa.Table:
        """For each input, as in `done`, also by which of `versions` it was done."""
        return self.steadily(lambda commits: self.done_at(commits, WORDS))

    def versions(self) -> dict[str, dict[str, str]]:
        """The sets of library versions that made rows, by the name that `made_by` gives.

        The last is that of the last commit.
        """
        return self.steadily(self.versions_at)

    def versions_at(self, commits: Iterable[str]) -> dict[str, dict[str, str]]:
        """The sets of library versions of some commits."""
        found: dict[str, dict[str, str]] = {}
        for about in each(self.about, commits, self.folder):
            for name, versions in json.loads(about.get(VERSIONS, b"{}")).items():
                found.pop(name, None)
                found[name] = versions
        return found

    def done_at(self, commits: Iterable[str], schema: pa.Schema = DONE) -> pa.Table:
        """One row per input, by these commits."""
        first = self.read_files([name for name in commits if is_whole(name)], schema)
        later = self.read_files([name for name in commits if not is_whole(name)], schema)
        # Of a whole table each row is a last word already: only those spoken of again matter.
        again = pc.is_in(first["id"], value_set=later["id"].combine_chunks())
        later = last_word(pa.concat_tables([first.filter(again), later]))
        return pa.concat_tables([first.filter(pc.invert(again)), later])

    def read(self, columns: Sequence[str] | None, schema: pa.Schema) -> pa.Table:
        """All rows, or only some columns of them."""
        wanted = schema if columns is None else pa.schema([schema.field(c) for c in columns])
        return self.steadily(lambda commits: self.read_files(parts_of(commits), wanted))

    def read_files(self, names: Sequence[str], schema: pa.Schema) -> pa.Table:
        """The columns of a schema from several files, in their order."""
        tables = each(lambda name: read_parquet(self.folder / name, schema), names, self.folder)
        return pa.concat_tables(tables) if tables else schema.empty_table()

    def index(self, key: str, columns: Sequence[str] = ()) -> pa.Table:
        """Where each row lies: its key, the columns asked for, and `part`; all are strings."""
        schema = pa.schema([pa.field(name, pa.string()) for name in dict.fromkeys([key, *columns])])

        def read(commits: dict[str, list[str]]) -> pa.Table:
            parts = parts_of(commits)
            tables = each(lambda part: read_parquet(self.folder / part, schema), parts, self.folder)
            numbers = np.repeat(np.arange(len(parts), dtype=np.int32), [t.num_rows for t in tables])
            part = pa.DictionaryArray.from_arrays(numbers, pa.array(parts, pa.string()))
            return pa.concat_tables([schema.empty_table(), *tables]).append_column("part", part)

        return self.steadily(read)

    def done_of(self, name: str) -> pa.Table | None:
        """What a commit says of its inputs; None where it is not there."""
        for done in (f"done-{name}.parquet", f"done-{name}-none.parquet"):
            if (self.folder / done).exists():
                return self.read_files([done], DONE)
        return None

    def commit(self, name: str, rows: pa.Table | None, done: pa.Table) -> None:
        """Rows, then the word that they are there."""
        is_empty = rows is None or rows.num_rows == 0
        if not is_empty:
            write_parquet(self.folder / f"part-{name}.parquet", rows)
        done_file = f"done-{name}-none.parquet" if is_empty else f"done-{name}.parquet"
        write_parquet(self.folder / done_file, signed(done))

    def replace(self, rows: pa.Table, done: pa.Table) -> None:
        """The whole table anew, in one step; what was there before goes.

        Where these very rows are there already no file changes, and counts of them stay known.
        """
        is_one = [is_whole(name) for name in self.commits()] == [True]
        if not (is_one and self.done().equals(done) and self.read(None, rows.schema).equals(rows)):
            self.put_whole([], [rows], signed(done))

    def take_back(self, keys: pa.Array, key: str, schema: pa.Schema) -> None:
        """Remove the rows that some inputs gave, and what was said of these, in one step.

        `key` is the rows' column that names the input.
        """
        rows, done = self.read(None, schema), self.made_by()
        kept = rows.filter(pc.invert(pc.is_in(rows[key], value_set=keys)))
        words = done.filter(pc.invert(pc.is_in(done["id"], value_set=keys)))
        self.put_whole([], [kept], with_versions(words, self.versions()))

    def compact(self, schema: pa.Schema) -> None:
        """Put many small parts together, so that reading a table takes few files.

        Nobody else may write to the table meanwhile.
        """
        commits = self.commits()
        if len(commits) > MANY_PARTS:
            whole = next((parts for name, parts in commits.items() if is_whole(name)), [])
            full, small = whole[:-1], parts_of(commits)[max(len(whole) - 1, 0) :]
            tables = (read_parquet(self.folder / name, schema) for name in small)
            words = with_versions(self.made_by(), self.versions())
            self.put_whole(full, chain([schema.empty_table()], tables), words)

    def put_whole(self, kept: Sequence[str], tables: Iterable[pa.Table], words: pa.Table) -> None:
        """Make the table of some of its parts, and rows, in one step; all other parts go.

        `words` are `signed`, or those of its commits.
        """
        # Also those replaced before, that a kill left here: they must not count again.
        before = self.listing()
        number = self.next_number()
        parts = list(kept)
        being_written: deque[Future[None]] = deque()
        with ThreadPoolExecutor(WRITERS) as threads:
            for rows in in_pieces(tables, ROWS_PER_WHOLE_PART):
                if rows.num_rows:
                    parts.append(f"part-{number:08d}-{uuid4().hex[:12]}.parquet")
                    being_written.append(
                        threads.submit(write_parquet, self.folder / parts[-1], rows)
                    )
                if len(being_written) > WRITERS:  # no more pieces are held than that
                    being_written.popleft().result()
            for part in being_written:
                part.result()
        replaced = [name for name in before if commit_of(name)]
        about = {PARTS: json.dumps(parts), REPLACES: json.dumps(replaced), **words.schema.metadata}
        whole = f"whole-{number:08d}-{uuid4().hex[:12]}.parquet"
        write_parquet(self.folder / whole, words.replace_schema_metadata(about))
        self.remove({*self.listing()} - {whole, *parts})

    def uncommitted(self) -> list[str]:
        """Our files that no commit names, as a kill leaves them; nobody may write meanwhile."""
        commits = self.commits()
        others = {*self.listing()} - {*commits, *parts_of(commits)}
        return sorted(name for name in others if number_in(name) >= 0)

    def remove(self, names: Iterable[str]) -> None:
        """Remove files that no commit names any more."""
        each(lambda name: (self.folder / name).unlink(missing_ok=True), names, self.folder)


def signed(done: pa.Table) -> pa.Table:
    """What became of inputs, with the library versions of this process as what made them so."""
    versions = library_versions()
    name = hashlib.sha256(json.dumps(versions, sort_keys=True).encode()).hexdigest()[:8]
    made_by = pa.repeat(pa.scalar(name), done.num_rows)
    return with_versions(done.append_column(MADE_BY, made_by), {name: versions})


def with_versions(words: pa.Table, versions: Mapping[str, Mapping[str, str]]) -> pa.Table:
    """Words with the sets of library versions that they name."""
    return words.replace_schema_metadata({VERSIONS: json.dumps(versions)})


def is_whole(name: str) -> bool:
    """Whether a commit is of a table that was put together."""
    commit = commit_of(name)
    return commit is not None and commit.is_whole


def parts_of(commits: Mapping[str, Sequence[str]]) -> list[str]:
    """The parts of commits, in their order."""
    return [part for parts in commits.values() for part in parts]


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
        known = np.unique(numbers.drop_null().to_numpy())
        number_of = np.searchsorted(self.ends, known, side="right")
        first = np.concatenate([[0], self.ends])
        wanted = {self.parts[i]: known[number_of == i] - first[i] for i in np.unique(number_of)}

        def read(part: str) -> pa.Table:
            # Only these are put together: text of whole parts may be more than Arrow's 2 GB.
            return read_parquet(self.shelf.folder / part, self.schema).take(pa.array(wanted[part]))

        tables = each(read, wanted, self.shelf.folder)
        rows = pa.concat_tables([self.schema.empty_table(), *tables]).combine_chunks()
        return rows.take(pc.index_in(numbers, value_set=pa.array(known, pa.int32())))


def locate(shelf: Shelf, key: str, keys: pa.ChunkedArray, schema: pa.Schema) -> Located:
    """Where the rows of some keys lie."""
    index = shelf.index(key)
    parts = index["part"].combine_chunks()
    ends = np.cumsum(np.bincount(parts.indices, minlength=len(parts.dictionary)))
    numbers = positions(keys, index[key])
    return Located(shelf, schema, tuple(parts.dictionary.to_pylist()), ends, numbers)


def commit_name(number: int, ids: Iterable[str]) -> str:
    """The name of a commit: its place in the order, and a hash of the inputs it was made from.

    The same batch that two runs hand out in one state of the table is there once.
    """
    content = hashlib.sha256("\n".join(ids).encode()).hexdigest()[:12]
    return f"{number:08d}-{content}"


def last_word(done: pa.Table) -> pa.Table:
    """Of several rows for one id, the last; but no failure speaks against a success."""
    if pc.count_distinct(done["id"]).as_py() == done.num_rows:
        return done
    succeeded = done.filter(pc.not_equal(done["status"], FAILED))["id"].combine_chunks()
    overruled = pc.and_(pc.equal(done["status"], FAILED), pc.is_in(done["id"], value_set=succeeded))
    done = done.filter(pc.invert(overruled))
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
        """Where the manifest lies."""
        return cast("P_co", self.root / "manifest.json")

    def shelf(self, table: Table[Any], fingerprint: str) -> Shelf[P_co]:
        """One table as one fingerprint made it."""
        return Shelf(cast("P_co", self.root / table.name / fingerprint))

    @property
    def id(self) -> str | None:
        """Hex digits that no other data set has, made with the manifest; None before.

        Raises UsageError where the file is not a manifest.
        """
        found = self.read_manifest().get("dataset")
        return None if found is None else str(found)

    def own_id(self) -> str:
        """The data set's id, made now where an earlier version wrote the manifest without one."""
        with MANIFEST:
            manifest = self.read_manifest()
            if "dataset" not in manifest:
                self.write_manifest(manifest["tables"], uuid4().hex)
        return str(self.id)

    def manifest(self) -> dict[str, dict[str, Any]]:
        """Table name -> stage, fingerprint, version, options, versions, upstream.

        `versions` are the libraries that made the last rows, `earlier_versions` those that made
        others of the same fingerprint.

        Raises UsageError where the file is not a manifest.
        """
        return dict(self.read_manifest()["tables"])

    def read_manifest(self) -> dict[str, Any]:
        """The manifest as it lies on disk; one without tables where there is none.

        Raises UsageError where the file is not a manifest.
        """
        try:
            found = dict(json.loads(self.manifest_file.read_text("utf-8")))
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
        """Say in the manifest what the current rows of a table were made by."""
        with MANIFEST:
            before = self.read_manifest()
            tables = {**before["tables"], table.name: dict(entry)}
            self.write_manifest(tables, before.get("dataset") or uuid4().hex)

    def write_manifest(self, tables: Mapping[str, Any], own_id: str) -> None:
        """Write the manifest anew."""
        manifest = {"vidcurate": 1, "dataset": own_id, "tables": tables}
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        write_whole(self.manifest_file, lambda partial: write_text(partial, text))


def write_text(file: Path, text: str) -> None:
    """A text file."""
    file.write_text(text, "utf-8")
