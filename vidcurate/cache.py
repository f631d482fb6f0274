"""Local copies of remote files, since what reads films and pictures opens files on a disk.

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
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from vidcurate.errors import UsageError, disk_full_stops
from vidcurate.storage import Place, Remote, get, put

CACHE_BYTES = 20_000_000_000
# A reader that was given a file opens it, perhaps several times, for about so long.
IN_USE_S = 600


def cache_folder() -> Path:
    """Where this user's copies lie; raises UsageError where that is another user's folder."""
    named = os.environ.get("VIDCURATE_CACHE")
    folder = Path(named) if named else Path(tempfile.gettempdir(), f"vidcurate-{os.getuid()}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise UsageError(f"{folder} is another user's: name a folder of yours as VIDCURATE_CACHE")
    return folder.absolute()


def local(where: Place) -> Path:
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
        if file.exists():
            os.utime(file)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            make_room(file.parent, CACHE_BYTES - facts.st_size)
            fetch(where, file)
    return file


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
    with os.scandir(folder) as entries:
        files = sorted((e.stat().st_mtime, e.path, e.stat().st_size) for e in entries)
    total = sum(size for _, _, size in files)
    for used, path, size in files:
        if total <= most_bytes or time.time() - used < IN_USE_S:
            return
        Path(path).unlink(missing_ok=True)
        total -= size


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Let no other process of this machine fetch what begins with the same two digits."""
    locks = cache_folder() / "locks"
    locks.mkdir(exist_ok=True)
    with (locks / name[:2]).open("ab") as file:
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
    for other in folder.iterdir():
        if int(other.name) == os.getpid() or not is_alive(int(other.name)):
            shutil.rmtree(other, ignore_errors=True)
    own = folder / str(os.getpid())
    own.mkdir(exist_ok=True)
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
