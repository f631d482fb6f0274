"""A data set is a folder of tables that remembers what is done.

D/manifest.json                      table -> what made it
D/<table>/<fingerprint>/part-*.parquet   rows
D/<table>/<fingerprint>/done-*.parquet   one row per input: id, status, reason, seconds
D/<table>/<fingerprint>/files/           files that the rows name

A part is written first, its done file second, each renamed into place when complete. The done
file is the commit: a part without one of the same name is not there. A table that is made anew
as a whole, or whose many parts were put together, has one that names its parts and those that it
replaces.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vidcurate.errors import UsageError
from vidcurate.table import Table, write_parquet, write_whole

OK, DROPPED, FAILED = "ok", "dropped", "failed"
DONE = pa.schema(
    [
        pa.field("id", pa.string(), False),
        pa.field("status", pa.string(), False),
        pa.field("reason", pa.string()),
        pa.field("seconds", pa.float64()),
    ]
)
WHOLE = "done-whole.parquet"
PARTS, REPLACES = b"parts", b"replaces"
# Readers take whole parts: large enough that a million rows are few files, small enough that a
# batch of a few hundred rows is not dear to find.
ROWS_PER_WHOLE_PART = 1 << 16
MANY_PARTS = 256


@dataclass(frozen=True, slots=True)
class Shelf:
    """One table as one fingerprint made it."""

    folder: Path

    @property
    def files(self) -> Path:
        """Where the files lie that the rows name."""
        return self.folder / "files"

    def commits(self) -> dict[str, list[str]]:
        """Names of done files, oldest first, each with its parts' names."""
        if not self.folder.exists():
            return {}
        with os.scandir(self.folder) as entries:
            found = {e.name: e.stat().st_mtime_ns for e in entries if e.name.endswith(".parquet")}
        done = sorted((age, name) for name, age in found.items() if name.startswith("done-"))
        named = {name: [name.replace("done-", "part-", 1)] for _, name in done if name != WHOLE}
        commits = {}
        if WHOLE in found:
            about = pq.read_schema(self.folder / WHOLE).metadata
            commits[WHOLE] = json.loads(about[PARTS])
            # By name and time: a batch that is tried again has its old name, and counts.
            replaced = json.loads(about[REPLACES])
            named = {n: p for n, p in named.items() if replaced.get(n) != found[n]}
        commits |= named
        return {name: [p for p in parts if p in found] for name, parts in commits.items()}

    def parts(self) -> list[str]:
        """Names of the parts that are committed, oldest first."""
        return [part for parts in self.commits().values() for part in parts]

    def done(self) -> pa.Table:
        """One row per input; where one was tried again, the last word."""
        return last_word(self.read_files(list(self.commits()), DONE))

    def read(self, columns: Sequence[str] | None, schema: pa.Schema) -> pa.Table:
        """All rows, or only some columns of them."""
        wanted = schema if columns is None else pa.schema([schema.field(c) for c in columns])
        return self.read_files(self.parts(), wanted)

    def read_files(self, names: Sequence[str], schema: pa.Schema) -> pa.Table:
        """The columns of a schema from several files, in their order."""
        paths = [str(self.folder / name) for name in names]
        if not paths:
            return schema.empty_table()
        return open_files(paths, schema).to_table()

    def index(self, key: str, columns: Sequence[str] = ()) -> pa.Table:
        """Where each row lies: its key, the columns asked for, and `part`; all are strings."""
        names = dict.fromkeys([key, *columns])
        schema = pa.schema([pa.field(name, pa.string()) for name in names])
        paths = [str(self.folder / part) for part in self.parts()]
        if not paths:
            return schema.append(pa.field("part", pa.string())).empty_table()
        found = open_files(paths, schema).to_table(columns=[*names, "__filename"])
        part = pc.replace_substring(found["__filename"], f"{self.folder}/", "")
        return found.drop_columns("__filename").append_column("part", part)

    def committed_since(self, name: str, time_ns: int) -> bool:
        """Whether a batch of this name was committed after a time (nanoseconds of the epoch)."""
        done = self.folder / f"done-{name}.parquet"
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
        """The whole table anew, in one step; what was there before goes."""
        earlier = [self.folder / name for name in self.commits() if name != WHOLE]
        before = {path.name: path.stat().st_mtime_ns for path in earlier}
        parts = [f"part-{uuid4().hex[:12]}.parquet" for _ in row_ranges(rows)]
        for part, start in zip(parts, row_ranges(rows), strict=True):
            write_parquet(self.folder / part, rows.slice(start, ROWS_PER_WHOLE_PART))
        about = {PARTS: json.dumps(parts), REPLACES: json.dumps(before)}
        write_parquet(self.folder / WHOLE, done.replace_schema_metadata(about))
        for old in self.folder.glob("*.parquet"):
            if old.name not in (WHOLE, *parts):
                old.unlink()

    def compact(self, schema: pa.Schema) -> None:
        """Put many small parts together, so that reading a table takes few files."""
        if len(self.commits()) > MANY_PARTS:
            self.replace(self.read(None, schema), self.done())


def open_files(paths: Sequence[str], schema: pa.Schema) -> Any:
    """Parquet files as one `pyarrow.dataset.Dataset`, in their order."""
    # It imports pandas where that is installed, which would slow every command down.
    from pyarrow import dataset  # noqa: PLC0415

    return dataset.dataset(paths, schema=schema, format="parquet")


def row_ranges(rows: pa.Table) -> range:
    """Where each part of a whole table starts."""
    return range(0, rows.num_rows, ROWS_PER_WHOLE_PART)


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
class Dataset:
    """A folder of tables."""

    root: Path

    @property
    def manifest_file(self) -> Path:
        """Where the manifest lies."""
        return self.root / "manifest.json"

    def shelf(self, table: Table[Any], fingerprint: str) -> Shelf:
        """One table as one fingerprint made it."""
        return Shelf(self.root / table.name / fingerprint)

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
