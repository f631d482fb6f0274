"""What tables hold of one clip, found without reading whole tables, and what made it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.analysis.view import present_plan, present_scope
from vidcurate.errors import UsageError
from vidcurate.options import given_options
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.pipeline.scope import Scope
from vidcurate.records import CLIPS, SOURCES
from vidcurate.store.dataset import (
    DONE_WITH_VERSIONS,
    VERSIONS_ID,
    Dataset,
    StoredTable,
    latest_outcomes,
)
from vidcurate.store.storage import map_names
from vidcurate.store.table import Table, read_parquet

R = TypeVar("R")


@dataclass(frozen=True)
class Lineage:
    """What made a clip's row of a table.

    `options` are those that decide the rows. `status` is what became of the stage's input, which is
    the clip, its video or its file; null where the input is not done. `seconds` is the time that it
    took. `libraries` are the versions that worked on it; empty where they were not recorded.
    """

    table: str
    stage: str
    version: int
    fingerprint: str
    options: Mapping[str, Any]
    backend: str | None
    model: str | None
    status: str | None
    reason: str | None
    seconds: float | None
    libraries: Mapping[str, str]


@dataclass(frozen=True)
class OneClip:
    """A clip in a data set's tables; `keys` are its id and those of its video and file."""

    dataset: Dataset
    plan: tuple[ResolvedStage, ...]
    scope: Scope
    keys: Mapping[str, str]
    found: dict[str, pa.Table] = field(default_factory=dict, compare=False)
    """The rows that were read, by table."""

    @cached_property
    def made(self) -> Mapping[str, ResolvedStage]:
        """The stages that the data set has, by the names of their tables."""
        return {resolved.stage.writes.name: resolved for resolved in self.plan}

    def has(self, table: Table[Any]) -> bool:
        """Whether the data set has a table."""
        return table.name in self.made

    def rows(self, table: Table[Any]) -> pa.Table:
        """The rows of a table that belong to the clip: its own, else those of its video."""
        if table.name not in self.made:
            return table.schema.empty_table()
        if table.name not in self.found:
            stored = self.made[table.name].output(self.dataset)
            rows = self.scope.keep(rows_with(stored, table, self.keys[table.key]))
            self.found[table.name] = table.one_row_a_key(rows)
        return self.found[table.name]

    def row(self, table: Table[R]) -> R | None:
        """The clip's row of a table, or its video's; None where there is none."""
        return next(iter(table.from_arrow(self.rows(table))), None)

    def lineage(self, table: Table[Any], row: Mapping[str, Any]) -> Lineage:
        """What made the clip's row of a table that the data set has; empty where there is none."""
        resolved = self.made[table.name]
        stored = resolved.output(self.dataset)
        key = self.keys.get(resolved.stage.reads.key)
        outcome = {} if key is None else outcome_of(stored, key)
        return Lineage(
            table=table.name,
            stage=resolved.stage.name,
            version=self.dataset.manifest()[table.name]["version"],
            fingerprint=resolved.fingerprint,
            options=given_options(resolved.config),
            backend=row.get("backend") or None,
            model=row.get("model") or None,
            status=outcome.get("status"),
            reason=outcome.get("reason"),
            seconds=outcome.get("seconds"),
            libraries=stored.versions().get(outcome.get(VERSIONS_ID) or "", {}),
        )


def one_clip(dataset: Dataset, clip_id: str) -> OneClip:
    """A live clip by its id.

    Raises UsageError for an id that no live clip has.
    """
    plan = present_plan(dataset)
    scope = present_scope(dataset, plan)
    found = OneClip(dataset, plan, scope, {CLIPS.key: clip_id})
    rows = found.rows(CLIPS)
    if not rows.num_rows:
        raise UsageError(f"no clip has the id '{clip_id}'")
    video_id = rows[SOURCES.key][0].as_py()
    found = OneClip(dataset, plan, scope, {CLIPS.key: clip_id, SOURCES.key: video_id})
    source = found.row(SOURCES)
    if source is None:
        return found
    return OneClip(dataset, plan, scope, {**found.keys, "file_id": source.file_id})


def rows_with(stored: StoredTable, table: Table[Any], key: str) -> pa.Table:
    """The rows of a table with a key; only parts that hold it are read whole."""
    only_key = pa.schema([table.schema.field(table.key)])

    def of_part(name: str) -> pa.Table:
        keys = read_parquet(stored.folder / name, only_key)[table.key]
        if pc.index(keys, key).as_py() < 0:
            return table.schema.empty_table()
        rows = read_parquet(stored.folder / name, table.schema)
        return rows.filter(pc.equal(rows[table.key], key))

    def read(commits: dict[str, list[str]]) -> pa.Table:
        parts = [part for names in commits.values() for part in names]
        found = map_names(of_part, parts, stored.folder)
        return pa.concat_tables([table.schema.empty_table(), *found])

    return stored.read_consistently(read)


def outcome_of(stored: StoredTable, key: str) -> dict[str, Any]:
    """What became of one input of the stage that writes a table; empty where it is not done."""

    def of_commit(name: str) -> pa.Table:
        done = read_parquet(stored.folder / name, DONE_WITH_VERSIONS)
        return done.filter(pc.equal(done["id"], key))

    def read(commits: dict[str, list[str]]) -> pa.Table:
        found = map_names(of_commit, list(commits), stored.folder)
        return latest_outcomes(pa.concat_tables([DONE_WITH_VERSIONS.empty_table(), *found]))

    rows = stored.read_consistently(read).to_pylist()
    return dict(rows[0]) if rows else {}
