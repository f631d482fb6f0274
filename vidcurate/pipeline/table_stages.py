"""Bring the table of a table stage up to date: it is made anew where anything it reads changed."""

import time

import pyarrow.compute as pc

from vidcurate.pipeline.counts import cached_count, count_outcome, save_count
from vidcurate.pipeline.inputs import input_tables, stage_inputs
from vidcurate.pipeline.job import Report
from vidcurate.pipeline.provenance import (
    reason_to_redo,
    record_in_manifest,
    record_inputs,
    table_hashes,
)
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.scope import Scope
from vidcurate.stage import TableStage
from vidcurate.store.dataset import FAILED


def update_table_stage(run: Run, resolved: ResolvedStage, scope: Scope) -> None:
    """Redo a table stage over all live rows, unless all that it reads is as it was."""
    stage, dataset = resolved.stage, run.dataset
    assert isinstance(stage, TableStage)
    count = cached_count(dataset, resolved, scope)
    if count and not count.pending and not reason_to_redo(dataset, resolved, scope):
        if count.failed and run.counts_earlier_failures:
            run.add_failures(stage.name, stage_inputs(dataset, resolved, scope).failed)
        run.listener.began(stage.name, 0, count.inputs)
        return
    began = time.perf_counter()
    hashes = table_hashes(dataset, resolved)
    tables = input_tables(dataset, resolved, scope, resolved.tables)
    inputs = tables[stage.reads.name]
    if not stage.takes_lists:
        run.listener.began(stage.name, inputs.num_rows, 0)
    outcome = stage.run(tables, resolved.config)
    if stage.takes_lists:
        run.listener.began(stage.name, outcome.done.num_rows, 0)
    resolved.output(dataset).replace(outcome.rows, outcome.done)
    record_inputs(dataset, resolved, scope, inputs[stage.reads.key], hashes)
    record_in_manifest(dataset, resolved, was_written=True)
    save_count(dataset, resolved, scope, count_outcome(resolved, scope, outcome))
    # Of a million rows only those that failed are listed.
    failed = outcome.done.filter(pc.equal(outcome.done["status"], FAILED))
    run.failures[stage.name] = set(failed["id"].to_pylist())
    columns = (failed[name].to_pylist() for name in ("id", "status", "reason"))
    statuses = tuple(zip(*columns, strict=True))
    n_others = outcome.done.num_rows - failed.num_rows
    took_s = time.perf_counter() - began
    run.listener.advanced(stage.name, Report(statuses, took_s, n_unlisted=n_others))
    if outcome.message:
        run.listener.note(f"{stage.name}: {outcome.message}")
