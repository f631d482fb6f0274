"""Commands that look at a data set or tidy it: status, rows, config, clean."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import typer

from vidcurate.cli.output import say, show_funnel, tell, tell_json
from vidcurate.cli.reference import default_config
from vidcurate.config import load_config
from vidcurate.dataset import DROPPED, FAILED, Dataset
from vidcurate.errors import UsageError
from vidcurate.funnel import StageCount, as_dicts, count
from vidcurate.join import Read, columns_beside, select_rows
from vidcurate.lock import writing
from vidcurate.pending import FOUND, Scope, live_inputs, live_scope
from vidcurate.plan import Planned, make_plan, recorded_config
from vidcurate.records import FILES, SOURCES
from vidcurate.rules import parse
from vidcurate.runner import ROOTS, check_stages, plan_for
from vidcurate.spare import narrowed
from vidcurate.stage import Stage, StageConfig
from vidcurate.stages import STAGES
from vidcurate.storage import Place, Remote, bytes_below, folders_in, place, remove
from vidcurate.table import Table, places
from vidcurate.wording import quantity, suggest

Folder = Annotated[
    Path, typer.Option("--dataset", "-d", help="The data set's folder.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def open_dataset(folder: Path) -> Dataset:
    """A data set that is there.

    Raises UsageError where the folder holds none.
    """
    dataset = Dataset(place(folder))
    if not dataset.manifest():
        raise UsageError(
            f"{folder} holds no data set: `vidcurate run SOURCE -d {folder}` makes one"
        )
    return dataset


def recorded(folder: Path, stage: Stage) -> dict[str, StageConfig]:
    """The options that a data set has for a stage, if it has any."""
    entry = Dataset(place(folder)).manifest().get(stage.writes.name)
    return {} if entry is None else {stage.name: recorded_config(stage, entry)}


def recorded_stages(folder: Path) -> list[str]:
    """The stages that a data set has, in the order of the data."""
    manifest = Dataset(place(folder)).manifest()
    return [stage.name for stage in STAGES if stage.writes.name in manifest]


def present_plan(dataset: Dataset) -> tuple[Planned, ...]:
    """The data set's stages as they were last run."""
    manifest = dataset.manifest()
    entries = [(s, manifest[s.writes.name]) for s in STAGES if s.writes.name in manifest]
    return tuple(
        Planned(
            stage,
            recorded_config(stage, entry),
            entry["fingerprint"],
            {**entry["reads"], stage.writes.name: entry["fingerprint"]},
        )
        for stage, entry in entries
    )


def present_scope(dataset: Dataset, plan: tuple[Planned, ...]) -> Scope:
    """The live films of a data set."""
    ingest = next(p for p in plan if p.stage.writes is SOURCES)
    return live_scope(dataset, ingest.own(dataset), None)


def status(dataset: Folder, as_json: AsJson = False) -> None:
    """The funnel: for every stage its inputs and what became of them."""
    counts = funnel(open_dataset(dataset))
    if as_json:
        tell_json({"dataset": str(place(dataset)), "stages": as_dicts(counts)})
    else:
        show_funnel(counts, stderr=False)


def funnel(dataset: Dataset) -> list[StageCount]:
    """Counts of every stage that the data set has."""
    plan = present_plan(dataset)
    scope = present_scope(dataset, plan)
    current = {p.stage.name: p.fingerprint for p in plan_for(dataset, STAGES, names_of(plan), {})}
    return [
        count(
            dataset,
            planned,
            narrowed(dataset, plan, planned, scope),
            stale=current[planned.stage.name] != planned.fingerprint,
        )
        for planned in plan
    ]


def names_of(plan: tuple[Planned, ...]) -> list[str]:
    """The stages of a plan."""
    return [planned.stage.name for planned in plan]


def rows(
    table: Annotated[str, typer.Argument(help="A table, such as clips or quality.")],
    dataset: Folder,
    where: Annotated[
        str | None, typer.Option(help="A rule, such as 'quality.sharpness >= 20'.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="Columns to show, with commas; also of other tables.")
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="The inputs that failed, with reasons.")
    ] = False,
    dropped: Annotated[
        bool, typer.Option("--dropped", help="The inputs that were dropped, with reasons.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Show the first N rows only.")] = None,
) -> None:
    """Any table as JSON lines on stdout."""
    opened = open_dataset(dataset)
    plan = present_plan(opened)
    statuses = [s for s, wanted in ((FAILED, failed), (DROPPED, dropped)) if wanted]
    shown = (
        status_rows(opened, plan, table, statuses, where, columns)
        if statuses
        else table_rows(opened, plan, table, where, columns)
    )
    for row in shown.slice(0, limit).to_pylist():
        tell_json(row)


def table_rows(
    dataset: Dataset,
    plan: tuple[Planned, ...],
    table: str,
    where: str | None,
    columns: str | None,
) -> pa.Table:
    """The live rows of a table that satisfy a rule, with some columns."""
    scope = present_scope(dataset, plan)
    tables = present_tables(plan)
    read = reader(dataset, plan, scope)
    found = live_rows(dataset, plan, scope, read(table), table)
    if where:
        found = select_rows(found, table, parse(where), tables, read)
    if columns:
        wanted = [c.strip() for c in columns.split(",")]
        found = columns_beside(found, table, wanted, tables, read)
    return found


