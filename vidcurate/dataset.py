"""A data set is a folder of tables that remembers what is done.

D/manifest.json                      table -> what made it
D/<table>/<fingerprint>/part-*.parquet   rows
D/<table>/<fingerprint>/done-*.parquet   one row per input: id, status, reason, seconds
D/<table>/<fingerprint>/files/           files that the rows name

A part is written first, its done file second, each renamed into place when complete. The done
file names its part and is the commit: a part without one is not there.
"""

import hashlib
import json
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
WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Shelf:
    """One table as one fingerprint made it."""

    folder: Path

    @property
    def files(self) -> Path:
        """Where the files lie that the rows name."""
        return self.folder / "files"

    def commits(self) -> list[tuple[Path, str]]:
        """Done files, oldest first, each with the name of its part ("" where it has no rows)."""
        found = [(p.stat().st_mtime_ns, p.name, p) for p in self.folder.glob("done-*.parquet")]
        return [(path, part_named_by(path)) for _, _, path in sorted(found)]

    def parts(self) -> list[str]:
        """Names of the parts that are committed, oldest first."""
        return list(dict.fromkeys(part for _, part in self.commits() if part))

    def done(self) -> pa.Table:
        """One row per input; where one was tried again, the last word."""
        tables = [pq.read_table(path, partitioning=None) for path, _ in self.commits()]
        if not tables:
            return DONE.empty_table()
        return last_word(pa.concat_tables(tables).replace_schema_metadata())

    def read(self, columns: Sequence[str] | None, schema: pa.Schema) -> pa.Table:
        """All rows, or only some columns of them."""
        wanted = schema if columns is None else pa.schema([schema.field(c) for c in columns])
        pieces = [self.read_part(part, columns) for part in self.parts()]
        return pa.concat_tables([wanted.empty_table(), *(p.cast(wanted) for p in pieces)])

    def read_part(self, part: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of one part."""
        names = None if columns is None else list(columns)
        table = pq.read_table(self.folder / part, columns=names, partitioning=None)
        return table.replace_schema_metadata()

    def index(self, key: str, columns: Sequence[str] = ()) -> pa.Table:
        """Where each row lies: its key, the columns asked for, and `part`."""
        pieces = []
        for part in self.parts():
            piece = self.read_part(part, list(dict.fromkeys([key, *columns])))
            pieces.append(piece.append_column("part", pa.repeat(part, piece.num_rows)))
        if pieces:
            return pa.concat_tables(pieces)
        fields = [pa.field(c, pa.string()) for c in dict.fromkeys([key, *columns, "part"])]
        return pa.schema(fields).empty_table()

    def commit(self, name: str, rows: pa.Table | None, done: pa.Table) -> None:
        """Rows, then the word that they are there."""
        part = "" if rows is None or rows.num_rows == 0 else f"part-{name}.parquet"
        if part and rows is not None:
            write_parquet(self.folder / part, rows)
        named = done.replace_schema_metadata({"part": part})
        write_parquet(self.folder / f"done-{name}.parquet", named)

    def replace(self, rows: pa.Table, done: pa.Table) -> None:
        """The whole table anew, in one step; what was there before goes."""
        part = f"part-{uuid4().hex[:12]}.parquet"
        write_parquet(self.folder / part, rows)
        write_parquet(
            self.folder / f"done-{WHOLE}.parquet", done.replace_schema_metadata({"part": part})
        )
        for old in self.folder.glob("part-*.parquet"):
            if old.name != part:
                old.unlink()


def part_named_by(done_file: Path) -> str:
    """The part that a done file commits."""
    metadata = pq.read_schema(done_file).metadata or {}
    return str(metadata.get(b"part", b""), "utf-8")


def batch_name(ids: Iterable[str]) -> str:
    """The name of a part: a hash of the inputs it was made from."""
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()[:12]


def last_word(done: pa.Table) -> pa.Table:
    """Of several rows for one id, the last."""
    if pc.count_distinct(done["id"]).as_py() == done.num_rows:
        return done
    numbered = done.append_column("row", pa.array(range(done.num_rows), pa.int64()))
    last = numbered.group_by("id").aggregate([("row", "max")])
    return done.take(last["row_max"].sort())


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
            tables = json.loads(self.manifest_file.read_text("utf-8"))["tables"]
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{self.manifest_file} is not a vidcurate manifest: choose another folder for -d"
            ) from error
        return dict(tables)

    def record(self, table: Table[Any], entry: Mapping[str, Any]) -> None:
        """Say in the manifest what the current rows of a table were made by."""
        tables = {**self.manifest(), table.name: dict(entry)}
        text = json.dumps({"vidcurate": 1, "tables": tables}, indent=2, ensure_ascii=False) + "\n"

        def write(partial: Path) -> None:
            partial.write_text(text, "utf-8")

        write_whole(self.manifest_file, write)
