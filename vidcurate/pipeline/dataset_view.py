"""What a stage sees of the whole data set, at its finish and when it looks for outdated rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from vidcurate.pipeline.counts import StageCount
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.scope import DROPPED_FILE, Scope, videos_in_state
from vidcurate.records import SOURCES
from vidcurate.store.dataset import Dataset, LocatedRows, locate
from vidcurate.store.storage import Location
from vidcurate.store.table import Table


@dataclass(frozen=True)
class LiveDatasetView:
    """The data set as one stage may read it: its declared tables, and of them the live rows."""

    dataset: Dataset
    resolved: ResolvedStage
    scope: Scope
    counts: Sequence[StageCount]
    allows_loss: bool = False
    push_to: str | None = None
    dry_run: bool = False

    @property
    def root(self) -> Location:
        """The data set's folder."""
        return self.dataset.root

    @property
    def files(self) -> Location:
        """The folder of the files that this stage's own rows name."""
        return self.resolved.output(self.dataset).files

    @property
    def dataset_id(self) -> str | None:
        """The id that marks what this data set wrote elsewhere; None before its first row."""
        return self.dataset.own_id() if self.dataset.manifest() else None

    def has(self, table: Table[Any]) -> bool:
        """Whether an optional table is there."""
        return table.name in self.resolved.tables

    def files_of(self, table: Table[Any]) -> Location:
        """The folder of the files that another table's rows name."""
        return self.resolved.stored(self.dataset, table).files

    def lookup(self, table: Table[Any]) -> Mapping[str, Any]:
        """All rows of a declared table, by key."""
        return {getattr(row, table.key): row for row in table.from_arrow(self.scan(table))}

    def scan(self, table: Table[Any], columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of live videos in a declared table, or in this stage's own."""
        return self.scope.keep(
            self.resolved.stored(self.dataset, table).read(columns, table.schema)
        )

    def dropped_videos(self) -> set[str]:
        """The ids of videos that the user dropped."""
        sources = self.resolved.stored(self.dataset, SOURCES)
        return set(videos_in_state(self.dataset, sources, DROPPED_FILE).to_pylist())

    def done(self, table: Table[Any]) -> pa.Table:
        """What became of each input of the stage that writes a declared table."""
        return self.resolved.stored(self.dataset, table).done()

    def locate(self, table: Table[Any], keys: pa.ChunkedArray) -> LocatedRows:
        """The rows of these keys, in their order, read a slice at a time."""
        return locate(self.resolved.stored(self.dataset, table), table.key, keys, table.schema)

    def provenance(self) -> Mapping[str, Any]:
        """The manifest: what made each table."""
        return self.dataset.manifest()

    def funnel(self) -> Sequence[Mapping[str, Any]]:
        """Counts of every stage that ran."""
        return [c.as_dict() for c in self.counts]


def dataset_view(run: Run, resolved: ResolvedStage, scope: Scope) -> LiveDatasetView:
    """What a stage sees of the data set in this run."""
    asked = run.options
    return LiveDatasetView(
        run.dataset, resolved, scope, run.counts, asked.allow_loss, asked.push_to, asked.dry_run
    )
