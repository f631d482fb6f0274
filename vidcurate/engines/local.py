"""The local engine: isolated processes on this machine.

pebble's pool is used because it ties a result to its worker: a worker that dies costs its own
item only, where the standard library's pool loses them all.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from types import TracebackType
from typing import Any, Self, TypeVar

from pebble import ProcessExpired, ProcessPool

from vidcurate.engines import ONE_CORE, Crash, Needs
from vidcurate.engines.guard import (
    TOO_MUCH_MEMORY,
    end_group,
    machine_memory,
    prepare_worker,
    run_within,
)

Item = TypeVar("Item")
Result = TypeVar("Result")

LOOK_UP_EVERY_S = 0.5  # while waiting, to see whether a stop was asked for
GB = 1e9
SHARE = 0.8  # of the machine's memory, for all workers together
# Codecs and native libraries leak; to start a worker and load a model anew takes seconds. So
# many batches lie between the two.
BATCHES_PER_WORKER = 200
POOLS_IN_A_ROW = 3


def default_workers() -> int:
    """As many workers as there are cores for this process."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Crew:
    """Worker processes, and the pipe whose end is theirs."""

    pool: Any
    size: int
    lifeline: Any

    def end(self) -> None:
        """End all workers at once, with what they started."""
        self.pool.stop()
        self.lifeline.close()
        self.pool.join()


def start_crew(size: int, batches_per_worker: int) -> Crew:
    """New worker processes."""
    context = multiprocessing.get_context("spawn")
    theirs, ours = context.Pipe(duplex=False)
    pool = ProcessPool(size, batches_per_worker, prepare_worker, [theirs], context)
    return Crew(pool, size, ours)


class LocalEngine:
    """Worker processes that live as long as the engine, so that every stage finds them warm.

    `memory_bytes` is what each may take when all work; while fewer do, each may take more.
    """

    isolates = True

    def __init__(
        self,
        workers: int | None = None,
        memory_bytes: int | None = None,
        batches_per_worker: int = BATCHES_PER_WORKER,
    ) -> None:
        self.workers = workers or default_workers()
        each = memory_bytes or int(SHARE * machine_memory()) // self.workers
        self._memory_bytes = each * self.workers
        self._batches_per_worker = batches_per_worker
        self._stopping = threading.Event()
        self._crew: Crew | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._end_crew()

    def stop(self) -> None:
        """Take no more items; what is in hand ends."""
        self._stopping.set()

    def map(
        self,
        task: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        needs: Needs = ONE_CORE,
        at_most: int | None = None,
        fresh: bool = False,
    ) -> Iterator[tuple[Item, Result | Crash]]:
        """Each item with its result, in the order in which they end."""
        del needs  # one machine: the stage's own `at_most` says how many share its devices
        if fresh:
            self._end_crew()
        at_once = min(self.workers, at_most or self.workers)
        size = at_once if fresh else self.workers
        memory_bytes = self._memory_bytes // at_once
        limited = partial(run_within, task, memory_bytes)
        # One item waits beside each busy worker, so that none is idle between two.
        in_hand_at_most = min(2 * self.workers, at_most or 2 * self.workers)
        in_hand: dict[Future[Result], Item] = {}
        waiting = iter(items)
        n_broken = 0
        while True:
            room = 0 if self._stopping.is_set() else in_hand_at_most - len(in_hand)
            for item in islice(waiting, room):
                in_hand[schedule(self._pool(size), limited, item)] = item
            if not in_hand:
                return
            if self._stopping.is_set():
                give_back(in_hand)
            ended, _ = wait(in_hand, LOOK_UP_EVERY_S, return_when=FIRST_COMPLETED)
            if any(map(is_broken, ended)):
                n_broken += 1
                if n_broken == POOLS_IN_A_ROW:
                    raise RuntimeError("worker processes end as soon as they start")
                self._end_crew()
                waiting = chain(take_unfinished(in_hand), waiting)
            for future in [f for f in in_hand if f.done()]:
                n_broken = 0
                yield in_hand.pop(future), result_of(future, memory_bytes)

    def _pool(self, size: int) -> Any:
        """A pool of that many processes, made when there is none."""
        if self._crew is not None and self._crew.size != size:
            self._end_crew()
        if self._crew is None:
            self._crew = start_crew(size, self._batches_per_worker)
        return self._crew.pool

    def _end_crew(self) -> None:
        """End the workers, if there are any."""
        if self._crew is not None:
            self._crew.end()
            self._crew = None


def schedule(pool: Any, task: Callable[[Item], Result], item: Item) -> "Future[Result]":
    """The future of an item; one that has failed already if the pool is broken."""
    try:
        future: Future[Result] = pool.schedule(task, args=[item])
    except RuntimeError as error:
        future = Future()
        future.set_exception(BrokenProcessPool(error))
    return future


def give_back(in_hand: dict[Future[Result], Item]) -> None:
    """Take items back that no worker has begun."""
    for future in [f for f in in_hand if not f.running() and not f.done()]:
        future.cancel()
        del in_hand[future]


def is_broken(future: "Future[Any]") -> bool:
    """Whether an item was lost because all workers had ended, as when an idle one is killed."""
    return future.done() and isinstance(future.exception(), BrokenProcessPool)


def take_unfinished(in_hand: dict[Future[Result], Item]) -> list[Item]:
    """Take back the items that a broken pool left without a result."""
    return [in_hand.pop(f) for f in list(in_hand) if not f.done() or is_broken(f)]


def result_of(future: "Future[Any]", memory_bytes: int) -> Any:
    """What a future came to; a dead worker is a crash, an exception is raised."""
    try:
        return future.result()
    except ProcessExpired as expired:
        end_group(expired.pid)
        return why_died(expired.exitcode, memory_bytes)


def why_died(exit_code: int, memory_bytes: int) -> Crash:
    """What the exit code of a worker process stands for, which might take that much memory."""
    if exit_code == TOO_MUCH_MEMORY:
        return Crash(f"needed more than {memory_bytes / GB:.1f} GB of memory: killed", "memory")
    if exit_code >= 0:
        return Crash(f"ended by itself with exit code {exit_code}")
    number = -exit_code
    reason = f"killed by signal {number} ({signal_name(number)})"
    if number == signal.SIGALRM:
        return Crash(reason, "time")
    return Crash(reason, "memory" if number == signal.SIGKILL else "death")


def signal_name(number: int) -> str:
    """A signal as people know it; real-time signals have no name."""
    known = {s.value: s.name for s in signal.Signals}
    return known.get(number, "unnamed")
