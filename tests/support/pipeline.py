"""The real stages, run in this process or on an engine, on small videos, for tests."""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from vidcurate.cli.output import Quiet
from vidcurate.engines.base import Engine
from vidcurate.engines.inline import InlineEngine
from vidcurate.pipeline.counts import StageCount
from vidcurate.pipeline.discovery.found_files import add_files
from vidcurate.pipeline.discovery.sources import find_files
from vidcurate.pipeline.resolve import resolve
from vidcurate.pipeline.run import Listener, Run
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.pipeline.runner import run_pipeline
from vidcurate.stages.registry import STAGES
from vidcurate.stages.sources.ingest import EXTENSIONS
from vidcurate.store.dataset import Dataset, StoredTable
from vidcurate.store.storage import Location
from vidcurate.store.table import Table

R = TypeVar("R")
P = TypeVar("P", bound=Location)
# Stage names, each with its options.
Options = Mapping[str, Any]
DEFAULTS = RunOptions()


def process(
    root: Location,
    options: Options,
    *sources: Path | str,
    run_options: RunOptions = DEFAULTS,
    engine: Engine | None = None,
    listener: Listener | None = None,
) -> dict[str, StageCount]:
    """Run the stages that `options` names, and all they need, on a data set; counts by stage."""
    dataset = Dataset(root)
    names = [str(source) for source in sources]
    add_files(dataset, find_files(names, EXTENSIONS, io.StringIO(), recursive=True))
    known = {stage.name: stage for stage in STAGES}
    given = {name: known[name].config(**values) for name, values in options.items()}
    plan = resolve(dataset, STAGES, list(given), given)
    run = Run(dataset, engine or InlineEngine(), listener or Quiet(), run_options)
    run_pipeline(run, plan)
    return {c.stage: c for c in run.counts}


def stored(root: P, table: Table[Any]) -> StoredTable[P]:
    """Where the current rows of a table lie."""
    dataset = Dataset(root)
    return dataset.stored(table, dataset.manifest()[table.name]["fingerprint"])


def rows(root: Location, table: Table[R]) -> list[R]:
    """The current rows of a table, by key."""
    found = table.from_arrow(stored(root, table).read(None, table.schema))
    return sorted(found, key=lambda row: str(getattr(row, table.key)))


def done(root: Location, table: Table[Any]) -> dict[str, tuple[str, str | None]]:
    """Status and reason of every input of a table's stage."""
    found = stored(root, table).done().to_pylist()
    return {row["id"]: (row["status"], row["reason"]) for row in found}


def states(root: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of change of every file below a folder."""
    return {str(file.relative_to(root)): state(file) for file in files_below(root)}


def state(file: Path) -> tuple[int, int]:
    """Inode and time of change of a file: they stay when it is not written again."""
    facts = file.stat()
    return facts.st_ino, facts.st_mtime_ns


def files_below(root: Path) -> Iterator[Path]:
    """Every file below a folder, in order."""
    return (path for path in sorted(root.rglob("*")) if path.is_file())


def names_below(root: Path) -> Sequence[str]:
    """Every file below a folder, by its path from there."""
    return [str(path.relative_to(root)) for path in files_below(root)]
