"""Commands that look at a data set or tidy it: status, rows, config, clean."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import typer

from vidcurate.cli.output import say, show_funnel, tell, tell_json
from vidcurate.cli.reference import default_config
from vidcurate.errors import UsageError, VidcurateError
from vidcurate.export.files import half_built
from vidcurate.pipeline.config import load_config
from vidcurate.pipeline.counts import StageCount, as_dicts, count, why_redone
from vidcurate.pipeline.inputs import FOUND, Scope, live_inputs, live_scope
from vidcurate.pipeline.pruning import narrowed
from vidcurate.pipeline.resolve import Planned, make_plan, recorded_config
from vidcurate.pipeline.runner import ROOTS, check_stages, plan_for
from vidcurate.records import FILES, SOURCES
from vidcurate.rules import parse
from vidcurate.rules.join import Read, columns_beside, select_rows
from vidcurate.stage import Stage, StageConfig, TableStage
from vidcurate.stages import STAGES
from vidcurate.store.dataset import DROPPED, FAILED, OK, Dataset, Shelf
from vidcurate.store.lock import writing
from vidcurate.store.storage import Location, Remote, bytes_below, folders_in, location, remove
from vidcurate.store.table import Table, positions
from vidcurate.wording import quantity, suggest

Folder = Annotated[
    Path, typer.Option("--dataset", "-d", help="The data set's folder.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
# So often a command looks at tables that another one takes away meanwhile.
LOOKS = 5
# Names that only we give: of a folder of rows, and of a file that is being written.
FINGERPRINT = re.compile(r"[0-9a-f]{12}")
PARTIAL = re.compile(r"\..+\.\d+\.[0-9a-f]{8}\.partial")

Found = TypeVar("Found")


def open_dataset(folder: Path) -> Dataset:
    """A data set that is there.

    Raises UsageError where the folder holds none.
    """
    dataset = Dataset(location(folder))
    if not dataset.manifest():
        raise UsageError(
            f"{folder} holds no data set: `vidcurate run SOURCE -d {folder}` makes one"
        )
    return dataset


def steadily(dataset: Dataset, look: Callable[[], Found]) -> Found:
    """What a command finds, `look`ing again where another removed tables of earlier options."""
    for _ in range(LOOKS - 1):
        before = dataset.manifest()
        try:
            found = look()
        except (VidcurateError, OSError):
            if not taken_away(dataset, before):
                raise
        else:
            if not taken_away(dataset, before):
                return found
    return look()


def taken_away(dataset: Dataset, before: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether tables that a manifest named are no longer there; only those of old options go."""
    now = dataset.manifest()
    made = {name: entry["fingerprint"] for name, entry in now.items()}
    return any(
        made.get(name) != entry["fingerprint"]
        and not (dataset.root / name / entry["fingerprint"]).exists()
        for name, entry in before.items()
    )


def recorded(folder: Path, stage: Stage) -> dict[str, StageConfig]:
    """The options that a data set has for a stage, if it has any."""
    entry = Dataset(location(folder)).manifest().get(stage.writes.name)
    return {} if entry is None else {stage.name: recorded_config(stage, entry)}


def recorded_stages(folder: Path) -> list[str]:
    """The stages that a data set has, in the order of the data."""
    manifest = Dataset(location(folder)).manifest()
    return [stage.name for stage in STAGES if stage.writes.name in manifest]


def present_plan(dataset: Dataset) -> tuple[Planned, ...]:
    """The data set's stages as they were last run, each on the tables that are there now."""
    manifest = dataset.manifest()
    made = {name: entry["fingerprint"] for name, entry in manifest.items()}
    entries = [(s, manifest[s.writes.name]) for s in STAGES if s.writes.name in manifest]
    return tuple(
        Planned(
            stage,
            recorded_config(stage, entry),
            entry["fingerprint"],
            {
                **{name: made.get(name, earlier) for name, earlier in entry["reads"].items()},
                stage.writes.name: entry["fingerprint"],
            },
        )
        for stage, entry in entries
    )


def present_scope(dataset: Dataset, plan: tuple[Planned, ...]) -> Scope:
    """The live videos of a data set."""
    ingest = next(p for p in plan if p.stage.writes is SOURCES)
    return live_scope(dataset, ingest.own(dataset), None)


def status(dataset: Folder, as_json: AsJson = False) -> None:
    """The funnel: for every stage its inputs and what became of them."""
    opened = open_dataset(dataset)
    counts = steadily(opened, lambda: funnel(opened))
    if as_json:
        tell_json({"dataset": str(location(dataset)), "stages": as_dicts(counts)})
    else:
        show_funnel(counts, stderr=False)


