"""What runs in a worker: open the tool once, run a batch, isolate a bad row, commit."""

import multiprocessing
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import pyarrow as pa

from vidcurate.errors import (
    MediaError,
    ServerDownError,
    ServerError,
    UsageError,
    VidcurateError,
    is_disk_full,
    raising_disk_full,
)
from vidcurate.models.notices import take_notices
from vidcurate.options import StageConfig
from vidcurate.pipeline.job import Batch, Job, Report
from vidcurate.pipeline.workspace import BatchWorkspace, read_rows
from vidcurate.stage import Drop, Incomplete
from vidcurate.store.cache import staging_folder, upload_folder
from vidcurate.store.dataset import (
    DONE_WITH_LOSSES,
    DROPPED,
    FAILED,
    OK,
)
from vidcurate.store.no_pandas import leave_pandas_out
from vidcurate.store.storage import Location, Remote

R = TypeVar("R")


@dataclass
class OpenTool:
    """The tool that this worker process has open; one at a time, since models are large."""

    key: tuple[Location, str, str, StageConfig] | None = None
    tool: Any = None
    workspace: BatchWorkspace | None = None


OPEN = OpenTool()


def open_tool(job: Job) -> tuple[Any, BatchWorkspace]:
    """This process's tool for a job, opened at the first batch of the job."""
    key = (job.root, job.stage.name, job.fingerprint, job.config)
    if OPEN.key != key or OPEN.workspace is None:
        OPEN.key, OPEN.tool = None, None
        files = job.output().files
        files = staging_folder() if isinstance(files, Remote) else files
        files.mkdir(parents=True, exist_ok=True)
        OPEN.workspace = BatchWorkspace(job, files)
        OPEN.tool = job.stage.open(job.config, OPEN.workspace)
        OPEN.key = key
    OPEN.workspace.job = job
    return OPEN.tool, OPEN.workspace


def work(job: Job, batch: Batch) -> Report:
    """Run one batch and commit it. Errors of a row are that row's; usage errors end the stage.

    Inputs to which a server gave no answer are not committed. Raises DiskFullError where there is
    no room for the results, and ServerDownError where a server gives no answer at all.
    """
    began = time.perf_counter()
    if multiprocessing.parent_process() is not None:
        leave_pandas_out()
    with raising_disk_full(job.root):
        tool, workspace = open_tool(job)
        rows = read_batch(job, batch)
        results: list[tuple[Any, float]] = []
        memory_error = ""
        try:
            for result in run_rows(job, tool, workspace, batch, rows):
                results.append(result)  # noqa: PERF402 - what comes before an error is kept
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            memory_error = reason_of(error)
        n_done = len(results)
        target = job.output().files
        if isinstance(target, Remote):
            upload_folder(workspace.files, target)
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
        memory_error,
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
    workspace.begin_batch(batch, rows)
    began = time.perf_counter()
    n_done = 0
    try:
        for result in within_time(job, rows, job.stage.run(rows, job.config, tool, workspace)):
            if isinstance(result, MediaError) and is_disk_full(result):
                raise result  # noqa: TRY301 - ffmpeg's message, which a stage passed on
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
    rows = [row for result, _ in results for row in result_rows(result)]
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
    table = job.stage.writes.to_arrow(rows) if rows else None
    job.output().commit(batch.name, table, pa.Table.from_pylist(done, schema=DONE_WITH_LOSSES))


def result_rows(result: Any) -> list[Any]:
    """The rows that one result gives."""
    if isinstance(result, Incomplete):
        return result.rows
    return result if isinstance(result, list) else []


def losses_of(result: Any) -> list[dict[str, Any]] | None:
    """What part of one input is in none of its rows; None where nothing is known to be lost."""
    losses = result.losses if isinstance(result, Incomplete | Drop) else ()
    return [asdict(loss) for loss in losses] or None


def committed_report(job: Job, batch: Batch) -> Report | None:
    """The report of a batch whose worker died after it had committed; None if it had not."""
    rows = job.output().done_of(batch.name)
    if rows is None:
        return None
    columns = (rows[name].to_pylist() for name in ("id", "status", "reason"))
    statuses = tuple(zip(*columns, strict=True))
    ended = {status[0] for status in statuses}
    unfinished = tuple(i for i in batch.ids if i not in ended)
    return Report(statuses, 0.0, unfinished, "the worker died")


def commit_failure(job: Job, batch: Batch, reason: str) -> Report:
    """Write that the single input of a batch cannot be done."""
    result = VidcurateError(reason)
    commit(job, batch, [(result, 0.0)])
    return Report(((batch.ids[0], *status_of(result)),), 0.0)
