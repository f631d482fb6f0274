"""What a command has to run: its stages and all they read, each with options and fingerprint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from vidcurate.errors import UsageError
from vidcurate.options import StageConfig, option_faults
from vidcurate.pipeline.scope import FOUND, unwritten_tables
from vidcurate.records import FILES
from vidcurate.stage import (
    MapStage,
    Stage,
    fingerprint,
    read_at_finish,
    read_while_running,
    reading,
)
from vidcurate.store.dataset import Dataset, P_co, StoredTable
from vidcurate.store.table import Table

WITHOUT = "--without"
# The tables that no stage writes, of a data set that nobody has reviewed.
UNREVIEWED = {FILES.name: FOUND}


@dataclass(frozen=True)
class Need:
    """Why a stage runs, "" where it was chosen.

    It `is_optional` where it runs only because another uses its table where that is there.
    """

    reason: str = ""
    is_optional: bool = False


@dataclass(frozen=True)
class ResolvedStage:
    """One stage with its options; `tables` maps what it reads and writes to fingerprints."""

    stage: Stage
    config: StageConfig
    fingerprint: str
    tables: Mapping[str, str]
    need: Need = Need()

    def stored(self, dataset: Dataset[P_co], table: Table[Any]) -> StoredTable[P_co]:
        """Where a table's rows lie for this stage."""
        return dataset.stored(table, self.tables[table.name])

    def output(self, dataset: Dataset[P_co]) -> StoredTable[P_co]:
        """Where this stage's own rows lie."""
        return dataset.stored(self.stage.writes, self.fingerprint)


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
        at, words = option_faults(stage.config, error)[0]
        option = ".".join((stage.name, *map(str, at)))
        raise UsageError(
            f"the data set was made with options of {stage.name} that this version does not "
            f"know ({option}: {words}): give them again with -c"
        ) from error
    return config


def resolve(
    dataset: Dataset,
    stages: Sequence[Stage],
    chosen: Sequence[str],
    given: Mapping[str, StageConfig],
    without: Sequence[str] = (),
) -> tuple[ResolvedStage, ...]:
    """What has to run so that the chosen stages are up to date, `without` some that may be."""
    manifest = dataset.manifest()
    configs = choose_configs(stages, given, manifest)
    unwritten = unwritten_tables(dataset)
    return resolve_stages(stages, chosen, configs, list(manifest), without, unwritten)


def resolve_stages(
    stages: Sequence[Stage],
    chosen: Sequence[str],
    configs: Mapping[str, StageConfig],
    present: Sequence[str],
    without: Sequence[str] = (),
    unwritten: Mapping[str, str] = UNREVIEWED,
) -> tuple[ResolvedStage, ...]:
    """The chosen stages and all that they read, in the order of the data.

    A table read only where it is there (not `required`) is brought up to date when the data set
    has it (`present`, table names) or its stage is chosen; stages named in `without` are left out,
    as if it had not. So is one that narrows what a stage reads, which then reads the narrowed one.
    `unwritten` are the fingerprints of the tables that no stage writes. A finish may read what a
    later stage writes. Raises UsageError where another stage needs one that is left out, and where
    stages wait for each other.
    """
    needs = why_needed(stages, chosen, configs, present, without)
    written = {stage.writes.name for stage in stages if stage.name in needs}
    chosen_stages = (reading(stage, written) for stage in stages if stage.name in needs)
    needed = in_order(list(chosen_stages), configs)
    fingerprints = {**unwritten}
    for stage in needed:
        fingerprints[stage.writes.name] = own_fingerprint(stage, configs[stage.name], fingerprints)
    return tuple(
        ResolvedStage(
            stage,
            configs[stage.name],
            fingerprints[stage.writes.name],
            tables_of(stage, configs[stage.name], fingerprints),
            needs[stage.name],
        )
        for stage in needed
    )


def in_order(stages: Sequence[Stage], configs: Mapping[str, StageConfig]) -> list[Stage]:
    """The same stages, each after those whose tables it reads while it runs.

    That is the order in which they are given, but for one that options let read a later table.
    Raises UsageError where stages wait for each other.
    """
    waiting, ordered = list(stages), list[Stage]()
    while waiting:
        unwritten = {stage.writes.name for stage in waiting}
        ready = next((s for s in waiting if not waits_for(s, configs[s.name]) & unwritten), None)
        if ready is None:
            raise UsageError(cycle_fault(waiting, configs))
        waiting.remove(ready)
        ordered.append(ready)
    return ordered


