"""Counts of each stage's inputs by outcome, and those counts kept in the data set."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.errors import quantity
from vidcurate.pipeline.inputs import stage_inputs
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.pipeline.scope import Scope
from vidcurate.stage import Outcome, TableStage
from vidcurate.store.atomic import write_text
from vidcurate.store.dataset import DROPPED, FAILED, OK, Dataset, StoredTable
from vidcurate.store.storage import Location
from vidcurate.store.table import positions


@dataclass(frozen=True)
class StageCount:
    """The outcome of one stage's live inputs; `rows` is what they gave.

    `pruned` inputs, which cheaper rules reject, are not among `inputs`. `why_stale` says what
    changed since the rows of a `stale` stage were made. `losses` say what of the inputs that are
    done is in no row: of each kind `count`, and `seconds` of video.
    """

    stage: str
    table: str
    inputs: int
    ok: int
    dropped: Mapping[str, int]
    failed: int
    reasons: Mapping[str, int]
    pending: int
    pruned: int
    rows: int
    seconds: float
    stale: bool
    why_stale: str = ""
    losses: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def count_stage(
    dataset: Dataset, resolved: ResolvedStage, scope: Scope, *, why_stale: str = ""
) -> StageCount:
    """Count one stage's live inputs by what became of them; a stale stage says why it is."""
    count = cached_count(dataset, resolved, scope) or count_tables(dataset, resolved, scope)
    return replace(count, stale=bool(why_stale), why_stale=why_stale)


def count_tables(dataset: Dataset, resolved: ResolvedStage, scope: Scope) -> StageCount:
    """Count from the tables."""
    inputs = stage_inputs(dataset, resolved, scope)
    ok = inputs.done["id"].filter(pc.equal(inputs.done["status"], OK))
    n_rows = count_rows(resolved, resolved.output(dataset), scope, ok)
    n_pruned, n_pending = len(inputs.pruned), inputs.n_pending
    return count_done(resolved, inputs.done, n_rows, n_pruned=n_pruned, n_pending=n_pending)


def count_outcome(resolved: ResolvedStage, scope: Scope, outcome: Outcome) -> StageCount:
    """Count what a table stage has just made, without reading it."""
    n_pruned = sum(len(keys) for keys in scope.pruned.values())
    return count_done(resolved, outcome.done, outcome.rows.num_rows, n_pruned=n_pruned)


def count_done(
    resolved: ResolvedStage, done: pa.Table, n_rows: int, *, n_pruned: int = 0, n_pending: int = 0
) -> StageCount:
    """Count by what became of the inputs that are done, all of them live."""
    stage = resolved.stage
    dropped, failed = (reasons(done, status) for status in (DROPPED, FAILED))
    return StageCount(
        stage=stage.name,
        table=stage.writes.name,
        inputs=done.num_rows + n_pending,
        ok=done.num_rows - sum(dropped.values()) - sum(failed.values()),
        dropped=dropped,
        failed=sum(failed.values()),
        reasons=failed,
        pending=n_pending,
        pruned=n_pruned,
        rows=n_rows,
        seconds=round(pc.sum(done["seconds"]).as_py() or 0.0, 3),
        stale=False,
        losses=count_losses(done),
    )


def count_rows(
    resolved: ResolvedStage, output: StoredTable, scope: Scope, ok: pa.ChunkedArray
) -> int:
    """How many different rows a stage has for its live inputs; `ok` are those that gave any."""
    reads, writes = resolved.stage.reads, resolved.stage.writes
    if reads.key != writes.key:
        ids = [name for name in writes.schema.names if name == writes.key or name in scope.ids]
        rows = scope.keep(output.read(ids, writes.schema))
        return len(pc.unique(rows[writes.key]))
    keys = output.read([writes.key], writes.schema)[writes.key]
    return len(pc.unique(positions(keys, ok).drop_null()))


def reasons(done: pa.Table, status: str) -> dict[str, int]:
    """How often each reason was given for a status, most frequent first."""
    given = done["reason"].filter(pc.equal(done["status"], status))
    counts = pc.value_counts(given).to_pylist()
    return {c["values"]: c["counts"] for c in sorted(counts, key=lambda c: -c["counts"])}


def count_losses(done: pa.Table) -> dict[str, dict[str, float]]:
    """What was lost inside inputs, by kind: how many and how many seconds of video, most first."""
    if "losses" not in done.column_names:
        return {}
    each = pc.list_flatten(done["losses"].combine_chunks())
    table = pa.table({name: each.field(name) for name in ("what", "count", "seconds")})
    sums = table.group_by("what").aggregate([("count", "sum"), ("seconds", "sum")]).to_pylist()
    return {
        row["what"]: {"count": row["count_sum"], "seconds": round(row["seconds_sum"], 3)}
        for row in sorted(sums, key=lambda row: -row["seconds_sum"])
    }


def cached_count(dataset: Dataset, resolved: ResolvedStage, scope: Scope) -> StageCount | None:
    """The count that was saved, if it is of these very files and this scope."""
    file = count_file(dataset, resolved)
    saved = json.loads(file.read_text("utf-8")) if file.exists() else {}
    if saved.get("of") != state_digest(dataset, resolved, scope):
        return None
    return StageCount(**saved["count"])


def save_count(dataset: Dataset, resolved: ResolvedStage, scope: Scope, count: StageCount) -> None:
    """Save a count, since counting a million rows takes seconds."""
    saved = {"of": state_digest(dataset, resolved, scope), "count": count.as_dict()}
    write_text(count_file(dataset, resolved), json.dumps(saved))


def count_file(dataset: Dataset, resolved: ResolvedStage) -> Location:
    """Where a stage's count is saved."""
    return dataset.root / "counts" / f"{resolved.stage.writes.name}.json"


def state_digest(dataset: Dataset, resolved: ResolvedStage, scope: Scope) -> str:
    """A hash of all that a count depends on: the tables' files, by name, and the scope.

    The rows of a table stage may change with any table that it reads.
    """
    stored_tables = [resolved.output(dataset), resolved.stored(dataset, resolved.stage.reads)]
    if isinstance(resolved.stage, TableStage):
        stored_tables = [
            StoredTable(dataset.root / name / made) for name, made in resolved.tables.items()
        ]
    files = [(stored.folder.name, stored.listing()) for stored in stored_tables]
    return hashlib.sha256(json.dumps([files, scope.digest]).encode()).hexdigest()


def as_dicts(counts: Sequence[StageCount]) -> list[dict[str, Any]]:
    """Counts as plain values."""
    return [c.as_dict() for c in counts]


def why_empty(counts: Sequence[StageCount], dataset: Dataset) -> str:
    """Which stage lost everything, and for what reason.

    A stage that was pruned has no rows either, and stands before the filter that is the cause.
    """
    empty = [c for c in counts if c.rows == 0]
    first = next((c for c in empty if c.reasons or c.dropped), empty[0])
    if first.inputs == 0:
        return f"nothing came out: {first.stage} was given nothing to work on"
    reasons = {**first.reasons, **first.dropped}
    most = next(iter(reasons.items()), ("it found nothing", first.inputs))
    kind = "failed" if first.reasons else "dropped"
    look = f"rows {first.stage} --{kind}" if reasons else "status"
    return (
        f"nothing came out: {first.stage} left none of {first.inputs} "
        f"({quantity(most[1], 'time')}: {most[0]}); see vidcurate {look} -d {dataset.root}"
    )
