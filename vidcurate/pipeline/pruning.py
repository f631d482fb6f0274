"""Cheap before dear: what a dear stage need not see, since a later one rejects it anyway."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from vidcurate.pipeline.inputs import Scope
from vidcurate.pipeline.resolve import Planned
from vidcurate.stage import Lookup, TableStage
from vidcurate.store.dataset import Dataset


def narrowed(dataset: Dataset, plan: Sequence[Planned], planned: Planned, scope: Scope) -> Scope:
    """The scope of one stage of a plan, without the inputs that it is spared.

    Only tables of earlier stages are asked. Looser rules bring inputs back: they were never done.
    """
    stage = planned.stage
    if not stage.cost.is_expensive:
        return scope
    position = plan.index(planned)
    for later in plan[position + 1 :]:
        gate = later.stage
        if isinstance(gate, TableStage) and gate.rejects and gate.reads is stage.reads:
            tables = tables_before(dataset, plan[:position], later, gate, scope)
            rejected = gate.rejects(tables, later.config)
            return replace(scope, spared={stage.reads.key: rejected.combine_chunks()})
    return scope


def tables_before(
    dataset: Dataset,
    before: Sequence[Planned],
    planned: Planned,
    gate: TableStage[Any, Any, Any],
    scope: Scope,
) -> dict[str, pa.Table]:
    """Of the tables that a table stage reads, those that earlier stages wrote."""
    there = {p.stage.writes.name for p in before}
    wanted = (Lookup(gate.reads), *gate.lookups(planned.config))
    return {
        b.table.name: scope.keep(planned.shelf(dataset, b.table).read(b.columns, b.table.schema))
        for b in wanted
        if b.table.name in there
    }