def funnel(dataset: Dataset) -> list[StageCount]:
    """Counts of every stage that the data set has."""
    plan = present_plan(dataset)
    scope = present_scope(dataset, plan)
    manifest = dataset.manifest()
    current = {p.stage.name: p for p in plan_for(dataset, STAGES, names_of(plan), {})}
    counts = []
    for planned in plan:
        judged = narrowed(dataset, plan, planned, scope)
        entry = manifest[planned.stage.writes.name]
        why = why_stale(entry, current[planned.stage.name], planned)
        why = why or why_redone(dataset, planned, judged)
        counts.append(count(dataset, planned, judged, why_stale=why))
    return counts


def why_stale(entry: Mapping[str, Any], current: Planned, planned: Planned) -> str:
    """Why a stage would make other rows now than those that it made, in words; or nothing."""
    if current.fingerprint == planned.fingerprint:
        return ""
    if entry["version"] != current.stage.version.number:
        return "this version of vidcurate makes it otherwise"
    own = current.stage.writes.name
    changed = [
        t for t, made in current.tables.items() if t != own and entry["reads"].get(t) != made
    ]
    if changed:
        return f"{', '.join(changed)} changed since it was made"
    return "what its options name changed, such as weights, a prompt or another data set"


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

    def look() -> pa.Table:
        plan = present_plan(opened)
        statuses = [s for s, wanted in ((FAILED, failed), (DROPPED, dropped)) if wanted]
        if statuses:
            return status_rows(opened, plan, table, statuses, where, columns)
        return table_rows(opened, plan, table, where, columns)

    for row in steadily(opened, look).slice(0, limit).to_pylist():
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
    """What reads a table's rows of live videos, by the table's name.

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

    A rule, and columns of other tables, speak of those inputs: of clips, say, or of videos.
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
    found = found.take(pc.drop_null(positions(rows[key], found["id"])))
    named = FILES if planned.stage.reads is FILES else SOURCES
    if key == named.key:
        paths = read(named.name)
        path = paths["path"].take(positions(found["id"], paths[named.key]))
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
    with writing(opened.root, say):
        for path in (*stale_folders(opened), *leftovers(opened)):
            tell_json({"path": str(path), "bytes": bytes_below(path), "removed": yes})
            if yes:
                remove(path)
    if not yes:
        say("nothing was removed: add --yes")


def leftovers(dataset: Dataset) -> list[Location]:
    """What runs that were killed left half written; nobody writes while the lock is held.

    It lies in the data set's own folders under names that nobody else gives; half-built exports are
    known by their mark. Objects are never half written, but may lack their commit.
    """
    root = dataset.root
    shelves = [planned.own(dataset) for planned in present_plan(dataset)]
    lost = [shelf.folder / name for shelf in shelves for name in shelf.uncommitted()]
    if isinstance(root, Remote):
        return lost
    own = [root / name for name in (*dataset.manifest(), "counts", "search")]
    found = chain(root.glob(".*.partial"), *(folder.rglob(".*.partial") for folder in own))
    partial = (path for path in found if path.is_file() and PARTIAL.fullmatch(path.name))
    export = root / "export"
    built = half_built(export, dataset.own_id()) if export.exists() else []
    return [*lost, *sorted([*partial, *built])]


def stale_folders(dataset: Dataset) -> list[Location]:
    """Folders of tables as earlier options made them.

    One that has rows which the current options have not made yet stays, and that is said.
    """
    plan = present_plan(dataset)
    scope = present_scope(dataset, plan)
    found: list[Location] = []
    for planned in plan:
        table = planned.stage.writes.name
        # A table without rows has no folder.
        for folder in folders_in(dataset.root / table):
            if folder.name == planned.fingerprint or not FINGERPRINT.fullmatch(folder.name):
                continue
            judged = narrowed(dataset, plan, planned, scope)
            n_only = rows_only_in(Shelf(folder), dataset, planned, judged)
            if n_only:
                say(
                    f"{folder} stays: it has rows for {n_only} inputs that {table} lacks; run "
                    f"vidcurate {planned.stage.name} --retry-failed -d {dataset.root}, or remove it"
                )
            else:
                found.append(folder)
    return sorted(found)


def rows_only_in(earlier: Shelf, dataset: Dataset, planned: Planned, scope: Scope) -> int:
    """How many live inputs have rows of earlier options, but none, and no drop, of these.

    A table stage's are made anew at once, so that none is lost.
    """
    if isinstance(planned.stage, TableStage):
        return 0
    key = planned.stage.reads.key
    inputs = live_inputs(dataset, planned, scope)[key].combine_chunks()
    before, now = earlier.done(), planned.own(dataset).done()
    made = before["id"].filter(pc.equal(before["status"], OK))
    settled = now["id"].filter(pc.not_equal(now["status"], FAILED)).combine_chunks()
    lacking = made.filter(pc.invert(pc.is_in(made, value_set=settled)))
    return int(pc.sum(pc.is_in(lacking, value_set=inputs)).as_py() or 0)
