"""Run stages: what is pending goes to the engine, what became of it is counted."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import pyarrow.compute as pc

from vidcurate.engines import Engine
from vidcurate.errors import EmptyResultError, TooManyFailuresError, UsageError
from vidcurate.pipeline.counts import (
    StageCount,
    count,
    keep_count,
    keep_origin,
    keep_outcome,
    known_count,
    why_redone,
)
from vidcurate.pipeline.discovery.identity import tell_apart
from vidcurate.pipeline.finalize import FinishView
from vidcurate.pipeline.inputs import (
    FOUND,
    Scope,
    batches,
    gone_videos,
    live_inputs,
    live_scope,
    pending,
)
from vidcurate.pipeline.pruning import narrowed
from vidcurate.pipeline.resolve import Planned, choose_configs, make_plan
from vidcurate.pipeline.retries import Attempts, Shrink
from vidcurate.pipeline.worker import Job, Report
from vidcurate.records import EXPORTS, FILES, SOURCES
from vidcurate.stage import Lookup, MapStage, Stage, StageConfig, TableStage, given_options
from vidcurate.store.dataset import FAILED, Dataset
from vidcurate.store.versions import library_versions
from vidcurate.wording import quantity

# Nothing is in hand between these many batches, and their parts are put together, so that a long
# run that is killed is quick to resume.
BATCHES_BETWEEN = 1024
ROOTS = {FILES.name: FOUND}


class Listener(Protocol):
    """Who is told how a run goes on."""

    def began(self, stage: str, todo: int, done_before: int) -> None:
        """A stage begins with this much to do."""

    def advanced(self, stage: str, report: Report) -> None:
        """A batch of a stage ended."""

    def ended(self, counts: StageCount) -> None:
        """A stage ended."""

    def note(self, text: str) -> None:
        """Something that a user should know."""


@dataclass(frozen=True)
class Limits:
    """How far a run goes; `time_factor` stretches the stages' own time limits of a row.

    `allow_loss` lets an export replace one that holds more.
    """

    videos: int | None = None
    failures: int | None = None
    retry_failed: bool = False
    time_factor: float = 1.0
    allow_loss: bool = False


@dataclass
class Run:
    """One run over one data set; `beside` is another that works on it at the same time.

    `plan` is all that runs, whichever part is in hand. `failures` are the inputs of each stage
    that failed, in this run, or earlier if failures are limited and they are not tried again.
    `unanswered` holds, by stage, why rows stay to be done, `requests` what each stage that asks a
    model was to ask.
    """

    dataset: Dataset
    engine: Engine
    listener: Listener
    limits: Limits = field(default_factory=Limits)
    plan: Sequence[Planned] = ()
    counts: list[StageCount] = field(default_factory=list)
    shrinks: list[Shrink] = field(default_factory=list)
    failures: dict[str, set[str]] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    interrupted: bool = False
    unanswered: dict[str, str] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    concurrent: "Run | None" = None

    @property
    def failed(self) -> int:
        """How many inputs failed, over all stages."""
        return sum(map(len, self.failures.values()))

    def stop(self) -> None:
        """End after the batches in hand."""
        for run in (self, self.concurrent):
            if run is not None:
                run.interrupted = True
                run.engine.stop()

    def engines(self) -> list[Engine]:
        """Where work is done at present."""
        return [run.engine for run in (self, self.concurrent) if run is not None]

    def tell(self, notes: Sequence[str]) -> None:
        """Tell each of some notes once a run."""
        for note in notes:
            if note not in self.told:
                self.told.append(note)
                self.listener.note(note)

    def shrank(self, shrink: Shrink) -> None:
        """Note, and tell, that a stage goes on with less at once."""
        self.shrinks.append(shrink)
        self.listener.note(str(shrink))


def plan_for(
    dataset: Dataset,
    stages: Sequence[Stage],
    chosen: Sequence[str],
    given: Mapping[str, StageConfig],
    without: Sequence[str] = (),
) -> tuple[Planned, ...]:
    """What has to run so that the chosen stages are up to date, `without` some that may be."""
    manifest = dataset.manifest()
    configs = choose_configs(stages, given, manifest)
    return make_plan(stages, chosen, configs, ROOTS, list(manifest), without)


def run_plan(run: Run, plan: Sequence[Planned]) -> None:
    """Run every stage of a plan and add to `run.counts` what came of it.

    Raises TooManyFailuresError past the limit, and EmptyResultError when the last stage has no
    rows at all.
    """
    run.tell(check_stages(plan))
    check_finishes(run, plan)
    run.plan = plan
    scope = Scope()
    for planned in plan:
        run_stages(run, [planned], scope)
        if planned.stage.writes is SOURCES:
            scope = live_scope(run.dataset, planned.own(run.dataset), run.limits.videos)
        judged = narrowed(run.dataset, plan, planned, scope)
        run.counts.append(count(run.dataset, planned, judged))
        keep_count(run.dataset, planned, judged, run.counts[-1])
        run.listener.ended(run.counts[-1])
        if run.interrupted:
            return
    if run.counts and run.counts[-1].rows == 0:
        last = run.counts[-1].stage
        raise EmptyResultError(run.unanswered.get(last) or why_empty(run.counts, run.dataset))
    tell_gone(run, plan, scope)
    for planned in plan:
        if not run.interrupted:
            finish(run, planned, scope)


def tell_gone(run: Run, plan: Sequence[Planned], scope: Scope) -> None:
    """Say how many clips of an export are of videos that their sources no longer name."""
    exports = next((p for p in plan if p.stage.writes is EXPORTS), None)
    sources = next((p for p in plan if p.stage.writes is SOURCES), None)
    if exports is None or sources is None:
        return
    videos = gone_videos(run.dataset, sources.own(run.dataset))
    rows = exports.own(run.dataset).read(["clip_id", "video_id"], EXPORTS.schema)
    kept = live_inputs(run.dataset, exports, scope)["clip_id"].combine_chunks()
    rows = scope.keep(rows).filter(pc.is_in(scope.keep(rows)["clip_id"], value_set=kept))
    n_clips = pc.sum(pc.is_in(rows["video_id"], value_set=videos)).as_py()
    if n_clips:
        run.listener.note(
            f"the export holds {n_clips} {'clip' if n_clips == 1 else 'clips'} of videos that are "
            "gone or no longer listed: to take them out, "
            f"`vidcurate drop --gone -d {run.dataset.root}`"
        )


def check_stages(plan: Sequence[Planned]) -> list[str]:
    """Let each stage say, before anything runs, what cannot be done.

    Gives what a user should know of how the rest is done. Raises the UsageError of the one stage
    that has a fault, or one with a line for each of several.
    """
    configs = {planned.stage.name: planned.config for planned in plan}
    faults: list[UsageError] = []
    told: list[str] = []
    for planned in plan:
        if isinstance(planned.stage, MapStage):
            try:
                note = planned.stage.check(planned.config, configs)
            except UsageError as error:
                faults.append(error)
            else:
                told += [note] if note else []
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise UsageError("\n".join(dict.fromkeys(map(str, faults))))
    return told


def check_finishes(run: Run, plan: Sequence[Planned]) -> None:
    """Let each stage say, before anything runs, that its finish cannot be; raises UsageError."""
    for planned in plan:
        if isinstance(planned.stage, MapStage) and planned.stage.finish:
            planned.stage.finish.check(planned.config, view_for(run, planned, Scope()))


def run_stages(run: Run, plan: Sequence[Planned], scope: Scope, whole: Scope | None = None) -> None:
    """Bring the tables of some stages up to date, as far as `scope` goes.

    Table stages are redone over `whole`, which is `scope` if not given. Raises
    TooManyFailuresError past the limit.
    """
    for planned in plan:
        if run.interrupted:
            return
        remember(run.dataset, planned)
        is_whole = isinstance(planned.stage, TableStage)
        run_stage(run, planned, (whole or scope) if is_whole else scope)
        if run.limits.failures is not None and run.failed > run.limits.failures:
            raise TooManyFailuresError(
                f"{quantity(run.failed, 'row')} failed, more than the {run.limits.failures} "
                f"allowed: see vidcurate rows {planned.stage.writes.name} --failed "
                f"-d {run.dataset.root}"
            )


def run_stage(run: Run, planned: Planned, scope: Scope) -> None:
    """Bring one stage's table up to date."""
    scope = narrowed(run.dataset, run.plan, planned, scope)
    if isinstance(planned.stage, TableStage):
        run_table_stage(run, planned, planned.stage, scope)
        return
    run_map_stage(run, planned, scope)
    if planned.stage.writes is SOURCES and not run.interrupted:
        sources = planned.own(run.dataset)
        if tell_apart(run.dataset, sources, run.listener.note, lambda: run.interrupted):
            run_map_stage(run, planned, scope)


