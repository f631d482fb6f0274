"""The local engine runs items in isolated processes on this machine.

It uses pebble's pool, which knows the worker of each item: a worker that dies loses only its own
item, where the standard library's pool loses all.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from multiprocessing.context import SpawnContext, SpawnProcess
from types import TracebackType
from typing import Any, Self, TypeVar

from pebble import ProcessExpired, ProcessPool

from vidcurate.engines.base import ONE_CORE, Crash, Needs
from vidcurate.engines.guards import (
    TOO_MUCH_MEMORY,
    end_group,
    is_stopped,
    prepare_worker,
    run_within,
    signal_group,
)
from vidcurate.engines.resources import cores
from vidcurate.engines.resources import memory_bytes as allotted_memory

Item = TypeVar("Item")
Result = TypeVar("Result")

POLL_S = 0.5  # while waiting, to see whether a stop was asked for
GB = 1e9
MAX_STOPPED_S = 5.0
MEMORY_SHARE = 0.8  # of the machine's memory, for all workers together
# Codecs and native libraries leak, so workers are replaced; but loading a model takes seconds.
BATCHES_PER_WORKER = 200
MAX_BROKEN_POOLS = 3


class RememberingContext(SpawnContext):
    """Starts processes and remembers them, since pebble does not show its own."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[SpawnProcess] = []

    def Process(self, *arguments: Any, **named: Any) -> SpawnProcess:  # type: ignore[override] # noqa: N802 - the name is the library's
        """Create a process and remember it."""
        process = SpawnProcess(*arguments, **named)
        self.started.append(process)
        return process


@dataclass(frozen=True)
class WorkerPool:
    """Worker processes, and the pipe that ends them when it is closed.

    `stopped` maps workers that something else stopped to the time (monotonic seconds) this was
    seen, `given_up` are those that were ended for it, `suspended` those that were suspended with
    the run since they began.
    """

    processes: Any
    size: int
    lifeline: Any
    context: RememberingContext
    stopped: dict[int, float] = field(default_factory=dict)
    given_up: set[int] = field(default_factory=set)
    suspended: set[int] = field(default_factory=set)

    def ids(self) -> list[int]:
        """The ids of the workers that live."""
        return [p.pid for p in list(self.context.started) if p.pid is not None and p.is_alive()]

    def signal(self, number: int) -> None:
        """Send a signal to all workers and to what they started."""
        for pid in self.ids():
            signal_group(pid, number)

    def resume(self) -> None:
        """Let suspended workers continue, and forget how long they were stopped."""
        self.suspended.update(self.ids())
        self.stopped.clear()
        self.signal(signal.SIGCONT)

    def end_stopped(self) -> None:
        """End workers that something else stopped for too long: they would never end."""
        now = time.monotonic()
        for pid in self.ids():
            if not is_stopped(pid):
                self.stopped.pop(pid, None)
            elif now - self.stopped.setdefault(pid, now) > MAX_STOPPED_S:
                self.given_up.add(pid)
                end_group(pid)

    def end(self) -> None:
        """End all workers at once, with what they started."""
        self.processes.stop()
        self.lifeline.close()
        self.signal(signal.SIGKILL)
        self.processes.join()


def start_pool(size: int, batches_per_worker: int) -> WorkerPool:
    """Start worker processes."""
    context = RememberingContext()
    reader, writer = context.Pipe(duplex=False)
    pool = ProcessPool(size, batches_per_worker, prepare_worker, [reader], context)
    return WorkerPool(pool, size, writer, context)


