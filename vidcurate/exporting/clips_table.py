"""Which table holds the clips of an export."""

from vidcurate.records import ACCEPTED, PARTITIONS, PartitionedClip
from vidcurate.stage import DatasetView
from vidcurate.store.table import Table


def clips_table(view: DatasetView) -> Table[PartitionedClip]:
    """The clips that are accepted, where rules are set to their texts, else all that are kept."""
    return ACCEPTED if view.has(ACCEPTED) else PARTITIONS
