"""What is done about batches that killed their worker or did not fit into memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Literal

from vidcurate.engines import Crash, Engine, Needs
from vidcurate.pipeline.worker import Batch, Job, Report, commit_failure, read_batch, reread, work


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
class Attempts:
    """One stage's batches on an engine, and what is still to be tried again.

    A batch that did not fit is halved, and so are those after it. A single row that did not fit
    waits until all else is done, and is tried with half the workers, down to one; the rows that
    follow it are not held up, since often one monster among many videos is to blame. Each batch
    that is handed out gets the next number, so that what is tried again has the last word.
    """

    engine: Engine
    job: Job
    tell: Callable[[Shrink], None]
    numbers: Iterator[int] = field(init=False)
    again: deque[Batch] = field(default_factory=deque)
    too_large: deque[Batch] = field(default_factory=deque)
    rows_at_most: int | None = None
    alone: bool = False

    def __post_init__(self) -> None:
        self.numbers = count(self.job.own().next_number())

    def reports(self, todo: Iterable[Batch]) -> Iterator[Report]:
        """What became of each batch."""
        resources = self.job.stage.cost.resources(self.job.config)
        workers = min(self.engine.workers, resources.at_most or self.engine.workers)
        yield from self.run(todo, resources.at_most)
        while self.too_large:
            fewer = max(1, workers // 2)
            if fewer < workers:
                n_rows = f"rows that do not fit beside others: {len(self.too_large)}"
                self.tell(Shrink(self.job.stage.name, "workers", workers, fewer, n_rows))
            workers, self.alone = fewer, fewer == 1
            yield from self.run(take_all(self.too_large), workers, fresh=True)

    def run(
        self, todo: Iterable[Batch], at_most: int | None, *, fresh: bool = False
    ) -> Iterator[Report]:
        """Run batches, and those that come of them, until none is left."""
        takes = self.job.stage.cost.resources(self.job.config)
        needs = Needs(takes.cpus, takes.gpus, takes.custom)
        while True:
            ends = self.engine.map(
                partial(work, self.job),
                self.fitting(todo),
                needs=needs,
                at_most=at_most,
                fresh=fresh,
            )
            for batch, result in ends:
                yield from self.settle(batch, result)
            if not self.again:
                return
            todo = take_all(self.again)

    def fitting(self, todo: Iterable[Batch]) -> Iterator[Batch]:
        """The same batches, cut to the size that fits by now."""
        for batch in todo:
            for piece in pieces(batch, self.rows_at_most or len(batch.ids)):
                yield self.numbered(piece)

    def numbered(self, batch: Batch) -> Batch:
        """A batch with the next place in the order of commits."""
        return replace(batch, number=next(self.numbers))

    def settle(self, batch: Batch, result: Report | Crash) -> Iterator[Report]:
        """Report what is done of a batch, and note what is to be tried again."""
        if isinstance(result, Crash):
            result = reread(self.job, batch) or result
        if isinstance(result, Report):
            if result.statuses:
                yield result
            if result.left:
                yield from self.shrink(batch, result.left, result.lack)
        elif result.cause == "memory":
            yield from self.shrink(batch, batch.ids, words(self.job, batch, result))
        elif len(batch.ids) > 1:
            self.again.extend(pieces(batch, 1))
        else:
            yield commit_failure(self.job, self.numbered(batch), words(self.job, batch, result))

    def shrink(self, batch: Batch, left: tuple[str, ...], reason: str) -> Iterator[Report]:
        """Try what is left of a batch with less at once; a row that was alone has failed."""
        n_rows = len(batch.ids)
        if n_rows > 1:
            self.rows_at_most = -(-n_rows // 2)
            self.tell(Shrink(self.job.stage.name, "rows", n_rows, self.rows_at_most, reason))
            self.again.extend(pieces(Batch(left, batch.parts), self.rows_at_most))
        elif self.alone:
            yield commit_failure(self.job, self.numbered(batch), reason)
        else:
            self.rows_at_most = None
            self.too_large.append(batch)


def take_all(batches: deque[Batch]) -> list[Batch]:
    """Everything in a queue, which is empty then."""
    taken = list(batches)
    batches.clear()
    return taken


def pieces(batch: Batch, size: int) -> Iterator[Batch]:
    """A batch cut into several of at most that size."""
    for start in range(0, len(batch.ids), size):
        yield Batch(batch.ids[start : start + size], batch.parts)


def words(job: Job, batch: Batch, crash: Crash) -> str:
    """Why a worker ended, as the reason of a row."""
    stage = job.stage.name
    limit_s = job.time_limit_s(read_batch(job, batch)[0]) if crash.cause == "time" else None
    if limit_s is None:
        return f"{crash.reason} while running {stage}"
    return (
        f"took longer than {round(limit_s, 1):g} s: killed while running {stage}; a larger "
        "--time-limit-factor allows more"
    )
