"""What a command has to run: its stages and all they read, each with options and fingerprint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from vidcurate.errors import UsageError
from vidcurate.options import StageConfig
from vidcurate.stage import Stage, fingerprint, read_at_finish, read_while_running
from vidcurate.store.dataset import Dataset, P_co, Shelf
from vidcurate.store.table import Table


@dataclass(frozen=True)
class Planned:
    """One stage with its options; `tables` maps what it reads and writes to fingerprints.

    `because` says why it runs though nobody chose it.
    """

    stage: Stage
    config: StageConfig
    fingerprint: str
    tables: Mapping[str, str]
    because: str = ""

    def shelf(self, dataset: Dataset[P_co], table: Table[Any]) -> Shelf[P_co]:
        """Where a table's rows lie for this stage."""
        return dataset.shelf(table, self.tables[table.name])

    def own(self, dataset: Dataset[P_co]) -> Shelf[P_co]:
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
    without: Sequence[str] = (),
) -> tuple[Planned, ...]:
    """The chosen stages and all that they read, in the order of the data.

    A table read only where it is there (not `required`) is brought up to date when the data set
    has it (`present`, table names) or its stage is chosen; stages named in `without` are left out,
    as if it had not. A finish may read what a later stage writes. `roots` maps tables that no stage
    writes to their fingerprints. Raises UsageError where another stage needs one that is left out.
    """
    because = why_needed(stages, chosen, configs, present, without)
    fingerprints = dict(roots)
    for stage in stages:
        if stage.name in because:
            fingerprints[stage.writes.name] = own_fingerprint(
                stage, configs[stage.name], fingerprints
            )
    return tuple(
        Planned(
            stage,
            configs[stage.name],
            fingerprints[stage.writes.name],
            tables_of(stage, configs[stage.name], fingerprints),
            because[stage.name],
        )
        for stage in stages
        if stage.name in because
    )


def why_needed(
    stages: Sequence[Stage],
    chosen: Sequence[str],
    configs: Mapping[str, StageConfig],
    present: Sequence[str],
    without: Sequence[str],
) -> dict[str, str]:
    """The stages that must run, each with the reason; none for those that were chosen.

    What is needed comes first, so that only what nothing needs is said to be optional.
    """
    by_name = {stage.name: stage for stage in stages}
    writers = {stage.writes.name: stage for stage in stages}
    because = dict.fromkeys(chosen, "")
    waiting = list(chosen)
    optional: list[tuple[str, str]] = []
    while waiting or optional:
        if not waiting:
            name, reason = optional.pop(0)
            if name not in because:
                because[name] = reason
                waiting.append(name)
            continue
        reader = by_name[waiting.pop()]
        for table, required in tables_read(reader, configs[reader.name]):
            writer = writers.get(table.name)
            if writer is None or writer.name in because:
                continue
            if not required:
                if table.name in present and writer.name not in without:
                    leave = f"--without {writer.name} leaves it out"
                    reason = f"since {reader.name} uses the {table.name} that are there; {leave}"
                    optional.append((writer.name, because[reader.name] or reason))
                continue
            if writer.name in without:
                raise UsageError(f"--without {writer.name}: {reader.name} needs it")
            because[writer.name] = because[reader.name] or f"since {reader.name} needs it"
            waiting.append(writer.name)
    return because


def own_fingerprint(stage: Stage, config: StageConfig, fingerprints: Mapping[str, str]) -> str:
    """One stage's fingerprint, given those of the tables before it."""
    beside = read_while_running(stage, config)
    deciding = [stage.reads, *(b.table for b in beside if b.decides)]
    upstream = {
        table.name: fingerprints[table.name]
        for table in deciding
        if table.name in fingerprints and not table.names_content
    }
    return fingerprint(stage, config, upstream)


def tables_of(stage: Stage, config: StageConfig, fingerprints: Mapping[str, str]) -> dict[str, str]:
    """The fingerprints of all tables that one stage reads and writes; later ones for its finish."""
    names = [*(table.name for table, _ in tables_read(stage, config)), stage.writes.name]
    return {name: fingerprints[name] for name in names if name in fingerprints}


def tables_read(stage: Stage, config: StageConfig) -> list[tuple[Table[Any], bool]]:
    """Every table that a stage reads, and whether it cannot do without."""
    beside = (*read_while_running(stage, config), *read_at_finish(stage, config))
    return [(stage.reads, True), *((b.table, b.required) for b in beside)]
