"""What keeps a worker process from doing harm: a limit of memory, and an end with its driver."""

import os
import resource
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

LOOK_EVERY_S = 0.1
TOO_MUCH_MEMORY = 86  # an exit code that neither Python nor pebble gives
PAGE_BYTES = resource.getpagesize()

# Work is parallel by processes; threads inside a worker would only fight over the cores.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


@dataclass
class Allowance:
    """What this process may take for the item in hand."""

    memory_bytes: int | None = None


ALLOWANCE = Allowance()


def prepare_worker(lifeline: Connection) -> None:
    """Make this process a worker that ends, with all it started, when `lifeline` is closed.

    It leads a process group of its own, so that what it starts can be ended with it, and Ctrl-C
    and SIGTERM are left to the driver.
    """
    os.setpgrp()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    threading.Thread(target=watch, args=[lifeline], daemon=True).start()


def watch(lifeline: Connection) -> None:
    """End this process when it takes too much memory, and its group when the driver is gone."""
    while not wait([lifeline], LOOK_EVERY_S):
        if ALLOWANCE.memory_bytes and memory_in_use() > ALLOWANCE.memory_bytes:
            os._exit(TOO_MUCH_MEMORY)
    os.kill(0, signal.SIGKILL)


def run_within(task: Callable[[Item], Result], memory_bytes: int, item: Item) -> Result:
    """Run a task in this worker, which is ended if it takes more memory than that."""
    ALLOWANCE.memory_bytes = memory_bytes
    return task(item)


def memory_in_use() -> int:
    """Bytes that this process and the programs it started hold for themselves.

    Pages of mapped files are left out: the kernel takes them back when it needs room. Zero where
    there is no /proc.
    """
    own = os.getpid()
    try:
        started = Path(f"/proc/self/task/{own}/children").read_text("ascii").split()
    except FileNotFoundError:
        started = []
    return sum(map(private_bytes, [str(own), *started]))


def private_bytes(process_id: str) -> int:
    """Bytes of resident memory that a process shares with none; zero if it is gone."""
    try:
        pages = Path(f"/proc/{process_id}/statm").read_text("ascii").split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return (int(pages[1]) - int(pages[2])) * PAGE_BYTES


def machine_memory() -> int:
    """Bytes of memory that this machine, or the container we are in, has."""
    limits = [path.read_text("ascii").strip() for path in CGROUP_LIMITS if path.exists()]
    whole = os.sysconf("SC_PHYS_PAGES") * PAGE_BYTES
    return min([whole, *(int(limit) for limit in limits if limit.isdigit())])


def end_group(process_id: int) -> None:
    """End what a worker that is gone had started."""
    try:
        os.killpg(process_id, signal.SIGKILL)
    except ProcessLookupError:
        return
