"""Local copies of remote files, for code that opens videos and images on a disk.

They lie in $VIDCURATE_CACHE, or in the system's temporary folder; the least recently used ones are
removed when all take more than CACHE_BYTES.
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

from vidcurate.errors import UsageError, raising_disk_full
from vidcurate.store.storage import Location, Remote, get, list_files, put

CACHE_BYTES = 20_000_000_000
# For about so long a reader opens a copy, perhaps several times.
IN_USE_S = 600
MAX_LOCKED = 64
# Open descriptors whose shared or exclusive locks keep other processes from removing a path.
LOCKED: dict[Path, int] = {}
STAGED: dict[Path, int] = {}


def cache_folder() -> Path:
    """The folder of this user's copies; raises UsageError where it is another user's."""
    named = os.environ.get("VIDCURATE_CACHE")
    # A folder that the user names may hold other files, so copies get a folder of their own.
    folder = (
        Path(named, "vidcurate")
        if named
        else Path(tempfile.gettempdir(), f"vidcurate-{os.getuid()}")
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise UsageError(f"{folder} is another user's: name a folder of yours as VIDCURATE_CACHE")
    return folder.absolute()


def local_copy(where: Location) -> Path:
    """The path of a file on this machine; a remote file is fetched once, and again when it changes.

    Where the file does not exist, neither does the path. Raises StorageError.
    """
    if isinstance(where, Path):
        return where
    try:
        facts = where.stat()
    except FileNotFoundError:
        return cache_folder() / "missing" / where.name
    name = hashlib.sha256(f"{where} {facts}".encode()).hexdigest()[:32]
    file = cache_folder() / "files" / f"{name}{where.suffix}"
    with alarm_paused(), fetch_lock(name), raising_disk_full(cache_folder()):
        while not lock_copy(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            make_room(file.parent, CACHE_BYTES - facts.st_size)
            fetch(where, file)
    return file


def lock_copy(file: Path) -> bool:
    """Whether a copy exists; it is locked while it is among the last that this process asked for.

    A long video is read for longer than IN_USE_S, and opened again meanwhile.
    """
    try:
        opened = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return False
    with suppress(OSError):  # without locks IN_USE_S protects it
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    if file in LOCKED:
        os.close(LOCKED.pop(file))
    LOCKED[file] = opened
    if len(LOCKED) > MAX_LOCKED:
        os.close(LOCKED.pop(next(iter(LOCKED))))
    try:
        os.utime(file)
    except FileNotFoundError:  # removed between the two
        return False
    return True


def is_in_use(path: Path) -> bool:
    """Whether a process has locked a file or a folder; False on a file system without locks."""
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
    """Download an object to a file that appears complete or not at all."""
    partial = file.with_name(f".{uuid4().hex}.partial")
    try:
        get(where, partial)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def make_room(folder: Path, max_bytes: int) -> None:
    """Remove the least recently used files until `max_bytes` are left or all are in use."""
    found = list_files(folder).items()
    files = sorted((facts.st_mtime_ns, name, facts.st_size) for name, facts in found)
    total = sum(size for _, _, size in files)
    for used_ns, name, size in files:
        if total <= max_bytes or time.time() - used_ns / 1e9 < IN_USE_S:
            return
        with suppress(FileNotFoundError):  # another process makes room, too
            if not is_in_use(folder / name):
                (folder / name).unlink()
                total -= size


@contextmanager
def fetch_lock(name: str) -> Iterator[None]:
    """Keep other processes of this machine from fetching names with the same two first digits."""
    locks = cache_folder() / "locks"
    locks.mkdir(exist_ok=True)
    with (locks / name[:2]).open("ab") as file:
        with suppress(OSError):  # without locks two may fetch one file: each appears complete
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def alarm_paused() -> Iterator[None]:
    """Pause the alarm that kills a worker at its time limit: the storage client has its own."""
    left_s, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left_s)


def staging_folder() -> Path:
    """An empty folder for files to upload; the folders of dead processes are removed."""
    folder = cache_folder() / "staging" / socket.gethostname()
    folder.mkdir(parents=True, exist_ok=True)
    while STAGED:
        path, opened = STAGED.popitem()
        os.close(opened)
        shutil.rmtree(path, ignore_errors=True)
    for other in folder.iterdir():
        with suppress(FileNotFoundError):  # another process removes it, too
            # A process of another container may have the same number, so its lock counts first.
            if not is_in_use(other) and not is_alive(int(other.name.partition("-")[0])):
                shutil.rmtree(other, ignore_errors=True)
    own = folder / f"{os.getpid()}-{uuid4().hex[:8]}"
    own.mkdir()
    STAGED[own] = os.open(own, os.O_RDONLY)
    with suppress(OSError):  # without locks the process number must do
        fcntl.flock(STAGED[own], fcntl.LOCK_EX | fcntl.LOCK_NB)
    return own


def upload_folder(folder: Path, target: Remote) -> None:
    """Upload the files of a folder and empty it; hidden files are unfinished and not uploaded."""
    for file in sorted(folder.iterdir()):
        if not file.name.startswith("."):
            put(file, target / file.name)
        file.unlink()


def is_alive(pid: int) -> bool:
    """Whether a process of this machine is running."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