def waits_for(stage: Stage, config: StageConfig) -> set[str]:
    """The names of the tables that a stage reads while it runs."""
    return {stage.reads.name, *(one.table.name for one in read_while_running(stage, config))}


def cycle_fault(waiting: Sequence[Stage], configs: Mapping[str, StageConfig]) -> str:
    """Which of some stages wait for each other, in one line."""
    writers = {stage.writes.name: stage for stage in waiting}
    seen = [waiting[0]]
    while True:
        tables = waits_for(seen[-1], configs[seen[-1].name])
        following = next(writers[name] for name in writers if name in tables)
        if following in seen:
            names = [stage.name for stage in (*seen[seen.index(following) :], following)]
            return (
                f"stages wait for each other: {' needs '.join(names)}: change the option by which "
                "one of them needs the next"
            )
        seen.append(following)


def with_config(
    plan: Sequence[ResolvedStage], name: str, config: StageConfig
) -> tuple[ResolvedStage, ...]:
    """The same plan with other options of one stage, and fingerprints that follow from them."""
    configs = {p.stage.name: config if p.stage.name == name else p.config for p in plan}
    written = {p.stage.writes.name for p in plan}
    fingerprints = {
        table: made for p in plan for table, made in p.tables.items() if table not in written
    }
    for planned in plan:
        fingerprints[planned.stage.writes.name] = own_fingerprint(
            planned.stage, configs[planned.stage.name], fingerprints
        )
    return tuple(
        ResolvedStage(
            p.stage,
            configs[p.stage.name],
            fingerprints[p.stage.writes.name],
            tables_of(p.stage, configs[p.stage.name], fingerprints),
            p.need,
        )
        for p in plan
    )


def stages_before(
    stages: Sequence[Stage], stage: Stage, config: StageConfig, present: Sequence[str]
) -> tuple[str, ...]:
    """The names of the stages whose tables one reads while it runs, if required or `present`."""
    stage = reading(stage, present)
    lookups = read_while_running(stage, config)
    needed = {lookup.table.name for lookup in lookups if lookup.required}
    needed |= {lookup.table.name for lookup in lookups} & {*present} | {stage.reads.name}
    return tuple(one.name for one in stages if one.writes.name in needed)


def why_needed(
    stages: Sequence[Stage],
    chosen: Sequence[str],
    configs: Mapping[str, StageConfig],
    present: Sequence[str],
    without: Sequence[str],
) -> dict[str, Need]:
    """The stages that must run, and why.

    What is needed comes first, so that only stages that nothing needs count as optional.
    """
    by_name = {stage.name: stage for stage in stages}
    writers = {stage.writes.name: stage for stage in stages}
    needs = dict.fromkeys(chosen, Need())
    waiting = list(chosen)
    optional: list[tuple[str, Need]] = []
    while waiting or optional:
        if not waiting:
            name, need = optional.pop(0)
            if name not in needs:
                needs[name] = need
                waiting.append(name)
            continue
        reader = by_name[waiting.pop()]
        own = needs[reader.name] if needs[reader.name].reason else None
        for table, required in tables_read(reader, configs[reader.name]):
            writer = writers.get(table.name)
            if writer is None or writer.name in needs:
                continue
            if not required:
                if table.name in present and writer.name not in without:
                    how_not = f"{WITHOUT} {writer.name} leaves it out"
                    reason = f"since {reader.name} uses the {table.name} that are there; {how_not}"
                    optional.append((writer.name, own or Need(reason, is_optional=True)))
                continue
            if writer.name in without:
                raise UsageError(f"{WITHOUT} {writer.name}: {reader.name} needs it")
            needs[writer.name] = own or Need(f"since {reader.name} needs it")
            waiting.append(writer.name)
    return needs


def own_fingerprint(stage: Stage, config: StageConfig, fingerprints: Mapping[str, str]) -> str:
    """One stage's fingerprint, given those of the tables before it."""
    lookups = read_while_running(stage, config)
    deciding = [stage.reads, *(lookup.table for lookup in lookups if lookup.decides)]
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
    lookups = (*read_while_running(stage, config), *read_at_finish(stage, config))
    narrowed = stage.narrowed if isinstance(stage, MapStage) else None
    return [
        (stage.reads, True),
        *([(narrowed, False)] if narrowed else []),
        *((lookup.table, lookup.required) for lookup in lookups),
    ]
