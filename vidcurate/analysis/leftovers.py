"""What a data set no longer needs: tables of earlier options, and files left half written."""

import re
from dataclasses import dataclass
from itertools import chain

import pyarrow.compute as pc

from vidcurate.analysis.view import folder_of, present_plan, present_scope
from vidcurate.exporting.folder.files import unfinished_folders
from vidcurate.exporting.targets import TARGET_NAMES, folder_name
from vidcurate.pipeline.inputs import live_inputs
from vidcurate.pipeline.pruning import prune
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.pipeline.scope import Scope
from vidcurate.stage import TableStage
from vidcurate.store.dataset import FAILED, OK, Dataset, StoredTable
from vidcurate.store.markers import QUARANTINE
from vidcurate.store.storage import Location, Remote, list_folders

# Names that only we give: of a folder of rows, and of a file that is being written.
FINGERPRINT = re.compile(r"[0-9a-f]{12}")
PARTIAL = re.compile(r"\..+\.\d+\.[0-9a-f]{8}\.partial")


def leftovers(dataset: Dataset) -> list[Location]:
    """What killed runs left half written; the caller holds the lock, so that no run writes now.

    It lies in the data set's own folders under names that nobody else gives; half-built exports are
    known by their mark. Objects are never half written, but may lack their commit.
    """
    root = dataset.root
    outputs = [resolved.output(dataset) for resolved in present_plan(dataset)]
    lost = [stored.folder / name for stored in outputs for name in stored.uncommitted()]
    if isinstance(root, Remote):
        return lost
    tables = dict.fromkeys(folder_of(name) for name in dataset.manifest())
    own = [root / name for name in (*tables, "counts", "search", QUARANTINE)]
    found = chain(root.glob(".*.partial"), *(folder.rglob(".*.partial") for folder in own))
    partial = (path for path in found if path.is_file() and PARTIAL.fullmatch(path.name))
    exports = [root / folder_name(target) for target in TARGET_NAMES]
    built = [
        folder
        for export in exports
        if export.exists()
        for folder in unfinished_folders(export, dataset.own_id())
    ]
    return [*lost, *sorted([*partial, *built])]


@dataclass(frozen=True)
class StaleFolder:
    """A folder with a table's rows as earlier options of its stage made them.

    `n_only_here` inputs have rows in it, and none that the current options made.
    """

    path: Location
    stage: str
    table: str
    n_only_here: int


def stale_folders(dataset: Dataset) -> list[StaleFolder]:
    """Every folder of a table's rows that current options do not read, in the order of paths."""
    plan = present_plan(dataset)
    scope = present_scope(dataset, plan)
    found: list[StaleFolder] = []
    current = {resolved.output(dataset).folder for resolved in plan}
    seen: set[str] = set()
    for resolved in plan:
        table = folder_of(resolved.stage.writes.name)
        if table in seen:
            continue
        seen.add(table)
        # A table without rows has no folder.
        for folder in list_folders(dataset.root / table):
            if folder in current or not FINGERPRINT.fullmatch(folder.name):
                continue
            judged = prune(dataset, plan, resolved, scope)
            n_only_here = rows_only_in(StoredTable(folder), dataset, resolved, judged)
            found.append(StaleFolder(folder, resolved.stage.name, table, n_only_here))
    return sorted(found, key=lambda stale: stale.path)


def rows_only_in(
    earlier: StoredTable, dataset: Dataset, resolved: ResolvedStage, scope: Scope
) -> int:
    """How many live inputs have rows of earlier options, but none, and no drop, of these.

    A table stage's are made anew at once, so that none is lost.
    """
    if isinstance(resolved.stage, TableStage):
        return 0
    key = resolved.stage.reads.key
    inputs = live_inputs(dataset, resolved, scope)[key].combine_chunks()
    before, now = earlier.done(), resolved.output(dataset).done()
    made = before["id"].filter(pc.equal(before["status"], OK))
    settled = now["id"].filter(pc.not_equal(now["status"], FAILED)).combine_chunks()
    lacking = made.filter(pc.invert(pc.is_in(made, value_set=settled)))
    return int(pc.sum(pc.is_in(lacking, value_set=inputs)).as_py() or 0)
