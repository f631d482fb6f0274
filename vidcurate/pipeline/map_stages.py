"""Bring the table of a map stage up to date: its pending inputs go to the engine in batches."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from vidcurate.errors import quantity
from vidcurate.pipeline.announcements import announce_requests
from vidcurate.pipeline.batches import pending_batches
from vidcurate.pipeline.counts import cached_count
from vidcurate.pipeline.dataset_view import dataset_view
from vidcurate.pipeline.inputs import stage_inputs
from vidcurate.pipeline.job import Batch, Job
from vidcurate.pipeline.provenance import record_in_manifest
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.pipeline.retries import Retries
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.scope import Scope
from vidcurate.stage import MapStage
from vidcurate.store.dataset import FAILED

# Nothing is in progress between these many batches, and their parts are put together, so that a
# long run that is killed is quick to resume.
BATCHES_BETWEEN_COMPACTIONS = 1024


def update_map_stage(run: Run, resolved: ResolvedStage, scope: Scope) -> None:
    """Do what is pending of a stage that takes each row by itself."""
    stage = resolved.stage
    assert isinstance(stage, MapStage)
    withdraw_outdated_rows(run, resolved, stage, scope)
    count = cached_count(run.dataset, resolved, scope)
    needs_failures = run.options.retry_failed or run.counts_earlier_failures
    if count and not count.pending and not (count.failed and needs_failures):
        run.listener.began(stage.name, 0, count.inputs)
        return
    compact(run, resolved)
    inputs = stage_inputs(run.dataset, resolved, scope, retry_failed=run.options.retry_failed)
    if run.counts_earlier_failures:
        run.add_failures(stage.name, inputs.failed)
    run.listener.began(stage.name, inputs.n_pending, inputs.n_live - inputs.n_pending)
    announce_requests(run, resolved, inputs.n_pending)
    work_through(
        run, resolved, pending_batches(run.dataset, resolved, inputs.pending, run.engine.workers)
    )
    record_in_manifest(run.dataset, resolved, was_written=True)


def withdraw_outdated_rows(
    run: Run, resolved: ResolvedStage, stage: MapStage[Any, Any, Any, Any], scope: Scope
) -> None:
    """Remove the rows that were made from files which have changed since, in one step."""
    if stage.outdated is None:
        return
    keys = stage.outdated(resolved.config, dataset_view(run, resolved, scope))
    if len(keys):
        resolved.output(run.dataset).remove_inputs(keys, stage.reads.key, stage.writes.schema)


def work_through(run: Run, resolved: ResolvedStage, batches: Iterator[Batch]) -> None:
    """Have the engine work on batches, and report each; stop after those in progress."""
    stage = resolved.stage
    assert isinstance(stage, MapStage)
    job = Job(
        run.dataset.root,
        stage,
        resolved.config,
        resolved.fingerprint,
        resolved.tables,
        run.options.time_limit_factor if run.engine.isolates else None,
    )
    retries = Retries(run.engine, job, run.report_shrink)
    unanswered: Counter[str] = Counter()
    n_batches = max(BATCHES_BETWEEN_COMPACTIONS, 64 * run.engine.workers)
    while not run.interrupted and (chunk := list(islice(batches, n_batches))):
        for report in retries.reports(chunk):
            failed = (i for i, status, _ in report.statuses if status == FAILED)
            run.add_failures(stage.name, failed)
            run.listener.advanced(stage.name, report)
            run.note_once(f"{stage.name}: {text}" for text in report.notes)
            unanswered += report.unanswered
        compact(run, resolved)
    if unanswered:
        [(reason, _)] = unanswered.most_common(1)
        rows = quantity(unanswered.total(), "row")
        note = f"{stage.name}: no answer for {rows}, which the next run asks for again: {reason}"
        run.unanswered[stage.name] = note
        run.listener.note(note)


def compact(run: Run, resolved: ResolvedStage) -> None:
    """Put a table's many small parts together, unless a concurrent run may be reading them."""
    if run.concurrent is None:
        resolved.output(run.dataset).compact(resolved.stage.writes.schema)
