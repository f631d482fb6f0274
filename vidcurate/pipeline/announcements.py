"""What a run says before it starts: which tables it brings up to date beside those asked for.

Only what lies in the data set now is looked at. What depends on stages that have work to do
themselves is said to be at least so much.
"""

from collections.abc import Sequence

from vidcurate.errors import quantity
from vidcurate.pipeline.counts import cached_count
from vidcurate.pipeline.inputs import stage_inputs
from vidcurate.pipeline.provenance import reason_to_redo
from vidcurate.pipeline.pruning import prune
from vidcurate.pipeline.resolve import WITHOUT, ResolvedStage
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.scope import Scope, live_scope
from vidcurate.records import SOURCES
from vidcurate.stage import MapStage, RequestEstimate, TableStage

MORE_MAY_COME = "more may come of stages before it"


def announce_work(run: Run, plan: Sequence[ResolvedStage]) -> None:
    """Note, before anything starts, what stages will ask of models, and what runs unasked.

    There is one line for each stage that asks a model and has inputs to do, and one for all
    stages without requests that run because the data set has their tables, each with the number of
    its inputs; a plus says that there may be more.
    """
    manifest = run.dataset.manifest()
    sources = next((p for p in plan if p.stage.writes is SOURCES), None)
    if sources is None or SOURCES.name not in manifest:
        return
    scope = live_scope(run.dataset, sources.output(run.dataset), run.options.limit)
    changing: set[str] = set()
    beside: list[str] = []
    for resolved in plan:
        own = resolved.stage.writes.name
        is_known = not changing & (resolved.tables.keys() - {own})
        # What rules over tables that change will reject is not known yet.
        own_scope = scope if changing else prune(run.dataset, plan, resolved, scope)
        if isinstance(resolved.stage, TableStage):
            if not is_known or reason_to_redo(run.dataset, resolved, own_scope):
                changing.add(own)
            continue
        n_pending = count_pending(run, resolved, own_scope)
        estimate = resolved.stage.cost.requests(resolved.config)
        if estimate is not None and (n_pending or (resolved.need.is_optional and not is_known)):
            line = request_line(resolved, estimate, n_pending)
            run.note_once([line if is_known else f"{line}; {MORE_MAY_COME}"])
        elif resolved.need.is_optional and (n_pending or not is_known):
            beside.append(f"{resolved.stage.name} ({n_pending}{'' if is_known else '+'})")
        before = manifest.get(own, {}).get("fingerprint")
        if n_pending or not is_known or before != resolved.fingerprint:
            changing.add(own)
    if beside:
        why = "since their tables are there"
        how_not = f"{WITHOUT} STAGE leaves one out"
        run.note_once([f"also brought up to date, {why}: {', '.join(beside)}; {how_not}"])


def count_pending(run: Run, resolved: ResolvedStage, scope: Scope) -> int:
    """How many inputs a stage has to do, of those that lie in the data set now."""
    count = cached_count(run.dataset, resolved, scope)
    retry = run.options.retry_failed
    if count is not None and not (retry and count.failed):
        return count.pending
    return stage_inputs(run.dataset, resolved, scope, retry_failed=retry).n_pending


def announce_requests(run: Run, resolved: ResolvedStage, n_pending: int) -> None:
    """Note, before the first of them, how many requests a stage sends to whom, and why.

    What was said when the run started, and has not changed, is not said again.
    """
    stage = resolved.stage
    assert isinstance(stage, MapStage)
    estimate = stage.cost.requests(resolved.config)
    if estimate is None or not n_pending:
        return
    line = request_line(resolved, estimate, n_pending)
    if f"{line}; {MORE_MAY_COME}" not in run.noted:
        run.note_once([line])
    run.requests.append(
        {
            "stage": stage.name,
            "requests": estimate.per_row * n_pending,
            "is_minimum": estimate.is_minimum,
            "to": estimate.to,
            "reason": resolved.need.reason,
        }
    )


def request_line(resolved: ResolvedStage, estimate: RequestEstimate, n_pending: int) -> str:
    """How many requests a stage sends to whom, and why it runs, in words."""
    bound = "at least " if estimate.is_minimum else "at most " if estimate.is_maximum else ""
    requests = f"{bound}{quantity(estimate.per_row * n_pending, 'request')}"
    if not n_pending:
        requests = "no request yet"
    why = f", {resolved.need.reason}" if resolved.need.reason else ""
    return f"{resolved.stage.name}: {requests} to {estimate.to}{why}"
