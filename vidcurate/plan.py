"""What a command has to run: its stages and all they read, each with options and fingerprint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from vidcurate.dataset import Dataset, Shelf
from vidcurate.errors import UsageError
from vidcurate.stage import (
    Stage,
    StageConfig,
    fingerprint,
    read_at_finish,
    read_while_running,
)
from vidcurate.table import Table


@dataclass(frozen=True)
class Planned:
    """One stage with its options; `tables` maps what it reads and writes to fingerprints."""

    stage: Stage
    config: StageConfig
    fingerprint: str
    tables: Mapping[str, str]

    def shelf(self, dataset: Dataset, table: Table[Any]) -> Shelf:
        """Where a table's rows lie for this stage."""
        return dataset.shelf(table, self.tables[table.name])

    def own(self, dataset: Dataset) -> Shelf:
        """Where this stage's own rows lie."""
        return dataset.shelf(self.stage.writes, self.fingerprint)


def choose_configs(
    stages: Sequence[Stage],
    given: Mapping[str, StageConfig],
    manifest: Mapping[str, Mapping[str, Any]],
) -> dict[str, StageConfig]:
    """Every stage's options: those given, else the data set's own, else the defaults.

    Raises UsageError where the data set's options are not this version's.
    """
    configs: dict[str, StageConfig] = {}
    for stage in stages:
        entry = manifest.get(stage.writes.name)
        if stage.name in given:
            configs[stage.name] = given[stage.name]
        elif entry is None:
            configs[stage.name] = stage.config()
        else:
            configs[stage.name] = recorded_config(stage, entry)
    return configs


def recorded_config(stage: Stage, entry: Mapping[str, Any]) -> StageConfig:
    """The options that the manifest holds for a stage."""
    try:
        config: StageConfig = stage.config.model_validate(entry["options"])
    except ValidationError as error:
        raise UsageError(
            f"the data set was made with options of {stage.name} that this version does not "
            f"know ({error.errors()[0]['msg']}): give them anew with -c"
        ) from error
    return config


def make_plan(
    stages: Sequence[Stage],
    chosen: Sequence[str],
    configs: Mapping[str, StageConfig],
    roots: Mapping[str, str],
    present: Sequence[str],
) -> tuple[Planned, ...]:
    """The chosen stages and all that they read, in the order of the data.

    A table read only where it is there (not `required`) is brought up to date when the data set
    has it (`present`, table names) or its stage is chosen. `roots` maps tables that no stage
    writes to their fingerprints.
    """
    writers = {stage.writes.name: stage for stage in stages}
    needed = set(chosen)
    for stage in reversed(stages):
        if stage.name not in needed:
            continue
        for table, required in tables_read(stage, configs[stage.name]):
            writer = writers.get(table.name)
            if writer and (required or writer.name in chosen or table.name in present):
                needed.add(writer.name)
    fingerprints = dict(roots)
    planned = []
    for stage in stages:
        if stage.name in needed:
            step = plan_stage(stage, configs[stage.name], fingerprints)
            fingerprints[stage.writes.name] = step.fingerprint
            planned.append(step)
    return tuple(planned)


def plan_stage(stage: Stage, config: StageConfig, fingerprints: Mapping[str, str]) -> Planned:
    """One stage, given the fingerprints of the tables before it."""
    deciding = [stage.reads, *(b.table for b in read_while_running(stage, config))]
    upstream = {
        table.name: fingerprints[table.name]
        for table in deciding
        if table.name in fingerprints and not table.names_content
    }
    own = fingerprint(stage, config, upstream)
    names = [table.name for table, _ in tables_read(stage, config)]
    tables = {name: fingerprints[name] for name in names if name in fingerprints}
    return Planned(stage, config, own, {**tables, stage.writes.name: own})


def tables_read(stage: Stage, config: StageConfig) -> list[tuple[Table[Any], bool]]:
    """Every table that a stage reads, and whether it cannot do without."""
    beside = (*read_while_running(stage, config), *read_at_finish(stage, config))
    return [(stage.reads, True), *((b.table, b.required) for b in beside)]
