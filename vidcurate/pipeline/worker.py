"""What runs in a worker: open the tool once, run a batch, isolate a bad row, commit."""

import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.errors import (
    MediaError,
    ServerDownError,
    ServerError,
    UsageError,
    VidcurateError,
    disk_full_stops,
    is_disk_full,
)
from vidcurate.notices import take_notices
from vidcurate.stage import Drop, Incomplete, MapStage, StageConfig
from vidcurate.store.cache import local, send, staging_folder
from vidcurate.store.dataset import DONE_AND_LOST, DROPPED, FAILED, OK, Dataset, Shelf, commit_name
from vidcurate.store.storage import Location, Remote
from vidcurate.store.table import Table

R = TypeVar("R")


@dataclass(frozen=True)
class Job:
    """One stage's work on one data set; `tables` maps each readable table to its fingerprint.

    Without a `time_limit_factor` no row is bounded in time: nothing would survive the kill.
    """

    root: Location
    stage: MapStage[Any, Any, Any, Any]
    config: StageConfig
    fingerprint: str
    tables: Mapping[str, str]
    time_limit_factor: float | None = None

    def time_limit_s(self, row: Any) -> float | None:
        """How long a worker may take for a row; none where it must not be killed."""
        limit_s = self.stage.cost.time_limit(row, self.config)
        if limit_s is None or self.time_limit_factor is None:
            return None
        return limit_s * self.time_limit_factor

    def shelf(self, table: Table[Any]) -> Shelf:
        """Where a table's rows lie for this job."""
        return Dataset(self.root).shelf(table, self.tables[table.name])

    def own(self) -> Shelf:
        """Where this job's own rows go."""
        return Dataset(self.root).shelf(self.stage.writes, self.fingerprint)


@dataclass(frozen=True, slots=True)
class Batch:
    """Inputs to be done together, and the parts in which they and their neighbours lie.

    `number` is the place of its commit in the order, given when it is handed out.
    """

    ids: tuple[str, ...]
    parts: Mapping[str, tuple[str, ...]]
    number: int = 0

    @property
    def name(self) -> str:
        """The name of its commit."""
        return commit_name(self.number, self.ids)


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a batch: `statuses` as (id, status, reason).

    `left` are the inputs for which there was not enough memory, with what was said; `others` is
    how many more did not fail. `unanswered` counts, by reason, those of the failed that stay to be
    done, since a server gave no answer. `notes` are what a user should know.
    """

    statuses: tuple[tuple[str, str, str | None], ...]
    seconds: float
    left: tuple[str, ...] = ()
    lack: str = ""
    others: int = 0
    unanswered: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """Rows by key, and the files from which they were read, which are never written again."""

    files: tuple[str, ...]
    rows: dict[str, Any]


@dataclass
class BatchWorkspace:
    """What a stage sees of the data set while it works on a batch."""

    job: Job
    files: Path
    batch: Batch = Batch((), {})
    rows: Sequence[Any] = ()
    read: dict[str, Known] = field(default_factory=dict)
    before: dict[str, Known] = field(default_factory=dict)

    def hold(self, batch: Batch, rows: Sequence[Any]) -> None:
        """Take a batch in hand."""
        self.batch, self.rows, self.before, self.read = batch, rows, self.read, {}

    def has(self, table: Table[Any]) -> bool:
        """Whether an optional table is there."""
        return table.name in self.job.tables

    def file_of(self, table: Table[Any], name: str) -> Path:
        """A file that another table's row names, on this machine."""
        return local(self.job.shelf(table).files / name)

    def lookup(self, table: Table[R]) -> Mapping[str, R]:
        """The rows of a declared table that belong to the batch in hand, by key.

        Those that the batch before had too, as one of a long video has, are not read again.
        """
        if table.name not in self.read:
            keys = {getattr(row, table.key) for row in self.rows}
            files = tuple(self.batch.parts.get(table.name, ()))
            before = self.before.get(table.name, Known((), {}))
            is_same = files == before.files
            rows = {key: before.rows[key] for key in keys & before.rows.keys()} if is_same else {}
            if keys - rows.keys():
                found = read_rows(self.job, table, self.batch, keys - rows.keys())
                rows |= {getattr(row, table.key): row for row in found}
            self.read[table.name] = Known(files, rows)
        return self.read[table.name].rows


