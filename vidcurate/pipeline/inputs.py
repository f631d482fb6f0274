"""The inputs of a stage: which are live, which of them are done, which are pending."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.pipeline.scope import Scope
from vidcurate.stage import Lookup, TableStage, takes_lists
from vidcurate.store.dataset import DONE_WITH_LOSSES, FAILED, Dataset
from vidcurate.store.table import positions


@dataclass(frozen=True)
class StageInputs:
    """The inputs of one stage at one moment, by what became of them.

    `live` has, for each input, its key in the column `key`, the ids that its row carries and the
    part that holds it. `pruned` are the keys of inputs that are not live because cheaper rules
    reject them. `done` is the outcome of each live input that has one. `pending` are the rows of
    `live` that are still to be worked on.
    """

    key: str
    live: pa.Table
    pruned: pa.Array
    done: pa.Table
    pending: pa.Table

    @classmethod
    def split(
        cls, key: str, live: pa.Table, pruned: pa.Array, outcomes: pa.Table, *, retry_failed: bool
    ) -> "StageInputs":
        """Split live inputs by their outcomes; failed ones are pending again if `retry_failed`."""
        row_of = positions(live[key], outcomes["id"])
        is_pending = pc.is_null(row_of)
        if retry_failed:
            has_failed = pc.equal(outcomes["status"].combine_chunks().take(row_of), FAILED)
            is_pending = pc.or_(is_pending, has_failed.fill_null(False))
        is_live = np.zeros(outcomes.num_rows, bool)
        is_live[row_of.drop_null().to_numpy()] = True
        done = outcomes if is_live.all() else outcomes.filter(is_live)
        return cls(key, live, pruned, done, live.filter(is_pending))

    @cached_property
    def n_live(self) -> int:
        """How many inputs are live; a key may have several rows."""
        return len(pc.unique(self.live[self.key]))

    @cached_property
    def n_pending(self) -> int:
        """How many inputs are pending."""
        return len(pc.unique(self.pending[self.key]))

    @property
    def failed(self) -> set[str]:
        """The keys of inputs that are done and failed."""
        return set(self.done["id"].filter(pc.equal(self.done["status"], FAILED)).to_pylist())


def stage_inputs(
    dataset: Dataset, resolved: ResolvedStage, scope: Scope, *, retry_failed: bool = False
) -> StageInputs:
    """The inputs of a stage as the data set has them now; with `retry_failed` failures pend."""
    key = resolved.stage.reads.key
    live = live_inputs(dataset, resolved, scope)
    pruned = scope.pruned.get(key, pa.array([], pa.string()))
    outcomes = resolved.output(dataset).done(DONE_WITH_LOSSES)
    if takes_lists(resolved.stage):
        pending = live.slice(0, 0 if outcomes.num_rows else live.num_rows)
        return StageInputs(key, live, pruned, outcomes, pending)
    return StageInputs.split(key, live, pruned, outcomes, retry_failed=retry_failed)


def live_inputs(dataset: Dataset, resolved: ResolvedStage, scope: Scope) -> pa.Table:
    """Every input of a stage: its key, the ids it carries, and the part it lies in."""
    table = resolved.stage.reads
    ids = [name for name in table.schema.names if name.endswith("_id")]
    return scope.keep(resolved.stored(dataset, table).index(table.key, ids))


def input_tables(
    dataset: Dataset, resolved: ResolvedStage, scope: Scope, present: Collection[str]
) -> dict[str, pa.Table]:
    """The rows in scope of the tables that a table stage reads, of those that are `present`."""
    assert isinstance(resolved.stage, TableStage)
    lookups = (Lookup(resolved.stage.reads), *resolved.stage.lookups(resolved.config))
    return {
        lookup.table.name: scope.keep(
            resolved.stored(dataset, lookup.table).read(lookup.columns, lookup.table.schema)
        )
        for lookup in lookups
        if lookup.table.name in present
    }
