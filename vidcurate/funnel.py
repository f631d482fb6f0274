"""The funnel: for every stage, how many inputs came to what."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.dataset import DONE_AND_LOST, DROPPED, FAILED, OK, Dataset, Shelf
from vidcurate.pending import Scope, live_inputs
from vidcurate.plan import Planned
from vidcurate.stage import Outcome, TableStage
from vidcurate.storage import Place
from vidcurate.table import places, write_whole


@dataclass(frozen=True)
class StageCount:
    """What became of one stage's live inputs; `rows` is what they gave.

    `spared` inputs, which cheaper rules reject, are not among `inputs`. `losses` tell what of the
    inputs that are done is in no row: of each kind `count`, and `seconds` of video.
    """

    stage: str
    table: str
    inputs: int
    ok: int
    dropped: Mapping[str, int]
    failed: int
    reasons: Mapping[str, int]
    pending: int
    spared: int
    rows: int
    seconds: float
    stale: bool
    losses: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def count(dataset: Dataset, planned: Planned, scope: Scope, *, stale: bool = False) -> StageCount:
    """Count one stage's live inputs by what became of them."""
    found = known_count(dataset, planned, scope) or count_anew(dataset, planned, scope)
    return replace(found, stale=stale)


def keep_outcome(dataset: Dataset, planned: Planned, scope: Scope, outcome: Outcome) -> StageCount:
    """Count what a table stage has just written, without reading it, and keep the count."""
    found = counted(planned, scope, outcome.done, n_rows=outcome.rows.num_rows)
    keep_count(dataset, planned, scope, found)
    return found


def known_count(dataset: Dataset, planned: Planned, scope: Scope) -> StageCount | None:
    """The count that was kept, if it was of these very files and this scope."""
    file = count_file(dataset, planned)
    kept = json.loads(file.read_text("utf-8")) if file.exists() else {}
    if kept.get("of") != digest(dataset, planned, scope):
        return None
    return StageCount(**kept["count"])


def keep_count(dataset: Dataset, planned: Planned, scope: Scope, found: StageCount) -> None:
    """Keep a count, since over a million rows it takes seconds."""
    if known_count(dataset, planned, scope) == found:
        return
    kept = {"of": digest(dataset, planned, scope), "count": found.as_dict()}
    write_whole(count_file(dataset, planned), lambda partial: write_json(partial, kept))


def count_file(dataset: Dataset, planned: Planned) -> Place:
    """Where a stage's count is kept."""
    return dataset.root / "counts" / f"{planned.stage.writes.name}.json"


def digest(dataset: Dataset, planned: Planned, scope: Scope) -> str:
    """A hash of all that a count is of: the tables' files, by name and time, and the scope.

    The rows of a table stage may change with any table that it reads.
    """
    shelves = [planned.own(dataset), planned.shelf(dataset, planned.stage.reads)]
    if isinstance(planned.stage, TableStage):
        shelves = [Shelf(dataset.root / name / made) for name, made in planned.tables.items()]
    files = [(shelf.folder.name, sorted(shelf.listing().items())) for shelf in shelves]
    return hashlib.sha256(json.dumps([files, scope.digest]).encode()).hexdigest()


def write_json(file: Path, value: Any) -> None:
    """A JSON file."""
    file.write_text(json.dumps(value, ensure_ascii=False), "utf-8")


def count_anew(dataset: Dataset, planned: Planned, scope: Scope) -> StageCount:
    """Count from the tables."""
    stage, shelf = planned.stage, planned.own(dataset)
    keys = live_inputs(dataset, planned, scope)[stage.reads.key]
    done = shelf.done(DONE_AND_LOST)
    where = places(keys, done["id"])
    is_live = np.zeros(done.num_rows, bool)
    is_live[where.drop_null().to_numpy()] = True
    done = done if is_live.all() else done.filter(is_live)
    n_pending = len(pc.unique(keys.filter(pc.is_null(where))))
    ok = done["id"].filter(pc.equal(done["status"], OK))
    n_rows = count_rows(planned, shelf, scope, ok)
    return counted(planned, scope, done, n_rows=n_rows, n_pending=n_pending)


def counted(
    planned: Planned, scope: Scope, done: pa.Table, *, n_rows: int, n_pending: int = 0
) -> StageCount:
    """Count by what became of the inputs that are done, all of them live."""
    stage = planned.stage
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
        spared=sum(len(values) for values in scope.spared.values()),
        rows=n_rows,
        seconds=round(pc.sum(done["seconds"]).as_py() or 0.0, 3),
        stale=False,
        losses=losses(done),
    )


def losses(done: pa.Table) -> dict[str, dict[str, float]]:
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


def count_rows(planned: Planned, shelf: Shelf, scope: Scope, ok: pa.ChunkedArray) -> int:
    """How many different rows a stage has for its live inputs; `ok` are those that gave any."""
    reads, writes = planned.stage.reads, planned.stage.writes
    if reads.key != writes.key:
        ids = [name for name in writes.schema.names if name == writes.key or name in scope.ids]
        rows = scope.keep(shelf.read(ids, writes.schema))
        return len(pc.unique(rows[writes.key]))
    keys = shelf.read([writes.key], writes.schema)[writes.key]
    return len(pc.unique(places(keys, ok).drop_null()))


def reasons(done: pa.Table, status: str) -> dict[str, int]:
    """How often each reason was given for a status, most frequent first."""
    said = done["reason"].filter(pc.equal(done["status"], status))
    counts = pc.value_counts(said.combine_chunks()).to_pylist()
    return {c["values"]: c["counts"] for c in sorted(counts, key=lambda c: -c["counts"])}


def as_dicts(counts: Sequence[StageCount]) -> list[dict[str, Any]]:
    """Counts as plain values."""
    return [c.as_dict() for c in counts]