def run_map_stage(run: Run, planned: Planned, scope: Scope) -> None:
    """Do what is pending of a stage that takes each row by itself."""
    assert isinstance(planned.stage, MapStage)
    take_back_outdated(run, planned, planned.stage, scope)
    known = known_count(run.dataset, planned, scope)
    if known and not known.pending and not (known.failed and run.limits.retry_failed):
        note_recorded_failures(run, planned, scope, known.failed)
        run.listener.began(planned.stage.name, 0, known.inputs)
        return
    own = planned.own(run.dataset)
    compact(run, planned)
    inputs = live_inputs(run.dataset, planned, scope)
    done = own.done()
    key = planned.stage.reads.key
    todo = pending(inputs, key, done, retry_failed=run.limits.retry_failed)
    note_recorded_failures(run, planned, scope)
    n_todo = len(todo[key].unique())
    run.listener.began(planned.stage.name, n_todo, len(inputs[key].unique()) - n_todo)
    announce(run, planned, planned.stage, n_todo)
    job = Job(
        run.dataset.root,
        planned.stage,
        planned.config,
        planned.fingerprint,
        planned.tables,
        run.limits.time_factor if run.engine.isolates else None,
    )
    todo_batches = batches(run.dataset, planned, todo, run.engine.workers)
    attempts = Attempts(run.engine, job, run.shrank)
    unanswered: Counter[str] = Counter()
    n_batches = max(BATCHES_BETWEEN, 64 * run.engine.workers)
    while not run.interrupted and (some := list(islice(todo_batches, n_batches))):
        for report in attempts.reports(some):
            failed = run.failures.setdefault(planned.stage.name, set())
            failed.update(i for i, status, _ in report.statuses if status == FAILED)
            run.listener.advanced(planned.stage.name, report)
            run.tell([f"{planned.stage.name}: {text}" for text in report.notes])
            unanswered += report.unanswered
        compact(run, planned)
    if unanswered:
        [(reason, _)] = unanswered.most_common(1)
        rows = f"{unanswered.total()} row{'s' * (unanswered.total() > 1)}"
        told = f"no answer for {rows}, which the next run asks for again: {reason}"
        run.unanswered[planned.stage.name] = f"{planned.stage.name}: {told}"
        run.listener.note(run.unanswered[planned.stage.name])
    remember(run.dataset, planned, was_written=True)


