"""Run stages: what is pending goes to the engine, what became of it is counted."""

import platform
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from vidcurate.dataset import FAILED, Dataset, batch_name
from vidcurate.engines import Crash, Engine
from vidcurate.errors import EmptyResultError, TooManyFailuresError
from vidcurate.funnel import StageCount, count
from vidcurate.pending import FOUND, Scope, batches, live_inputs, live_scope, pending
from vidcurate.plan import Planned, choose_configs, make_plan
from vidcurate.records import FILES, SOURCES
from vidcurate.stage import Beside, MapStage, Stage, StageConfig, TableStage, given_options
from vidcurate.table import Table
from vidcurate.worker import Batch, Job, Report, commit_crash, reread, work

ROOTS = {FILES.name: FOUND}
LIBRARIES = (
    "vidcurate",
    "av",
    "numpy",
    "opencv-python-headless",
    "pyarrow",
    "scenedetect-headless",
)


class Listener(Protocol):
    """Who is told how a run goes on."""

    def began(self, stage: str, todo: int, done_before: int) -> None:
        """A stage begins with this much to do."""

    def advanced(self, report: Report) -> None:
        """A batch ended."""

    def ended(self, counts: StageCount) -> None:
        """A stage ended."""

    def note(self, text: str) -> None:
        """Something that a user should know."""


@dataclass(frozen=True)
class Limits:
    """How far a run goes."""

    films: int | None = None
    failures: int | None = None
    retry_failed: bool = False


@dataclass
class Run:
    """One run over one data set."""

    dataset: Dataset
    engine: Engine
    listener: Listener
    limits: Limits = field(default_factory=Limits)
    counts: list[StageCount] = field(default_factory=list)
    failed: int = 0
    interrupted: bool = False

    def stop(self) -> None:
        """End after the batches in hand."""
        self.interrupted = True
        self.engine.stop()


def plan_for(
    dataset: Dataset,
    stages: Sequence[Stage],
    chosen: Sequence[str],
    given: Mapping[str, StageConfig],
) -> tuple[Planned, ...]:
    """What has to run so that the chosen stages are up to date."""
    manifest = dataset.manifest()
    configs = choose_configs(stages, given, manifest)
    return make_plan(stages, chosen, configs, ROOTS, list(manifest))


def run_plan(run: Run, plan: Sequence[Planned]) -> None:
    """Run every stage of a plan and add to `run.counts` what came of it.

    Raises TooManyFailuresError past the limit, and EmptyResultError when the last stage has no
    rows at all.
    """
    configs = {planned.stage.name: planned.config for planned in plan}
    for planned in plan:
        if isinstance(planned.stage, MapStage):
            planned.stage.check(planned.config, configs)
    scope = Scope()
    for planned in plan:
        remember(run.dataset, planned)
        run_stage(run, planned, scope)
        if planned.stage.writes is SOURCES:
            scope = live_scope(run.dataset, planned.own(run.dataset), run.limits.films)
        run.counts.append(count(run.dataset, planned, scope))
        run.listener.ended(run.counts[-1])
        if run.limits.failures is not None and run.failed > run.limits.failures:
            raise TooManyFailuresError(
                f"{run.failed} rows failed, more than the {run.limits.failures} allowed: "
                f"see vidcurate rows {planned.stage.writes.name} --failed -d {run.dataset.root}"
            )
        if run.interrupted:
            return
    if run.counts and run.counts[-1].rows == 0:
        raise EmptyResultError(why_empty(run.counts, run.dataset))
    for planned in plan:
        finish(run, planned, scope)


def run_stage(run: Run, planned: Planned, scope: Scope) -> None:
    """Bring one stage's table up to date."""
    if isinstance(planned.stage, TableStage):
        run_table_stage(run, planned, planned.stage, scope)
        return
    inputs = live_inputs(run.dataset, planned, scope)
    done = planned.own(run.dataset).done()
    key = planned.stage.reads.key
    todo = pending(inputs, key, done, retry_failed=run.limits.retry_failed)
    n_todo = len(todo[key].unique())
    run.listener.began(planned.stage.name, n_todo, len(inputs[key].unique()) - n_todo)
    job = Job(run.dataset.root, planned.stage, planned.config, planned.fingerprint, planned.tables)
    todo_batches = batches(run.dataset, planned, todo, run.engine.workers)
    for report in reports(run.engine, job, todo_batches):
        run.failed += Counter(status for _, status, _ in report.statuses)[FAILED]
        run.listener.advanced(report)
    planned.own(run.dataset).compact(planned.stage.writes.schema)


