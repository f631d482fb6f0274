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
from multiprocessing.connection import wait as wait_for_process
from types import TracebackType
from typing import Any, Self, TypeVar

from pebble import ProcessExpired, ProcessPool

from vidcurate.engines import Crash

Item = TypeVar("Item")
Result = TypeVar("Result")

LOOK_UP_EVERY_S = 0.5  # while waiting, to see whether a stop was asked for

# Work is parallel by processes; threads inside a worker would only fight over the cores.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def default_workers() -> int:
    """As many workers as there are cores for this process."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


class LocalEngine:
    """Worker processes that live as long as the engine, so that every stage finds them warm."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or default_workers()
        self._stopping = threading.Event()
        self._pool: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            if kind is None:
                self._pool.close()
            else:
                self._pool.stop()
            self._pool.join()

    def stop(self) -> None:
        """Take no more items; what is in hand ends."""
        self._stopping.set()

    def map(
        self,
        task: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        gpus: float = 0,
        at_most: int | None = None,
    ) -> Iterator[tuple[Item, Result | Crash]]:
        """Each item with its result, in the order in which they end."""
        del gpus  # one machine: the stage's own `at_most` says how many share its devices
        # One item waits beside each busy worker, so that none is idle between two.
        in_hand_at_most = min(2 * self.workers, at_most or 2 * self.workers)
        in_hand: dict[Future[Result], Item] = {}
        waiting = iter(items)
        while True:
            while len(in_hand) < in_hand_at_most and not self._stopping.is_set():
                try:
                    item = next(waiting)
                except StopIteration:
                    break
                in_hand[self._processes().schedule(task, args=[item])] = item
            if not in_hand:
                return
            if self._stopping.is_set():
                give_back(in_hand)
            ended, _ = wait(in_hand, LOOK_UP_EVERY_S, return_when=FIRST_COMPLETED)
            for future in [f for f in in_hand if f in ended]:
                item, result = in_hand.pop(future), result_of(future)
                yield item, result

    def _processes(self) -> Any:
        """The pool, made when the first item comes."""
        if self._pool is None:
            self._pool = ProcessPool(
                max_workers=self.workers,
                initializer=prepare_worker,
                context=multiprocessing.get_context("spawn"),
            )
        return self._pool


def give_back(in_hand: dict[Future[Result], Item]) -> None:
    """Take items back that no worker has begun."""
    for future in [f for f in in_hand if not f.running() and not f.done()]:
        future.cancel()
        del in_hand[future]


def result_of(future: "Future[Result]") -> Result | Crash:
    """What a future came to; a dead worker is a crash, an exception is raised."""
    try:
        return future.result()
    except ProcessExpired as expired:
        return Crash(why_died(expired.exitcode))


def why_died(exit_code: int | None) -> str:
    """Plain words for the exit code of a worker process."""
    if exit_code is not None and exit_code < 0:
        return f"the worker was killed by signal {-exit_code}"
    return f"the worker ended by itself with exit code {exit_code}"


def prepare_worker() -> None:
    """One thread a library, Ctrl-C left to the driver, and an end when the driver is gone."""
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """Wait for the driver's end, however it came, and end this worker at once."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_process([parent.sentinel])
        os._exit(1)