def read_rows(job: Job, table: Table[R], batch: Batch, keys: set[str]) -> list[R]:
    """The rows of a table with these keys, from the parts that the batch names."""
    rows = job.shelf(table).read_files(batch.parts.get(table.name, ()), table.schema)
    wanted = pa.array(sorted(keys), pa.string())
    return table.from_arrow(rows.filter(pc.is_in(rows[table.key], value_set=wanted)))


@dataclass
class Opened:
    """The tool that this worker process has open; one at a time, since models are large."""

    key: tuple[Location, str, str, StageConfig] | None = None
    tool: Any = None
    workspace: BatchWorkspace | None = None


OPENED = Opened()


def open_tool(job: Job) -> tuple[Any, BatchWorkspace]:
    """This process's tool for a job, opened when the job is first met."""
    key = (job.root, job.stage.name, job.fingerprint, job.config)
    if OPENED.key != key or OPENED.workspace is None:
        OPENED.key, OPENED.tool = None, None
        files = job.own().files
        files = staging_folder() if isinstance(files, Remote) else files
        files.mkdir(parents=True, exist_ok=True)
        OPENED.workspace = BatchWorkspace(job, files)
        OPENED.tool = job.stage.open(job.config, OPENED.workspace)
        OPENED.key = key
    OPENED.workspace.job = job
    return OPENED.tool, OPENED.workspace


def work(job: Job, batch: Batch) -> Report:
    """Run one batch and commit it. Errors of a row are that row's; usage errors end the stage.

    What a server gave no answer to is not committed. Raises DiskFullError where there is no room
    for what was made, and ServerDownError where a server answers nobody.
    """
    began = time.perf_counter()
    with disk_full_stops(job.root):
        tool, workspace = open_tool(job)
        rows = read_batch(job, batch)
        results: list[tuple[Any, float]] = []
        lack = ""
        try:
            for result in run_rows(job, tool, workspace, batch, rows):
                results.append(result)  # noqa: PERF402 - what comes before an error is kept
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            lack = reason_of(error)
        n_done = len(results)
        target = job.own().files
        if isinstance(target, Remote):
            send(workspace.files, target)
        if n_done:
            commit(job, batch, results)
    for result, _ in results:
        if isinstance(result, ServerDownError):
            raise ServerDownError(f"{result}; what is done stays, the same command goes on")
    statuses = tuple(
        (i, *status_of(result)) for i, (result, _) in zip(batch.ids, results, strict=False)
    )
    return Report(
        statuses,
        time.perf_counter() - began,
        batch.ids[n_done:],
        lack,
        unanswered=Counter(str(r) for r, _ in results if isinstance(r, ServerError)),
        notes=take_notices(),
    )


def read_batch(job: Job, batch: Batch) -> list[Any]:
    """The input rows of a batch, in its order."""
    rows = read_rows(job, job.stage.reads, batch, set(batch.ids))
    by_id = {getattr(row, job.stage.reads.key): row for row in rows}
    return [by_id[i] for i in batch.ids]


