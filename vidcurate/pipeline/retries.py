"""Batches that killed their worker or did not fit into memory are tried again in smaller pieces."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Literal

from vidcurate.engines.base import Crash, Engine, Needs
from vidcurate.pipeline.job import Batch, Job, Report
from vidcurate.pipeline.worker import commit_failure, committed_report, read_batch, work


@dataclass(frozen=True, slots=True)
class Shrink:
    """For want of memory a stage was given less at once: rows of a batch, or workers."""

    stage: str
    what: Literal["rows", "workers"]
    before: int
    after: int
    reason: str

    def __str__(self) -> str:
        return f"{self.stage}: {self.before} -> {self.after} {self.what} at once: {self.reason}"


@dataclass
class Retries:
    """One stage's batches on an engine, and those of them that are to be tried again.

    A batch that did not fit is halved, and so are those after it. A single row that did not fit
    waits until all else is done, and is tried with half the workers, down to one; the rows that
    follow it are not held up, since often one monster among many videos is to blame. Each batch
    that is handed out gets the next number, so that the outcome of the last try counts.
    """

    engine: Engine
    job: Job
    on_shrink: Callable[[Shrink], None]
    numbers: Iterator[int] = field(init=False)
    queue: deque[Batch] = field(default_factory=deque)
    too_large: deque[Batch] = field(default_factory=deque)
    max_rows: int | None = None
    has_one_worker: bool = False

    def __post_init__(self) -> None:
        self.numbers = count(self.job.output().next_number())

    def reports(self, batches: Iterable[Batch]) -> Iterator[Report]:
        """What became of each batch."""
        max_workers = self.job.stage.cost.resources(self.job.config).at_most
        workers = min(self.engine.workers, max_workers or self.engine.workers)
        yield from self.run_batches(batches, max_workers)
        while self.too_large:
            fewer = max(1, workers // 2)
            if fewer < workers:
                n_rows = f"rows that do not fit in a batch with others: {len(self.too_large)}"
                self.on_shrink(Shrink(self.job.stage.name, "workers", workers, fewer, n_rows))
            workers, self.has_one_worker = fewer, fewer == 1
            yield from self.run_batches(take_all(self.too_large), workers, fresh=True)

    def run_batches(
        self, batches: Iterable[Batch], max_workers: int | None, *, fresh: bool = False
    ) -> Iterator[Report]:
        """Run batches, and the smaller ones that come of them, until none is left."""
        takes = self.job.stage.cost.resources(self.job.config)
        needs = Needs(takes.cpus, takes.gpus, takes.custom)
        while True:
            results = self.engine.map(
                partial(work, self.job),
                self.cut_to_size(batches),
                needs=needs,
                at_most=max_workers,
                fresh=fresh,
            )
            for batch, result in results:
                yield from self.handle(batch, result)
            if not self.queue:
                return
            batches = take_all(self.queue)

    def cut_to_size(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The same batches, cut to the size that fits by now."""
        for batch in batches:
            for piece in cut_batch(batch, self.max_rows or len(batch.ids)):
                yield self.numbered(piece)

    def numbered(self, batch: Batch) -> Batch:
        """A batch with the next place in the order of commits."""
        return replace(batch, number=next(self.numbers))

    def handle(self, batch: Batch, result: Report | Crash) -> Iterator[Report]:
        """Report what is done of a batch, and queue what is to be tried again."""
        if isinstance(result, Crash):
            result = committed_report(self.job, batch) or result
        if isinstance(result, Report):
            if result.statuses:
                yield result
            if result.unfinished:
                yield from self.shrink(batch, result.unfinished, result.memory_error)
        elif result.cause == "memory":
            yield from self.shrink(batch, batch.ids, crash_reason(self.job, batch, result))
        elif len(batch.ids) > 1:
            self.queue.extend(cut_batch(batch, 1))
        else:
            reason = crash_reason(self.job, batch, result)
            yield commit_failure(self.job, self.numbered(batch), reason)

    def shrink(self, batch: Batch, ids: tuple[str, ...], reason: str) -> Iterator[Report]:
        """Try these inputs of a batch with less at once; a row that had one worker has failed."""
        n_rows = len(batch.ids)
        if n_rows > 1:
            self.max_rows = -(-n_rows // 2)
            self.on_shrink(Shrink(self.job.stage.name, "rows", n_rows, self.max_rows, reason))
            self.queue.extend(cut_batch(Batch(ids, batch.parts), self.max_rows))
        elif self.has_one_worker:
            yield commit_failure(self.job, self.numbered(batch), reason)
        else:
            self.max_rows = None
            self.too_large.append(batch)


def take_all(batches: deque[Batch]) -> list[Batch]:
    """Everything in a queue, which is empty then."""
    taken = list(batches)
    batches.clear()
    return taken


def cut_batch(batch: Batch, size: int) -> Iterator[Batch]:
    """A batch cut into several of at most that size."""
    for start in range(0, len(batch.ids), size):
        yield Batch(batch.ids[start : start + size], batch.parts)


def crash_reason(job: Job, batch: Batch, crash: Crash) -> str:
    """Why a worker ended, as the reason of a row."""
    stage = job.stage.name
    limit_s = job.time_limit_s(read_batch(job, batch)[0]) if crash.cause == "time" else None
    if limit_s is None:
        return f"{crash.reason} while running {stage}"
    return (
        f"took longer than {round(limit_s, 1):g} s: killed while running {stage}; a larger "
        "--time-limit-factor allows more"
    )