def note_recorded_failures(
    run: Run, planned: Planned, scope: Scope, at_most: int | None = None
) -> None:
    """Count what failed in an earlier run, and is not tried again, against the limit."""
    if run.limits.failures is None or run.limits.retry_failed or at_most == 0:
        return
    done = planned.own(run.dataset).done()
    failed = done["id"].filter(pc.equal(done["status"], FAILED))
    keys = live_inputs(run.dataset, planned, scope)[planned.stage.reads.key]
    live = failed.filter(pc.is_in(failed, value_set=keys.combine_chunks()))
    run.failures.setdefault(planned.stage.name, set()).update(live.to_pylist())


def announce(run: Run, planned: Planned, stage: MapStage[Any, Any, Any, Any], n_todo: int) -> None:
    """Say, before the first of them, how many requests a stage sends to whom, and why."""
    estimate = stage.cost.requests(planned.config)
    if estimate is None or not n_todo:
        return
    n_requests = estimate.per_row * n_todo
    count_of = f"{'at least ' * estimate.is_minimum}{n_requests} request{'s' * (n_requests > 1)}"
    why = f", {planned.because}" if planned.because else ""
    run.listener.note(f"{stage.name}: {count_of} to {estimate.to}{why}")
    run.requests.append(
        {
            "stage": stage.name,
            "requests": n_requests,
            "is_minimum": estimate.is_minimum,
            "to": estimate.to,
            "because": planned.because,
        }
    )