def present_tables(plan: tuple[Planned, ...]) -> dict[str, Table[Any]]:
    """The tables that a data set has, by name."""
    return {**{p.stage.writes.name: p.stage.writes for p in plan}, FILES.name: FILES}


def reader(dataset: Dataset, plan: tuple[Planned, ...], scope: Scope) -> Read:
    """What reads a table's rows of live films, by the table's name.

    It raises UsageError for a table that the data set does not have.
    """
    tables = present_tables(plan)
    shelves = {p.stage.writes.name: p.own(dataset) for p in plan}
    shelves[FILES.name] = dataset.shelf(FILES, FOUND)

    def read(name: str) -> pa.Table:
        if name not in tables:
            raise UsageError(f"no table '{name}' here{suggest(name, tables)}")
        rows = scope.keep(shelves[name].read(None, tables[name].schema))
        return tables[name].one_row_a_key(rows)

    return read


def live_rows(
    dataset: Dataset, plan: tuple[Planned, ...], scope: Scope, rows: pa.Table, table: str
) -> pa.Table:
    """The rows whose input is still there; others wait for an input that comes back."""
    planned = next((p for p in plan if p.stage.writes.name == table), None)
    if planned is None or planned.stage.reads.key != planned.stage.writes.key:
        return rows
    key = planned.stage.reads.key
    inputs = live_inputs(dataset, planned, scope)[key].combine_chunks()
    return rows.filter(pc.is_in(rows[key], value_set=inputs))


def status_rows(
    dataset: Dataset,
    plan: tuple[Planned, ...],
    table: str,
    statuses: Sequence[str],
    where: str | None,
    columns: str | None,
) -> pa.Table:
    """The live inputs of a table's stage that came to one of some statuses, with the reasons.

    A rule, and columns of other tables, speak of those inputs: of clips, say, or of films.
    """
    planned = next((p for p in plan if p.stage.writes.name == table), None)
    if planned is None:
        written = [p.stage.writes.name for p in plan]
        raise UsageError(f"no table '{table}' here{suggest(table, written)}")
    scope = present_scope(dataset, plan)
    tables, read = present_tables(plan), reader(dataset, plan, scope)
    inputs, key = planned.stage.reads.name, planned.stage.reads.key
    done = planned.own(dataset).done()
    found = done.filter(pc.is_in(done["status"], value_set=pa.array(statuses)))
    rows = read(inputs)
    rows = rows.filter(pc.is_in(rows[key], value_set=found["id"].combine_chunks()))
    if where:
        rows = select_rows(rows, inputs, parse(where), tables, read)
    found = found.take(pc.drop_null(places(rows[key], found["id"])))
    named = FILES if planned.stage.reads is FILES else SOURCES
    if key == named.key:
        paths = read(named.name)
        path = paths["path"].take(places(found["id"], paths[named.key]))
        found = found.append_column("path", path)
    if not columns:
        return found
    wanted = [c.strip() for c in columns.split(",")]
    own = [c for c in wanted if c in found.column_names]
    others = [c for c in wanted if c not in own]
    beside = columns_beside(rows, inputs, others, tables, read)
    return pa.table({c: found[c] if c in own else beside[c] for c in wanted})


def config(
    file: Annotated[
        Path | None, typer.Option("--check", help="Check this config file instead.")
    ] = None,
) -> None:
    """The full default config: each option with description, unit and bound."""
    if file is None:
        tell(default_config(STAGES))
        return
    configs = load_config(file, STAGES)
    check_stages(make_plan(STAGES, list(configs), {**defaults(), **configs}, ROOTS, []))
    say(f"{file}: {quantity(len(configs), 'stage')}, no fault")


def defaults() -> dict[str, StageConfig]:
    """The default options of every stage."""
    return {stage.name: stage.config() for stage in STAGES}


def clean(
    dataset: Folder,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove, instead of only saying what.")
    ] = False,
) -> None:
    """Drop rows and files that no current options ask for, or that a kill left half written."""
    opened = open_dataset(dataset)
    current = {name: entry["fingerprint"] for name, entry in opened.manifest().items()}
    with writing(opened.root):
        for path in (*stale_folders(opened, current), *leftovers(opened)):
            tell_json({"path": str(path), "bytes": bytes_below(path), "removed": yes})
            if yes:
                remove(path)
    if not yes:
        say("nothing was removed: add --yes")


def leftovers(dataset: Dataset) -> list[Path]:
    """What runs that were killed left half written; nobody writes while the lock is held.

    Objects are never half written.
    """
    if isinstance(dataset.root, Remote):
        return []
    return sorted(p for kind in ("partial", "old") for p in dataset.root.rglob(f".*.{kind}"))


def stale_folders(dataset: Dataset, current: dict[str, Any]) -> list[Place]:
    """Folders of tables as earlier options made them."""
    return sorted(
        folder
        for name, fingerprint in current.items()
        for folder in folders_in(dataset.root / name)  # a table without rows has none
        if folder.name != fingerprint
    )