def reports(engine: Engine, job: Job, todo: Iterator[Batch]) -> Iterator[Report]:
    """What became of each batch; the rows of one that killed its worker are tried one by one."""
    resources = job.stage.resources(job.config)
    began_ns = time.time_ns()
    singles: deque[Batch] = deque()
    queue: Iterator[Batch] = todo
    while True:
        ends = engine.map(partial(work, job), queue, gpus=resources.gpus, at_most=resources.at_most)
        for batch, result in ends:
            if not isinstance(result, Crash):
                yield result
            elif job.own().committed_since(batch_name(batch.ids), began_ns):
                yield reread(job, batch)
            elif len(batch.ids) == 1:
                yield commit_crash(job, batch.ids[0], result.reason)
            else:
                singles.extend(Batch((i,), batch.parts) for i in batch.ids)
        if not singles:
            return
        queue = iter([singles.popleft() for _ in range(len(singles))])


def run_table_stage(
    run: Run, planned: Planned, stage: TableStage[Any, Any, Any], scope: Scope
) -> None:
    """Redo a table stage over all live rows."""
    began = time.perf_counter()
    wanted = (Beside(stage.reads), *stage.beside(planned.config))
    tables = {
        b.table.name: scope.keep(
            planned.shelf(run.dataset, b.table).read(b.columns, b.table.schema)
        )
        for b in wanted
        if b.table.name in planned.tables
    }
    n_rows = tables[stage.reads.name].num_rows
    run.listener.began(stage.name, n_rows, 0)
    outcome = stage.run(tables, planned.config)
    planned.own(run.dataset).replace(outcome.rows, outcome.done)
    statuses = zip(*(outcome.done[c].to_pylist() for c in ("id", "status", "reason")), strict=True)
    report = Report(tuple(statuses), time.perf_counter() - began)
    run.failed += Counter(status for _, status, _ in report.statuses)[FAILED]
    run.listener.advanced(report)


@dataclass(frozen=True)
class FinishView:
    """What a stage's finish sees of the data set."""

    dataset: Dataset
    planned: Planned
    scope: Scope
    counts: Sequence[StageCount]

    @property
    def root(self) -> Path:
        """The data set's folder."""
        return self.dataset.root

    @property
    def files(self) -> Path:
        """The folder of the files that this stage's own rows name."""
        return self.planned.own(self.dataset).files

    def has(self, table: Table[Any]) -> bool:
        """Whether an optional table is there."""
        return table.name in self.planned.tables

    def files_of(self, table: Table[Any]) -> Path:
        """The folder of the files that another table's rows name."""
        return self.planned.shelf(self.dataset, table).files

    def beside(self, table: Table[Any]) -> Mapping[str, Any]:
        """All rows of a declared table, by key."""
        return {getattr(row, table.key): row for row in table.from_arrow(self.scan(table))}

    def scan(self, table: Table[Any], columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of live films in a declared table, or in this stage's own."""
        return self.scope.keep(self.planned.shelf(self.dataset, table).read(columns, table.schema))

    def provenance(self) -> Mapping[str, Any]:
        """The manifest: what made each table."""
        return self.dataset.manifest()

    def funnel(self) -> Sequence[Mapping[str, Any]]:
        """Counts of every stage that ran."""
        return [c.as_dict() for c in self.counts]


def finish(run: Run, planned: Planned, scope: Scope) -> None:
    """Do what a stage does once, when all rows are there."""
    if not isinstance(planned.stage, MapStage) or planned.stage.finish is None:
        return
    view = FinishView(run.dataset, planned, scope, run.counts)
    run.listener.note(planned.stage.finish(planned.config, view))


def remember(dataset: Dataset, planned: Planned) -> None:
    """Write into the manifest what a table's current rows are made by."""
    stage = planned.stage
    entry = {
        "stage": stage.name,
        "fingerprint": planned.fingerprint,
        "version": stage.version,
        "options": planned.config.model_dump(mode="json"),
        "decides": sorted(given_options(planned.config)),
        "reads": {k: v for k, v in planned.tables.items() if k != stage.writes.name},
        "versions": {"python": platform.python_version()} | {n: version(n) for n in LIBRARIES},
    }
    if dataset.manifest().get(stage.writes.name) != entry:
        dataset.record(stage.writes, entry)


def why_empty(counts: Sequence[StageCount], dataset: Dataset) -> str:
    """Which stage lost everything, and for what reason."""
    first = next(c for c in counts if c.rows == 0)
    if first.inputs == 0:
        return f"nothing came out: {first.stage} was given nothing to work on"
    reasons = {**first.reasons, **first.dropped}
    most = next(iter(reasons.items()), ("it found nothing", first.inputs))
    return (
        f"nothing came out: {first.stage} left none of {first.inputs} "
        f"({most[1]} times: {most[0]}); see vidcurate status -d {dataset.root}"
    )
