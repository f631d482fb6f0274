"""One writer at a time on a data set; a dead writer's lock is free."""

import contextlib
import fcntl
import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from vidcurate.errors import BusyError, StorageError, UsageError
from vidcurate.store.atomic import atomic_write
from vidcurate.store.cache import is_alive
from vidcurate.store.storage import Location, Remote, Version

LOG = logging.getLogger(__name__)
# Where the system has no locks, a lock lives while its writer refreshes it.
REFRESH_S = 20.0
STALE_S = 180.0
# Where nothing can be written on a condition, two writers see after this time whose the lock is.
SETTLE_S = 1.0


@dataclass(frozen=True)
class Writer:
    """A process that writes to a data set; `began` is ISO 8601, in UTC."""

    pid: int
    host: str
    began: str


def writer_of(root: Location) -> Writer | None:
    """Who is writing to the data set at `root`; None where nobody is.

    The lock is not touched where what it holds tells that its writer is gone.
    """
    lock = root / "lock"
    text, _ = read_lock(lock)
    try:
        facts = json.loads(text)
        writer = Writer(facts["pid"], facts["host"], facts["began"])
    except (ValueError, KeyError):
        return None
    return None if is_abandoned(text) or not is_held(lock) else writer


def is_held(lock: Location) -> bool:
    """Whether a lock is held: by the operating system, else by its being refreshed."""
    if isinstance(lock, Path):
        try:
            with lock.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        except OSError:
            pass  # the file system has no locks: the file is refreshed instead
        else:
            return False
    return time.time() - lock.stat().st_mtime_ns / 1e9 < STALE_S


@contextlib.contextmanager
def writing(root: Location, report: Callable[[str], None] = LOG.warning) -> Iterator[None]:
    """Hold the data set at `root` while its tables are written.

    `report` takes a warning where the file system has no locks. Raises BusyError that names the
    writer, and UsageError where nothing can be written.
    """
    with contextlib.ExitStack() as held:
        if isinstance(root, Remote):
            held.enter_context(holding_object(root / "lock", report))
        else:
            lacks_locks = held.enter_context(holding_file(root))
            if lacks_locks:
                report(
                    f"warning: the file system of {root} has no locks ({lacks_locks}): "
                    f"{root / 'lock'} guards against a second writer meanwhile"
                )
                held.enter_context(holding_object(root / "lock", report))
        yield


@contextlib.contextmanager
def holding_file(root: Path) -> Iterator[str]:
    """Hold a lock of the operating system, which is free again when the process ends.

    Gives "", or the system's message where the file system has no locks. Raises BusyError that
    names the writer, and UsageError where nothing can be written.
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
def holding_object(lock: Location, report: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock that is an object or a file, refreshed meanwhile and removed at the end.

    The lock of a dead process of this machine is taken over at once, any other when it was not
    refreshed for STALE_S, by the storage's own clock. In object storage each write names the
    version that it replaces, so that of two writers only one gets the lock. A writer that slept
    for longer than STALE_S and lost its lock is interrupted. Raises BusyError that names the
    writer.
    """
    ours = json.dumps({**own_facts(), "token": uuid4().hex}).encode()
    take_lock(lock, ours)
    ended = threading.Event()
    refreshing = threading.Thread(target=refresh, args=(lock, ours, ended, report), daemon=True)
    refreshing.start()
    try:
        yield
    finally:
        ended.set()
        refreshing.join()
        # An error that ended the run is what counts; a lock that is left grows stale.
        with contextlib.suppress(StorageError, OSError):
            if read_lock(lock)[0] == ours:
                lock.unlink(missing_ok=True)


def take_lock(lock: Location, ours: bytes) -> None:
    """Write a lock that is free; raises BusyError that names the writer where it is not."""
    text, version = read_lock(lock)
    refuse_if_held(lock, text)
    if not write_lock(lock, ours, version):
        time.sleep(SETTLE_S)
        text, _ = read_lock(lock)
        if text != ours:
            raise BusyError(f"{lock.parent} is being written by {holder(text.decode())}")


def refuse_if_held(lock: Location, text: bytes, stale_s: float = STALE_S) -> None:
    """Pass if there is no lock or its writer is gone; raises BusyError that names the writer."""
    if not text or is_abandoned(text):
        return
    if (now_ns(lock) - lock.stat().st_mtime_ns) / 1e9 < stale_s:
        raise BusyError(f"{lock.parent} is being written by {holder(text.decode())}")


def now_ns(lock: Location) -> int:
    """The time by the clock of a lock's file system or storage, which also gave the lock's time."""
    probe = lock.parent / f".{uuid4().hex}.partial"
    probe.write_bytes(b"now")
    try:
        return int(probe.stat().st_mtime_ns)
    finally:
        probe.unlink(missing_ok=True)


def is_abandoned(text: bytes) -> bool:
    """Whether a lock belongs to a process of this machine that has ended."""
    try:
        facts = json.loads(text)
    except ValueError:
        return False
    return facts["host"] == socket.gethostname() and not is_alive(facts["pid"])


def write_lock(lock: Location, text: bytes, version: Version | None) -> bool:
    """Write a lock in one step; whether it is certain that no other writer came in between.

    In object storage the lock is written only over the version that was read, or as the first.
    """
    if isinstance(lock, Remote):
        try:
            return lock.write_if(text, version)
        except NotImplementedError:
            lock.write_bytes(text)
            return False
    with atomic_write(lock) as partial:
        partial.write_bytes(text)
    return False


def read_lock(lock: Location) -> tuple[bytes, Version | None]:
    """A lock's content and version, where it has one; b"" where there is no lock."""
    try:
        return lock.read_version() if isinstance(lock, Remote) else (lock.read_bytes(), None)
    except FileNotFoundError:
        return b"", None


def refresh(
    lock: Location, ours: bytes, ended: threading.Event, report: Callable[[str], None]
) -> None:
    """Write a lock regularly until its writer has ended; interrupt a writer that lost it."""
    while not ended.wait(REFRESH_S):
        # Where the storage does not answer for a while, the run itself reports that.
        with contextlib.suppress(StorageError, OSError):
            text, version = read_lock(lock)
            if text not in (b"", ours):
                report(f"stopping: {lock} is now of {holder(text.decode())}")
                os.kill(os.getpid(), signal.SIGINT)
                return
            write_lock(lock, ours, version)


def own_facts() -> dict[str, Any]:
    """The facts of this process that its lock holds."""
    began = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "began": began}


def holder(text: str) -> str:
    """The holder of a lock, in words."""
    try:
        facts = json.loads(text)
    except ValueError:
        return "another process"
    return f"process {facts['pid']} on {facts['host']} since {facts['began']}: wait or stop it"
