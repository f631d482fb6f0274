"""Commands that look at a data set or tidy it: status, rows, config, clean."""

from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
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
from vidcurate.plan import Planned, recorded_config
from vidcurate.records import FILES, SOURCES
from vidcurate.rules import parse
from vidcurate.runner import plan_for
from vidcurate.spare import narrowed
from vidcurate.stage import Stage, StageConfig
from vidcurate.stages import STAGES
from vidcurate.storage import Place, Remote, bytes_below, folders_in, place, remove
from vidcurate.table import Table

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
    shown = (
        status_rows(opened, plan, table, FAILED if failed else DROPPED)
        if (failed or dropped)
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
            raise UsageError(f"no table '{name}' here; there are {', '.join(tables)}")
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
    return rows.filter(pa.compute.is_in(rows[key], value_set=inputs))


def status_rows(dataset: Dataset, plan: tuple[Planned, ...], table: str, status: str) -> pa.Table:
    """The inputs of a table's stage that came to a status, with the reasons and files."""
    planned = next((p for p in plan if p.stage.writes.name == table), None)
    if planned is None:
        names = ", ".join(p.stage.writes.name for p in plan)
        raise UsageError(f"no table '{table}' here; there are {names}")
    done = planned.own(dataset).done()
    found = done.filter(pa.compute.equal(done["status"], status))
    scope = present_scope(dataset, plan)
    live = live_inputs(dataset, planned, scope)[planned.stage.reads.key].combine_chunks()
    found = found.filter(pa.compute.is_in(found["id"], value_set=live))
    named = FILES if planned.stage.reads is FILES else SOURCES
    if planned.stage.reads.key != named.key:
        return found
    shelves = {p.stage.writes.name: p.own(dataset) for p in plan}
    shelves[FILES.name] = dataset.shelf(FILES, FOUND)
    files = shelves[named.name].read([named.key, "path"], named.schema)
    where = pa.compute.index_in(found["id"], value_set=files[named.key].combine_chunks())
    return found.append_column("path", files["path"].take(where))


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
    say(f"{file}: {len(configs)} stages, no fault")


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
