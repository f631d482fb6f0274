"""What a stage does once, over whole tables, when all rows are there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from vidcurate.pipeline.counts import StageCount
from vidcurate.pipeline.inputs import Scope, dropped_videos
from vidcurate.pipeline.resolve import Planned
from vidcurate.records import SOURCES
from vidcurate.store.dataset import Dataset, Located, locate
from vidcurate.store.storage import Location
from vidcurate.store.table import Table


@dataclass(frozen=True)
class FinishView:
    """What a stage's finish sees of the data set."""

    dataset: Dataset
    planned: Planned
    scope: Scope
    counts: Sequence[StageCount]
    allows_loss: bool = False

    @property
    def root(self) -> Location:
        """The data set's folder."""
        return self.dataset.root

    @property
    def files(self) -> Location:
        """The folder of the files that this stage's own rows name."""
        return self.planned.own(self.dataset).files

    @property
    def dataset_id(self) -> str | None:
        """The id by which what a data set wrote elsewhere is known; None before its first row."""
        return self.dataset.own_id() if self.dataset.manifest() else None

    def has(self, table: Table[Any]) -> bool:
        """Whether an optional table is there."""
        return table.name in self.planned.tables

    def files_of(self, table: Table[Any]) -> Location:
        """The folder of the files that another table's rows name."""
        return self.planned.shelf(self.dataset, table).files

    def lookup(self, table: Table[Any]) -> Mapping[str, Any]:
        """All rows of a declared table, by key."""
        return {getattr(row, table.key): row for row in table.from_arrow(self.scan(table))}

    def scan(self, table: Table[Any], columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of live videos in a declared table, or in this stage's own."""
        return self.scope.keep(self.planned.shelf(self.dataset, table).read(columns, table.schema))

    def dropped_videos(self) -> set[str]:
        """The ids of videos that the user dropped."""
        sources = self.planned.shelf(self.dataset, SOURCES)
        return set(dropped_videos(self.dataset, sources).to_pylist())

    def done(self, table: Table[Any]) -> pa.Table:
        """What became of each input of the stage that writes a declared table."""
        return self.planned.shelf(self.dataset, table).done()

    def locate(self, table: Table[Any], keys: pa.ChunkedArray) -> Located:
        """The rows of these keys, in their order, read a stretch at a time."""
        return locate(self.planned.shelf(self.dataset, table), table.key, keys, table.schema)

    def provenance(self) -> Mapping[str, Any]:
        """The manifest: what made each table."""
        return self.dataset.manifest()

    def funnel(self) -> Sequence[Mapping[str, Any]]:
        """Counts of every stage that ran."""
        return [c.as_dict() for c in self.counts]
