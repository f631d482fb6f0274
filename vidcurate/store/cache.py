"""Local copies of remote files, since what reads videos and pictures opens files on a disk.

They lie in $VIDCURATE_CACHE, or in a folder of the system's temporary one; what was used longest
ago goes when they take more than CACHE_BYTES.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from vidcurate.errors import UsageError, disk_full_stops
from vidcurate.store.storage import Location, Remote, get, names_in, put

CACHE_BYTES = 20_000_000_000
# A reader that was given a file opens it, perhaps several times, for about so long.
IN_USE_S = 600
FILES_HELD = 64
HELD: dict[Path, int] = {}
STAGED: dict[Path, int] = {}


def cache_folder() -> Path:
    """Where this user's copies lie; raises UsageError where that is another user's folder."""
    named = os.environ.get("VIDCURATE_CACHE")
    # A folder that is named may hold files of the user, and here all may be removed.
    folder = (
        Path(named, "vidcurate")
        if named
        else Path(tempfile.gettempdir(), f"vidcurate-{os.getuid()}")
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise UsageError(f"{folder} is another user's: name a folder of yours as VIDCURATE_CACHE")
    return folder.absolute()


def local(where: Location) -> Path:
    """A file as a path on this machine; a remote one is fetched once, and again when it changed.

    Where there is no such file, the path is one that does not exist. Raises StorageError.
    """
    if isinstance(where, Path):
        return where
    try:
        facts = where.stat()
    except FileNotFoundError:
        return cache_folder() / "missing" / where.name
    name = hashlib.sha256(f"{where} {facts}".encode()).hexdigest()[:32]
    file = cache_folder() / "files" / f"{name}{where.suffix}"
    with time_stands(), one_at_a_time(name), disk_full_stops(cache_folder()):
        while not held(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            make_room(file.parent, CACHE_BYTES - facts.st_size)
            fetch(where, file)
    return file


def held(file: Path) -> bool:
    """Whether a copy is there; it stays while it is among the last that this process asked for.

    A long video is read for longer than IN_USE_S, and opened again meanwhile.
    """
    try:
        opened = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return False
    with suppress(OSError):  # without locks, or with a remover at it: the time must do
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    if file in HELD:
        os.close(HELD.pop(file))
    HELD[file] = opened
    if len(HELD) > FILES_HELD:
        os.close(HELD.pop(next(iter(HELD))))
    try:
        os.utime(file)
    except FileNotFoundError:  # removed between the two
        return False
    return True


def is_in_use(path: Path) -> bool:
    """Whether a process holds a file or a folder; never on a file system without locks."""
    opened = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(opened)
    return False


def fetch(where: Remote, file: Path) -> None:
    """A copy that appears complete or not at all."""
    partial = file.with_name(f".{uuid4().hex}.partial")
    try:
        get(where, partial)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def make_room(folder: Path, most_bytes: int) -> None:
    """Remove what was used longest ago until at most so many bytes are left or all is in use."""
    found = names_in(folder).items()
    files = sorted((facts.st_mtime_ns, name, facts.st_size) for name, facts in found)
    total = sum(size for _, _, size in files)
    for used_ns, name, size in files:
        if total <= most_bytes or time.time() - used_ns / 1e9 < IN_USE_S:
            return
        with suppress(FileNotFoundError):  # another process makes room, too
            if not is_in_use(folder / name):
                (folder / name).unlink()
                total -= size


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Let no other process of this machine fetch what begins with the same two digits."""
    locks = cache_folder() / "locks"
    locks.mkdir(exist_ok=True)
    with (locks / name[:2]).open("ab") as file:
        with suppress(OSError):  # without locks two may fetch one file: each appears complete
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def time_stands() -> Iterator[None]:
    """Stop the clock that kills a stuck row: the storage client has time limits of its own."""
    left_s, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left_s)


def staging_folder() -> Path:
    """An empty folder of this process for files on their way up; those of dead ones go."""
    folder = cache_folder() / "staging" / socket.gethostname()
    folder.mkdir(parents=True, exist_ok=True)
    while STAGED:
        path, opened = STAGED.popitem()
        os.close(opened)
        shutil.rmtree(path, ignore_errors=True)
    for other in folder.iterdir():
        with suppress(FileNotFoundError):  # another process tidies up, too
            # A process of another container has a number of its own: the lock tells, then that.
            if not is_in_use(other) and not is_alive(int(other.name.partition("-")[0])):
                shutil.rmtree(other, ignore_errors=True)
    own = folder / f"{os.getpid()}-{uuid4().hex[:8]}"
    own.mkdir()
    STAGED[own] = os.open(own, os.O_RDONLY)
    with suppress(OSError):  # without locks the number alone tells whose it is
        fcntl.flock(STAGED[own], fcntl.LOCK_EX | fcntl.LOCK_NB)
    return own


def send(folder: Path, target: Remote) -> None:
    """Upload the files of a folder, which is empty then; hidden ones are unfinished, and go too."""
    for file in sorted(folder.iterdir()):
        if not file.name.startswith("."):
            put(file, target / file.name)
        file.unlink()


def is_alive(pid: int) -> bool:
    """Whether a process of this machine runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
