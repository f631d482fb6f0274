"""One writer at a time on a data set; a dead writer's lock is free."""

import contextlib
import fcntl
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from vidcurate.errors import BusyError, StorageError, UsageError
from vidcurate.store.cache import is_alive
from vidcurate.store.storage import Location, Remote
from vidcurate.store.table import write_whole

LOG = logging.getLogger(__name__)
# Where the system has no locks one lives while its writer says so again and again.
REFRESH_S = 20.0
STALE_S = 180.0
# Of two that write a lock at once, both see whose it became when they look after this time.
SETTLE_S = 1.0


@contextlib.contextmanager
def writing(root: Location, tell: Callable[[str], None] = LOG.warning) -> Iterator[None]:
    """Hold the data set at `root` while its tables are written.

    `tell` is told where the file system has no locks. Raises BusyError that names the writer, and
    UsageError where nothing can be written.
    """
    with contextlib.ExitStack() as held:
        if isinstance(root, Remote):
            held.enter_context(holding_object(root / "lock"))
        else:
            lacks_locks = held.enter_context(holding_file(root))
            if lacks_locks:
                tell(
                    f"warning: the file system of {root} has no locks ({lacks_locks}): "
                    f"{root / 'lock'} guards against a second writer meanwhile"
                )
                held.enter_context(holding_object(root / "lock"))
        yield


@contextlib.contextmanager
def holding_file(root: Path) -> Iterator[str]:
    """Hold a lock of the operating system, which frees it when the process ends, however it ends.

    Gives nothing, or, where the file system has no locks, what the system says. Raises BusyError
    that names the writer, and UsageError where nothing can be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = (root / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write to {root} ({error.strerror}: {error.filename}): "
            "name a folder that you may write to as -d"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise BusyError(f"{root} is being written by {holder(file.read())}") from None
        except OSError as error:
            # NFS without a lock daemon, some of Lustre and FUSE: ENOLCK, ENOSYS, ENOTSUP, EIO.
            yield str(error.strerror)
            return
        file.truncate(0)
        json.dump(own_facts(), file)
        file.flush()
        yield ""


@contextlib.contextmanager
def holding_object(lock: Location) -> Iterator[None]:
    """Hold a lock that is an object or a file, refreshed meanwhile and removed at the end.

    That of a process of this machine that is gone is taken over at once, any other when it was not
    refreshed for STALE_S, by the storage's own clock. It is no more than a guard against mistakes:
    the storage offers no step that both looks and writes, so a start that is held up for longer
    than SETTLE_S between the two may go unseen by another, and a writer that sleeps for longer
    than STALE_S may wake up beside its successor. Raises BusyError that names the writer.
    """
    refuse_if_held(lock)
    ours = json.dumps({**own_facts(), "token": uuid4().hex}).encode()
    write_lock(lock, ours)
    time.sleep(SETTLE_S)
    text = read_lock(lock)
    if text != ours:
        raise BusyError(f"{lock.parent} is being written by {holder(text.decode())}")
    ended = threading.Event()
    refreshing = threading.Thread(target=refresh, args=(lock, ours, ended), daemon=True)
    refreshing.start()
    try:
        yield
    finally:
        ended.set()
        refreshing.join()
        # What ended the run is told, not that its lock is left to grow stale.
        with contextlib.suppress(StorageError, OSError):
            if read_lock(lock) == ours:
                lock.unlink(missing_ok=True)


def refuse_if_held(lock: Location, stale_s: float = STALE_S) -> None:
    """Pass if there is no lock, or one of a writer that is gone; raises BusyError."""
    text = read_lock(lock)
    if not text or is_abandoned(text):
        return
    if (now_ns(lock) - lock.stat().st_mtime_ns) / 1e9 < stale_s:
        raise BusyError(f"{lock.parent} is being written by {holder(text.decode())}")


def now_ns(lock: Location) -> int:
    """What time it is where a lock lies: another machine's clock wrote the lock's own."""
    written = lock.parent / f".{uuid4().hex}.partial"
    written.write_bytes(b"now")
    try:
        return int(written.stat().st_mtime_ns)
    finally:
        written.unlink(missing_ok=True)


def is_abandoned(text: bytes) -> bool:
    """Whether a lock is of a process of this machine that is no more."""
    try:
        facts = json.loads(text)
    except ValueError:
        return False
    return facts["host"] == socket.gethostname() and not is_alive(facts["pid"])


def write_lock(lock: Location, text: bytes) -> None:
    """Write a lock in one step, so that nobody reads half of it."""
    if isinstance(lock, Remote):
        lock.write_bytes(text)
        return

    def write(partial: Path) -> None:
        partial.write_bytes(text)

    write_whole(lock, write)


def read_lock(lock: Location) -> bytes:
    """What a lock says; nothing where there is none."""
    try:
        return lock.read_bytes()
    except FileNotFoundError:
        return b""


def refresh(lock: Location, ours: bytes, ended: threading.Event) -> None:
    """Write a lock again and again until its writer has ended, or it is another's."""
    while not ended.wait(REFRESH_S):
        # Where the storage does not answer for a while the run itself says so.
        with contextlib.suppress(StorageError, OSError):
            if read_lock(lock) != ours:
                return
            write_lock(lock, ours)


def own_facts() -> dict[str, Any]:
    """Who holds a lock from now on."""
    began = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "began": began}


def holder(text: str) -> str:
    """Who holds a lock, in words."""
    try:
        facts = json.loads(text)
    except ValueError:
        return "another process"
    return f"process {facts['pid']} on {facts['host']} since {facts['began']}: wait or stop it"
