"""Run a plan: for each stage its inputs go through the engine, and what became of them is counted.

A run calls downwards only: runner -> map_stages or table_stages -> inputs, batches, retries ->
worker; then counts, and in the end finalize.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from vidcurate.errors import EmptyResultError, TooManyFailuresError, UsageError, quantity
from vidcurate.pipeline.announcements import announce_work
from vidcurate.pipeline.checks import check_run
from vidcurate.pipeline.counts import cached_count, count_tables, save_count, why_empty
from vidcurate.pipeline.discovery.identity import separate_contents
from vidcurate.pipeline.finalize import finalize, finish_stage
from vidcurate.pipeline.map_stages import update_map_stage
from vidcurate.pipeline.provenance import record_in_manifest
from vidcurate.pipeline.pruning import prune
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.scope import Scope, live_scope
from vidcurate.pipeline.settling import settle
from vidcurate.pipeline.table_stages import update_table_stage
from vidcurate.records import SOURCES
from vidcurate.stage import TableStage
from vidcurate.store.dataset import Dataset


def run_pipeline(run: Run, plan: Sequence[ResolvedStage]) -> None:
    """Run every stage of a plan, and add to `run.counts` what came of it.

    Options that the data decide are settled on the way; `run.plan` has them.

    Raises TooManyFailuresError past the limit, and EmptyResultError when the last stage has no
    rows at all.
    """
    check_run(run, plan)
    announce_work(run, plan)
    scope = Scope()
    for position in range(len(plan)):
        plan = run.plan = settle(run, plan, plan[position], scope)
        resolved = plan[position]
        stage_scope = prune(run.dataset, plan, resolved, scope)
        update_stage(run, resolved, stage_scope)
        if resolved.stage.writes is SOURCES:
            sources = resolved.output(run.dataset)
            scope = stage_scope = live_scope(run.dataset, sources, run.options.limit)
        count_and_report(run, resolved, stage_scope)
        if run.interrupted:
            return
        finish_stage(run, resolved, scope, at_once=True)
    if run.counts and run.counts[-1].rows == 0:
        last = run.counts[-1].stage
        raise EmptyResultError(run.unanswered.get(last) or why_empty(run.counts, run.dataset))
    finalize(run, plan, scope)


def run_stages(
    run: Run, stages: Sequence[ResolvedStage], scope: Scope, whole: Scope | None = None
) -> None:
    """Bring the tables of some stages of `run.plan` up to date, as far as `scope` goes.

    Table stages are redone over `whole`, which is `scope` if not given. Raises
    TooManyFailuresError past the limit.
    """
    for resolved in stages:
        if run.interrupted:
            return
        wanted = (whole or scope) if isinstance(resolved.stage, TableStage) else scope
        update_stage(run, resolved, prune(run.dataset, run.plan, resolved, wanted))


def update_stage(run: Run, resolved: ResolvedStage, scope: Scope) -> None:
    """Bring one stage's table up to date; raises TooManyFailuresError past the limit."""
    with forgetting_useless_options(run.dataset, resolved):
        record_in_manifest(run.dataset, resolved)
        if isinstance(resolved.stage, TableStage):
            update_table_stage(run, resolved, scope)
        else:
            update_map_stage(run, resolved, scope)
    if resolved.stage.writes is SOURCES and not run.interrupted:
        sources = resolved.output(run.dataset)
        if separate_contents(run.dataset, sources, run.listener.note, lambda: run.interrupted):
            update_map_stage(run, resolved, scope)
    if run.options.max_failed is not None and run.n_failed > run.options.max_failed:
        raise TooManyFailuresError(
            f"{quantity(run.n_failed, 'row')} failed, more than the {run.options.max_failed} "
            f"allowed: see vidcurate rows {resolved.stage.writes.name} --failed "
            f"-d {run.dataset.root}"
        )


@contextmanager
def forgetting_useless_options(dataset: Dataset, resolved: ResolvedStage) -> Iterator[None]:
    """Take options back out of the manifest where a UsageError ends their stage before any row.

    Else the next command would go on with options that cannot be meant.
    """
    table, output = resolved.stage.writes, resolved.output(dataset)
    entry, files = dataset.manifest().get(table.name), output.listing()
    try:
        yield
    except UsageError:
        if output.listing() == files:
            if entry is None:
                dataset.forget(table)
            else:
                dataset.record(table, entry)
        raise


def count_and_report(run: Run, resolved: ResolvedStage, scope: Scope) -> None:
    """Count what became of a stage's inputs, save the count, and report it."""
    count = cached_count(run.dataset, resolved, scope)
    if count is None:
        count = count_tables(run.dataset, resolved, scope)
        save_count(run.dataset, resolved, scope, count)
    run.counts.append(count)
    run.listener.ended(count)
