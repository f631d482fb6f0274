"""The funnel: for every stage, how many inputs came to what."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.dataset import DROPPED, FAILED, OK, Dataset
from vidcurate.pending import Scope, live_inputs
from vidcurate.plan import Planned


@dataclass(frozen=True)
class StageCount:
    """What became of one stage's live inputs; `rows` is what they gave."""

    stage: str
    table: str
    inputs: int
    ok: int
    dropped: Mapping[str, int]
    failed: int
    reasons: Mapping[str, int]
    pending: int
    rows: int
    seconds: float
    stale: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def count(dataset: Dataset, planned: Planned, scope: Scope, *, stale: bool = False) -> StageCount:
    """Count one stage's live inputs by what became of them."""
    stage, shelf = planned.stage, planned.own(dataset)
    inputs = pc.unique(live_inputs(dataset, planned, scope)[stage.reads.key])
    done = shelf.done()
    done = done.filter(pc.is_in(done["id"], value_set=inputs))
    by_status = {s: done.filter(pc.equal(done["status"], s)) for s in (OK, DROPPED, FAILED)}
    columns = [stage.writes.key] + (["video_id"] if "video_id" in stage.writes.schema.names else [])
    rows = scope.keep(shelf.read(list(dict.fromkeys(columns)), stage.writes.schema))
    if stage.writes.key == stage.reads.key:
        rows = rows.filter(pc.is_in(rows[stage.writes.key], value_set=inputs))
    return StageCount(
        stage=stage.name,
        table=stage.writes.name,
        inputs=len(inputs),
        ok=by_status[OK].num_rows,
        dropped=reasons(by_status[DROPPED]),
        failed=by_status[FAILED].num_rows,
        reasons=reasons(by_status[FAILED]),
        pending=len(inputs) - done.num_rows,
        rows=pc.count_distinct(rows[stage.writes.key]).as_py(),
        seconds=round(pc.sum(done["seconds"]).as_py() or 0.0, 3),
        stale=stale,
    )


def reasons(done: pa.Table) -> dict[str, int]:
    """How often each reason was given, most frequent first."""
    counts = pc.value_counts(done["reason"].combine_chunks()).to_pylist()
    return {c["values"]: c["counts"] for c in sorted(counts, key=lambda c: -c["counts"])}


def as_dicts(counts: Sequence[StageCount]) -> list[dict[str, Any]]:
    """Counts as plain values."""
    return [c.as_dict() for c in counts]
