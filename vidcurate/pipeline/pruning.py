"""Expensive stages are not given inputs that rules over cheaper tables reject already."""

from collections.abc import Sequence
from dataclasses import replace

from vidcurate.pipeline.inputs import input_tables
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.pipeline.scope import Scope
from vidcurate.records import DECISIONS, FILES
from vidcurate.stage import TableStage
from vidcurate.store.dataset import Dataset


def prune(
    dataset: Dataset, plan: Sequence[ResolvedStage], resolved: ResolvedStage, scope: Scope
) -> Scope:
    """The scope of one stage of a plan, without the inputs that a later stage surely rejects.

    Only tables of earlier stages are read. Looser rules bring inputs back: they were never done.
    """
    stage = resolved.stage
    if not stage.cost.is_expensive:
        return scope
    position = plan.index(resolved)
    for later in plan[position + 1 :]:
        gate = later.stage
        if isinstance(gate, TableStage) and gate.rejects and gate.reads is stage.reads:
            written = {earlier.stage.writes.name for earlier in plan[:position]}
            written |= {FILES.name, DECISIONS.name} & later.tables.keys()  # by no stage
            rejected = gate.rejects(input_tables(dataset, later, scope, written), later.config)
            return replace(scope, pruned={stage.reads.key: rejected.combine_chunks()})
    return scope