def run_rows(
    job: Job, tool: Any, workspace: BatchWorkspace, batch: Batch, rows: Sequence[Any]
) -> Iterator[tuple[Any, float]]:
    """One result (rows, Drop or exception) and its seconds for each input, in order."""
    workspace.hold(batch, rows)
    began = time.perf_counter()
    n_done = 0
    try:
        for result in within_time(job, rows, job.stage.run(rows, job.config, tool, workspace)):
            if isinstance(result, MediaError) and is_disk_full(result):
                raise result  # noqa: TRY301 - ffmpeg's last word, which a stage passed on
            now = time.perf_counter()
            yield result, now - began
            began = now
            n_done += 1
    except UsageError:
        raise
    except Exception as error:
        if is_disk_full(error) or is_out_of_memory(error):
            raise
        if len(rows) == 1:
            yield error, time.perf_counter() - began
            return
    if n_done == len(rows):
        return
    if len(rows) == 1:
        yield RuntimeError("the stage gave no result for this row"), 0.0
        return
    for row in rows[n_done:]:
        yield from run_rows(job, tool, workspace, batch, [row])


def within_time(job: Job, rows: Sequence[Any], results: Iterator[Any]) -> Iterator[Any]:
    """The same results; the kernel kills this process when one takes longer than its row may.

    A signal without a handler ends even a call that is stuck in a library.
    """
    limits = [job.time_limit_s(row) or 0.0 for row in rows]
    if not any(limits):
        yield from results
        return
    try:
        signal.setitimer(signal.ITIMER_REAL, limits[0])
        for number, result in enumerate(results, start=1):
            yield result
            signal.setitimer(signal.ITIMER_REAL, limits[min(number, len(limits) - 1)])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, of the machine or of a GPU, ran out.

    Libraries of models have errors of their own, which are known by name: none is imported here.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"MemoryError", "OutOfMemoryError"})


def status_of(result: Any) -> tuple[str, str | None]:
    """The status and reason that one result stands for."""
    if isinstance(result, Drop):
        return DROPPED, result.reason
    if isinstance(result, BaseException):
        return FAILED, reason_of(result)
    return OK, None


def reason_of(error: BaseException) -> str:
    """One line that says why a row failed; the kind of error is named unless it is ours."""
    text = " ".join(str(error).split())
    if isinstance(error, VidcurateError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def commit(job: Job, batch: Batch, results: Sequence[tuple[Any, float]]) -> None:
    """Write a batch's rows and what became of each input, as far as there are results.

    An input to which a server gave no answer stays to be done.
    """
    made = [row for result, _ in results for row in rows_of(result)]
    done = [
        {
            "id": i,
            "status": status,
            "reason": reason,
            "seconds": seconds,
            "losses": losses_of(result),
        }
        for i, (result, seconds) in zip(batch.ids, results, strict=False)
        if not isinstance(result, ServerError)
        for status, reason in [status_of(result)]
    ]
    if not done:
        return
    rows = job.stage.writes.to_arrow(made) if made else None
    job.own().commit(batch.name, rows, pa.Table.from_pylist(done, schema=DONE_AND_LOST))


def rows_of(result: Any) -> list[Any]:
    """The rows that one result gives."""
    if isinstance(result, Incomplete):
        return result.rows
    return result if isinstance(result, list) else []


def losses_of(result: Any) -> list[dict[str, Any]] | None:
    """What of one input is in none of its rows; None where nothing is known to be lost."""
    losses = result.losses if isinstance(result, Incomplete | Drop) else ()
    return [asdict(loss) for loss in losses] or None


def reread(job: Job, batch: Batch) -> Report | None:
    """The report of a batch whose worker died after it had committed; None if it had not."""
    rows = job.own().done_of(batch.name)
    if rows is None:
        return None
    columns = (rows[name].to_pylist() for name in ("id", "status", "reason"))
    statuses = tuple(zip(*columns, strict=True))
    ended = {status[0] for status in statuses}
    left = tuple(i for i in batch.ids if i not in ended)
    return Report(statuses, 0.0, left, "the worker died")


def commit_failure(job: Job, batch: Batch, reason: str) -> Report:
    """Write that the single input of a batch cannot be done."""
    result = VidcurateError(reason)
    commit(job, batch, [(result, 0.0)])
    return Report(((batch.ids[0], *status_of(result)),), 0.0)
