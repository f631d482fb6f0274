"""Guards of a worker process: a memory limit, and an end when its driver ends."""

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

POLL_S = 0.1
TOO_MUCH_MEMORY = 86  # an exit code that neither Python nor pebble gives
PAGE_BYTES = resource.getpagesize()

# Processes run in parallel; threads inside a worker would only compete for the cores.
ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)
# Signals of a terminal. The driver handles them for all; programs of a worker ignore them too.
TERMINAL_SIGNALS = (
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
)


@dataclass
class MemoryLimit:
    """The memory that this process may take for its item."""

    bytes: int | None = None


MEMORY_LIMIT = MemoryLimit()


def prepare_worker(lifeline: Connection) -> None:
    """Make this process a worker that ends, with all it started, when `lifeline` is closed.

    It leads its own process group, so that what it starts can be ended with it. It stays in the
    session of the driver: when a driver dies while its workers are suspended, the kernel wakes
    groups that are orphaned in their session (POSIX), and they end. What it starts has no terminal
    to read from or to set up, which would stop a group that is not in the foreground. The driver
    handles Ctrl-C, SIGTERM and the like.
    """
    os.setpgrp()
    close_input()
    for number in (*TERMINAL_SIGNALS, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    threading.Thread(target=watch, args=[lifeline], daemon=True).start()


def close_input() -> None:
    """Make /dev/null the standard input of this process and of all that it starts from now on."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def watch(lifeline: Connection) -> None:
    """End this process when it takes too much memory, and its group when the driver is gone."""
    while not wait([lifeline], POLL_S):
        if MEMORY_LIMIT.bytes and memory_in_use() > MEMORY_LIMIT.bytes:
            os._exit(TOO_MUCH_MEMORY)
    os.kill(0, signal.SIGKILL)


def run_within(task: Callable[[Item], Result], memory_bytes: int, item: Item) -> Result:
    """Run a task in this worker, which is ended if it takes more memory than the limit."""
    MEMORY_LIMIT.bytes = memory_bytes
    return task(item)


def memory_in_use() -> int:
    """Private bytes of this process and of the programs it started.

    Pages of mapped files are left out: the kernel reclaims them when it needs room. Zero where
    there is no /proc.
    """
    own = os.getpid()
    try:
        started = Path(f"/proc/self/task/{own}/children").read_text("ascii").split()
    except FileNotFoundError:
        started = []
    return sum(map(private_bytes, [str(own), *started]))


def private_bytes(process_id: str) -> int:
    """Bytes of resident memory that a process does not share; zero if it is gone."""
    try:
        pages = Path(f"/proc/{process_id}/statm").read_text("ascii").split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return (int(pages[1]) - int(pages[2])) * PAGE_BYTES


def is_stopped(process_id: int) -> bool:
    """Whether a signal stopped a process (a debugger does not count); False without /proc."""
    try:
        facts = Path(f"/proc/{process_id}/stat").read_text("ascii", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    # The name, in brackets, may hold anything.
    return facts.rpartition(")")[2].split()[0] == "T"


def end_group(process_id: int) -> None:
    """End what a worker that is gone has started."""
    signal_group(process_id, signal.SIGKILL)


def signal_group(process_id: int, number: int) -> None:
    """Send a signal to a worker and what it started, if it is still there.

    A worker that has just begun leads no group yet.
    """
    for send in (os.killpg, os.kill):
        try:
            send(process_id, number)
        except (ProcessLookupError, PermissionError):  # macOS: PermissionError for a zombie's group
            continue
        return
