"""A data set as it is now: its stages as they were last run, and its tables' live rows."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.errors import UsageError, VidcurateError, suggest
from vidcurate.options import StageConfig
from vidcurate.pipeline.inputs import live_inputs
from vidcurate.pipeline.resolve import ResolvedStage, recorded_config, tables_read
from vidcurate.pipeline.scope import FOUND, Scope, live_scope, unwritten_tables
from vidcurate.records import DECISIONS, FILES, SOURCES, version_tables
from vidcurate.records.reviews import REVIEWED
from vidcurate.rules.join import Read
from vidcurate.stage import Stage, reading
from vidcurate.stages.registry import STAGES, stages_with
from vidcurate.store.dataset import Dataset
from vidcurate.store.storage import location
from vidcurate.store.table import Table

# How often a command reads tables that another command removes meanwhile.
ATTEMPTS = 5

Found = TypeVar("Found")


def require_dataset(folder: Path) -> Dataset:
    """A data set that is there.

    Raises UsageError where the folder holds none.
    """
    dataset = Dataset(location(folder))
    if not dataset.manifest():
        raise UsageError(
            f"{folder} holds no data set: `vidcurate run SOURCE -d {folder}` makes one"
        )
    return dataset


def read_consistently(dataset: Dataset, look: Callable[[], Found]) -> Found:
    """What a command finds, `look`ing again where another removed tables of earlier options."""
    for _ in range(ATTEMPTS - 1):
        before = dataset.manifest()
        try:
            found = look()
        except (VidcurateError, OSError):
            if not tables_removed(dataset, before):
                raise
        else:
            if not tables_removed(dataset, before):
                return found
    return look()


def tables_removed(dataset: Dataset, before: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether tables that a manifest named are no longer there; only those of old options go."""
    now = dataset.manifest()
    made = {name: entry["fingerprint"] for name, entry in now.items()}
    return any(
        made.get(name) != entry["fingerprint"]
        and not (dataset.root / folder_of(name) / entry["fingerprint"]).exists()
        for name, entry in before.items()
    )


def folder_of(table: str) -> str:
    """The folder in which the rows of a table lie."""
    found = version_tables([table])
    return next((version.folder for version in found.values()), table)


def recorded_options(folder: Path, stage: Stage) -> dict[str, StageConfig]:
    """The options that a data set has for a stage, if it has any."""
    entry = Dataset(location(folder)).manifest().get(stage.writes.name)
    return {} if entry is None else {stage.name: recorded_config(stage, entry)}


def recorded_stages(folder: Path) -> list[str]:
    """The stages that a data set has, in the order of the data."""
    manifest = Dataset(location(folder)).manifest()
    return [stage.name for stage in stages_with(manifest) if stage.writes.name in manifest]


def present_plan(dataset: Dataset) -> tuple[ResolvedStage, ...]:
    """The data set's stages as they were last run, each on the tables that are there now."""
    manifest = dataset.manifest()
    made = {name: entry["fingerprint"] for name, entry in manifest.items()}
    made |= unwritten_tables(dataset)
    entries = [
        (reading(stage, manifest[stage.writes.name]["reads"]), manifest[stage.writes.name])
        for stage in stages_with(manifest)
        if stage.writes.name in manifest
    ]
    return tuple(
        ResolvedStage(
            stage,
            recorded_config(stage, entry),
            entry["fingerprint"],
            {
                **{name: made.get(name, earlier) for name, earlier in entry["reads"].items()},
                # Decisions may have come since the stage ran.
                **{t.name: made[t.name] for t in unwritten_read(stage, entry) if t.name in made},
                stage.writes.name: entry["fingerprint"],
            },
        )
        for stage, entry in entries
    )


def unwritten_read(stage: Stage, entry: Mapping[str, Any]) -> list[Table[Any]]:
    """The tables that no stage writes, of those that one reads with its recorded options."""
    read = [table for table, _ in tables_read(stage, recorded_config(stage, entry))]
    return [table for table in read if table in (FILES, DECISIONS)]


def present_scope(dataset: Dataset, plan: tuple[ResolvedStage, ...]) -> Scope:
    """The live videos of a data set."""
    ingest = next(p for p in plan if p.stage.writes is SOURCES)
    return live_scope(dataset, ingest.output(dataset), None)


def present_tables(plan: tuple[ResolvedStage, ...]) -> dict[str, Table[Any]]:
    """The tables that a data set has, by name; what people decided only where there is any."""
    written = {p.stage.writes.name: p.stage.writes for p in plan}
    is_reviewed = any(DECISIONS.name in p.tables for p in plan)
    return {**written, FILES.name: FILES, **({DECISIONS.name: DECISIONS} if is_reviewed else {})}


def reader(dataset: Dataset, plan: tuple[ResolvedStage, ...], scope: Scope) -> Read:
    """What reads a table's rows of live videos, by the table's name.

    It raises UsageError for a table that the data set does not have.
    """
    tables = present_tables(plan)
    stored = {p.stage.writes.name: p.output(dataset) for p in plan}
    stored[FILES.name] = dataset.stored(FILES, FOUND)
    stored[DECISIONS.name] = dataset.stored(DECISIONS, REVIEWED)

    def read(name: str) -> pa.Table:
        if name not in tables:
            raise UsageError(f"no table '{name}' here{suggest(name, tables)}")
        rows = scope.keep(stored[name].read(None, tables[name].schema))
        return tables[name].one_row_a_key(rows)

    return read


def command_of(table: Table[Any], dataset: Dataset) -> str:
    """The command that makes a table of a data set."""
    stage = next(stage.name for stage in STAGES if stage.writes is table)
    return f"vidcurate {stage} -d {dataset.root}"


def live_rows(
    dataset: Dataset, plan: tuple[ResolvedStage, ...], scope: Scope, rows: pa.Table, table: str
) -> pa.Table:
    """The rows whose input is still there; others wait for an input that comes back."""
    resolved = next((p for p in plan if p.stage.writes.name == table), None)
    if resolved is None or resolved.stage.reads.key != resolved.stage.writes.key:
        return rows
    key = resolved.stage.reads.key
    inputs = live_inputs(dataset, resolved, scope)[key].combine_chunks()
    return rows.filter(pc.is_in(rows[key], value_set=inputs))