def take_back_outdated(
    run: Run, planned: Planned, stage: MapStage[Any, Any, Any, Any], scope: Scope
) -> None:
    """Take back the rows that were made of what is no longer so, in one step."""
    if stage.outdated is None:
        return
    keys = stage.outdated(planned.config, view_for(run, planned, scope))
    if not len(keys):
        return
    planned.own(run.dataset).take_back(keys, stage.reads.key, stage.writes.schema)


def compact(run: Run, planned: Planned) -> None:
    """Put a table's many small parts together, unless another stage may be reading them."""
    if run.concurrent is None:
        planned.own(run.dataset).compact(planned.stage.writes.schema)


def run_table_stage(
    run: Run, planned: Planned, stage: TableStage[Any, Any, Any], scope: Scope
) -> None:
    """Redo a table stage over all live rows, unless all it reads is as it was."""
    known = known_count(run.dataset, planned, scope)
    if known and not known.pending and not why_redone(run.dataset, planned, scope):
        note_recorded_failures(run, planned, scope, known.failed)
        run.listener.began(stage.name, 0, known.inputs)
        return
    began = time.perf_counter()
    wanted = (Lookup(stage.reads), *stage.lookups(planned.config))
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
    keep_origin(run.dataset, planned, scope, tables[stage.reads.name][stage.reads.key])
    remember(run.dataset, planned, was_written=True)
    keep_outcome(run.dataset, planned, scope, outcome)
    failed = outcome.done.filter(pc.equal(outcome.done["status"], FAILED))
    run.failures[stage.name] = set(failed["id"].to_pylist())
    told = tuple(zip(*(failed[c].to_pylist() for c in ("id", "status", "reason")), strict=True))
    took_s = time.perf_counter() - began
    # Of a million rows only those that failed are told one by one.
    others = outcome.done.num_rows - failed.num_rows
    run.listener.advanced(stage.name, Report(told, took_s, others=others))


def finish(run: Run, planned: Planned, scope: Scope) -> None:
    """Do what a stage does once, when all rows are there."""
    if not isinstance(planned.stage, MapStage) or planned.stage.finish is None:
        return
    run.listener.note(planned.stage.finish.run(planned.config, view_for(run, planned, scope)))


def view_for(run: Run, planned: Planned, scope: Scope) -> FinishView:
    """What a stage's finish sees in this run."""
    return FinishView(run.dataset, planned, scope, run.counts, run.limits.allow_loss)


def remember(dataset: Dataset, planned: Planned, *, was_written: bool = False) -> None:
    """Write into the manifest what a table's current rows are made by.

    Of a table that `was_written` the versions of libraries are read anew from its commits: rows
    of an earlier run were made by others, and workers on other machines may have their own.
    """
    stage = planned.stage
    before = dataset.manifest().get(stage.writes.name, {})
    entry = {
        "stage": stage.name,
        "fingerprint": planned.fingerprint,
        "version": stage.version.number,
        "options": planned.config.model_dump(mode="json"),
        "decides": sorted(given_options(planned.config)),
        "reads": {k: v for k, v in planned.tables.items() if k != stage.writes.name},
    }
    if was_written or before.get("fingerprint") != planned.fingerprint:
        made = [*planned.own(dataset).versions().values()] or [library_versions()]
        entry["versions"], entry["earlier_versions"] = made[-1], made[:-1]
    else:
        entry |= {k: before[k] for k in ("versions", "earlier_versions") if k in before}
    if before != entry or dataset.id is None:
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
        f"({quantity(most[1], 'time')}: {most[0]}); see vidcurate status -d {dataset.root}"
    )
