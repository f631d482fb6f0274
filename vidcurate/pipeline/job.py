"""What a worker receives and returns: a stage's job, its batches, and a report of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vidcurate.options import StageConfig
from vidcurate.stage import MapStage
from vidcurate.store.commits import commit_name
from vidcurate.store.dataset import Dataset, StoredTable
from vidcurate.store.storage import Location
from vidcurate.store.table import Table


@dataclass(frozen=True)
class Job:
    """One stage's work on one data set; `tables` maps each readable table to its fingerprint.

    Without a `time_limit_factor` no row is bounded in time: nothing would survive the kill.
    """

    root: Location
    stage: MapStage[Any, Any, Any, Any]
    config: StageConfig
    fingerprint: str
    tables: Mapping[str, str]
    time_limit_factor: float | None = None

    def time_limit_s(self, row: Any) -> float | None:
        """How long a worker may take for a row; none where it must not be killed."""
        limit_s = self.stage.cost.time_limit(row, self.config)
        if limit_s is None or self.time_limit_factor is None:
            return None
        return limit_s * self.time_limit_factor

    def stored(self, table: Table[Any]) -> StoredTable:
        """Where a table's rows lie for this job."""
        return Dataset(self.root).stored(table, self.tables[table.name])

    def output(self) -> StoredTable:
        """Where this job's own rows go."""
        return Dataset(self.root).stored(self.stage.writes, self.fingerprint)


@dataclass(frozen=True, slots=True)
class Batch:
    """Inputs to be done together, and the parts that hold their rows and those looked up.

    `number` is the place of its commit in the order, given when it is handed out.
    """

    ids: tuple[str, ...]
    parts: Mapping[str, tuple[str, ...]]
    number: int = 0

    @property
    def name(self) -> str:
        """The name of its commit."""
        return commit_name(self.number, self.ids)


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a batch: `statuses` as (id, status, reason).

    `unfinished` are the inputs for which there was not enough memory, by `memory_error`.
    `n_unlisted` is how many more inputs did not fail. `unanswered` counts, by reason, those of the
    failed that stay to be done, since a server gave no answer. `notes` are what a user should know.
    """

    statuses: tuple[tuple[str, str, str | None], ...]
    seconds: float
    unfinished: tuple[str, ...] = ()
    memory_error: str = ""
    n_unlisted: int = 0
    unanswered: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