class LocalEngine:
    """Worker processes that live as long as the engine, so that stages share them.

    `memory_bytes` is the limit of each when all work; while fewer work, each may take more.
    """

    isolates = True

    def __init__(
        self,
        workers: int | None = None,
        memory_bytes: int | None = None,
        batches_per_worker: int = BATCHES_PER_WORKER,
    ) -> None:
        self.workers = workers or cores()
        each = memory_bytes or int(MEMORY_SHARE * allotted_memory()) // self.workers
        self._memory_bytes = each * self.workers
        self._batches_per_worker = batches_per_worker
        self._stopping = threading.Event()
        self._pool: WorkerPool | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._end_pool()

    def stop(self) -> None:
        """Take no more items; items in progress end."""
        self._stopping.set()

    def suspend(self) -> None:
        """Pause the workers, with what they started."""
        if pool := self._pool:
            pool.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let the workers continue."""
        if pool := self._pool:
            pool.resume()

    def kill(self) -> None:
        """End the workers at once, from any thread; the engine is unusable then."""
        if pool := self._pool:
            pool.signal(signal.SIGKILL)

    def map(
        self,
        task: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        needs: Needs = ONE_CORE,
        at_most: int | None = None,
        fresh: bool = False,
    ) -> Iterator[tuple[Item, Result | Crash]]:
        """Yield each item with its result, in the order in which they end."""
        del needs  # on one machine the stage's `at_most` limits how many share its devices
        if fresh:
            self._end_pool()
        at_once = min(self.workers, at_most or self.workers)
        size = at_once if fresh else self.workers
        memory_bytes = self._memory_bytes // at_once
        limited = partial(run_within, task, memory_bytes)
        # One item waits for each busy worker, so that none is idle between two.
        max_in_progress = min(2 * self.workers, at_most or 2 * self.workers)
        in_progress: dict[Future[Result], Item] = {}
        waiting = iter(items)
        n_broken = 0
        while True:
            room = 0 if self._stopping.is_set() else max_in_progress - len(in_progress)
            for item in islice(waiting, room):
                in_progress[schedule(self._pebble_pool(size), limited, item)] = item
            if not in_progress:
                return
            if self._stopping.is_set():
                cancel_waiting(in_progress)
            if self._is_broken(self._wait(in_progress)):
                n_broken += 1
                if n_broken == MAX_BROKEN_POOLS:
                    raise RuntimeError("worker processes end as soon as they start")
                self._end_pool()
                waiting = chain(pop_unfinished(in_progress), waiting)
            done = [f for f in in_progress if f.done()]
            n_broken = 0 if done else n_broken
            waiting = chain(
                [in_progress.pop(f) for f in done if self._timed_out_suspended(f)], waiting
            )
            for future in [f for f in done if f in in_progress]:
                yield in_progress.pop(future), self._result_of(future, memory_bytes)

    def _wait(self, in_progress: Iterable["Future[Any]"]) -> set["Future[Any]"]:
        """Wait for a while; returns the items that ended, with or without a result."""
        ended, _ = wait(in_progress, POLL_S, return_when=FIRST_COMPLETED)
        if self._pool is not None:
            self._pool.end_stopped()
        return ended

    def _is_broken(self, ended: Iterable["Future[Any]"]) -> bool:
        """Whether the pool no longer works.

        An item that was scheduled while it broke gets no error, so the pool is checked as well.
        """
        return any(map(is_broken, ended)) or (
            self._pool is not None and not self._pool.processes.active
        )

    def _pebble_pool(self, size: int) -> Any:
        """The pool of so many processes, started when there is none."""
        if self._pool is not None and self._pool.size != size:
            self._end_pool()
        if self._pool is None:
            self._pool = start_pool(size, self._batches_per_worker)
        return self._pool.processes

    def _timed_out_suspended(self, future: "Future[Any]") -> bool:
        """Whether a worker ended because its time limit passed while the run was suspended.

        An item that really hangs meets its limit again, in a worker that was not suspended.
        """
        error = future.exception()
        return (
            isinstance(error, ProcessExpired)
            and self._pool is not None
            and error.exitcode == -signal.SIGALRM
            and error.pid in self._pool.suspended
        )

    def _result_of(self, future: "Future[Any]", memory_bytes: int) -> Any:
        """The result of a future; a dead worker is a crash, an exception is raised."""
        try:
            return future.result()
        except ProcessExpired as expired:
            end_group(expired.pid)
            if self._pool is not None and expired.pid in self._pool.given_up:
                return Crash(f"stopped by a signal for {MAX_STOPPED_S:g} s: killed")
            return crash_of(expired.exitcode, memory_bytes)

    def _end_pool(self) -> None:
        """End the workers, if there are any."""
        if self._pool is not None:
            self._pool.end()
            self._pool = None


def schedule(pool: Any, task: Callable[[Item], Result], item: Item) -> "Future[Result]":
    """Schedule an item; the future has failed already if the pool is broken."""
    try:
        future: Future[Result] = pool.schedule(task, args=[item])
    except RuntimeError as error:
        future = Future()
        future.set_exception(BrokenProcessPool(error))
    return future


def cancel_waiting(in_progress: dict[Future[Result], Item]) -> None:
    """Cancel items that no worker has begun."""
    for future in [f for f in in_progress if not f.running() and not f.done()]:
        future.cancel()
        del in_progress[future]


def is_broken(future: "Future[Any]") -> bool:
    """Whether an item was lost because all workers ended, as when an idle one is killed."""
    return future.done() and isinstance(future.exception(), BrokenProcessPool)


def pop_unfinished(in_progress: dict[Future[Result], Item]) -> list[Item]:
    """Remove and return the items that a broken pool left without a result."""
    return [in_progress.pop(f) for f in list(in_progress) if not f.done() or is_broken(f)]


def crash_of(exit_code: int, memory_bytes: int) -> Crash:
    """The crash that a worker's exit code means; `memory_bytes` was its limit."""
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
    """The name of a signal; real-time signals have none."""
    known = {s.value: s.name for s in signal.Signals}
    return known.get(number, "unnamed")
