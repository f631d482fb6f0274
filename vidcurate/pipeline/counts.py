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

from vidcurate.pipeline.inputs import Scope, live_inputs
from vidcurate.pipeline.resolve import Planned
from vidcurate.stage import Outcome, TableStage
from vidcurate.store.dataset import DONE_AND_LOST, DROPPED, FAILED, OK, Dataset, Shelf
from vidcurate.store.storage import Location
from vidcurate.store.table import positions, write_whole

# Of which rows a table stage was made; no Parquet file, so that it changes no listing.
ORIGIN = "made_of.json"


@dataclass(frozen=True)
class StageCount:
    """What became of one stage's live inputs; `rows` is what they gave.

    `spared` inputs, which cheaper rules reject, are not among `inputs`. `why_stale` says what
    changed since the rows of a `stale` stage were made. `losses` tell what of the inputs that are
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
    spared: int
    rows: int
    seconds: float
    stale: bool
    why_stale: str = ""
    losses: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def count(dataset: Dataset, planned: Planned, scope: Scope, *, why_stale: str = "") -> StageCount:
    """Count one stage's live inputs by what became of them; a stale stage says why it is."""
    found = known_count(dataset, planned, scope) or count_anew(dataset, planned, scope)
    return replace(found, stale=bool(why_stale), why_stale=why_stale)


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


def count_file(dataset: Dataset, planned: Planned) -> Location:
    """Where a stage's count is kept."""
    return dataset.root / "counts" / f"{planned.stage.writes.name}.json"


def digest(dataset: Dataset, planned: Planned, scope: Scope) -> str:
    """A hash of all that a count is of: the tables' files, by name, and the scope.

    The rows of a table stage may change with any table that it reads.
    """
    shelves = [planned.own(dataset), planned.shelf(dataset, planned.stage.reads)]
    if isinstance(planned.stage, TableStage):
        shelves = [Shelf(dataset.root / name / made) for name, made in planned.tables.items()]
    files = [(shelf.folder.name, shelf.listing()) for shelf in shelves]
    return hashlib.sha256(json.dumps([files, scope.digest]).encode()).hexdigest()


def keep_origin(dataset: Dataset, planned: Planned, scope: Scope, inputs: pa.ChunkedArray) -> None:
    """Note of which rows a table stage has just been made; `inputs` are its input's keys."""
    made_of = {
        "tables": tables_now(dataset, planned),
        "scope": scope.digest,
        "inputs": digest_of_keys(inputs),
    }
    file = planned.own(dataset).folder / ORIGIN
    write_whole(file, lambda partial: write_json(partial, made_of))


def why_redone(dataset: Dataset, planned: Planned, scope: Scope) -> str:
    """Why a table stage has to be made anew, in words; nothing where it need not."""
    if not isinstance(planned.stage, TableStage):
        return ""
    file = planned.own(dataset).folder / ORIGIN
    made_of = json.loads(file.read_text("utf-8")) if file.exists() else {"tables": {}}
    now = tables_now(dataset, planned)
    changed = [name for name in now if made_of["tables"].get(name) != now[name]]
    if changed:
        return f"{', '.join(changed)} changed since it was made"
    if made_of["scope"] != scope.digest:
        keys = live_inputs(dataset, planned, scope)[planned.stage.reads.key]
        if made_of["inputs"] != digest_of_keys(keys):
            return "it was made of other videos, or a part of them"
    return ""


def tables_now(dataset: Dataset, planned: Planned) -> dict[str, str]:
    """For each table that a stage reads, a hash of its files' names."""
    shelves = {
        name: Shelf(dataset.root / name / made)
        for name, made in planned.tables.items()
        if name != planned.stage.writes.name
    }
    listed = {name: json.dumps([s.folder.name, s.listing()]) for name, s in shelves.items()}
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in listed.items()}


def digest_of_keys(keys: pa.ChunkedArray) -> str:
    """A hash of keys in their order."""
    hashed = hashlib.sha256()
    for chunk in keys.chunks:  # however the keys are cut into chunks
        hashed.update("".join(f"{key}\n" for key in chunk.to_pylist()).encode())
    return hashed.hexdigest()


def write_json(file: Path, value: Any) -> None:
    """A JSON file."""
    file.write_text(json.dumps(value, ensure_ascii=False), "utf-8")


def count_anew(dataset: Dataset, planned: Planned, scope: Scope) -> StageCount:
    """Count from the tables."""
    stage, shelf = planned.stage, planned.own(dataset)
    keys = live_inputs(dataset, planned, scope)[stage.reads.key]
    done = shelf.done(DONE_AND_LOST)
    where = positions(keys, done["id"])
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
    return len(pc.unique(positions(keys, ok).drop_null()))


def reasons(done: pa.Table, status: str) -> dict[str, int]:
    """How often each reason was given for a status, most frequent first."""
    said = done["reason"].filter(pc.equal(done["status"], status))
    counts = pc.value_counts(said).to_pylist()
    return {c["values"]: c["counts"] for c in sorted(counts, key=lambda c: -c["counts"])}


def as_dicts(counts: Sequence[StageCount]) -> list[dict[str, Any]]:
    """Counts as plain values."""
    return [c.as_dict() for c in counts]
