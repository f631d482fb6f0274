"""What the splits of a data set have, and the classes of its quotas."""

from vidcurate.analysis.view import present_plan, present_scope
from vidcurate.errors import UsageError
from vidcurate.pipeline.inputs import input_tables
from vidcurate.records import PARTITIONS
from vidcurate.stages.selection.partition import BalanceReport, reported
from vidcurate.stages.selection.partition_options import PartitionConfig
from vidcurate.store.dataset import Dataset


def balance_of(dataset: Dataset) -> BalanceReport:
    """Count the clips of each split and class, as the data set was last partitioned.

    Raises UsageError where it was not.
    """
    plan = present_plan(dataset)
    resolved = next((p for p in plan if p.stage.writes is PARTITIONS), None)
    if resolved is None:
        raise UsageError(
            f"{dataset.root} has no splits yet: `vidcurate partition -d {dataset.root}` makes them"
        )
    scope = present_scope(dataset, plan)
    tables = input_tables(dataset, resolved, scope, resolved.tables)
    rows = scope.keep(resolved.output(dataset).read(None, PARTITIONS.schema))
    assert isinstance(resolved.config, PartitionConfig)
    return reported(tables, rows, resolved.config)
