"""One writer at a time on a data set; a dead writer's lock is free."""

import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from vidcurate.errors import BusyError


@contextlib.contextmanager
def writing(root: Path) -> Iterator[None]:
    """Hold the data set at `root` while its tables are written.

    The operating system frees the lock when the process ends, however it ends. Raises BusyError
    that names the writer.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise BusyError(f"{root} is being written by {holder(file.read())}") from None
        file.truncate(0)
        began = datetime.now(UTC).isoformat(timespec="seconds")
        json.dump({"pid": os.getpid(), "host": socket.gethostname(), "began": began}, file)
        file.flush()
        yield


def holder(text: str) -> str:
    """Who holds a lock, in words."""
    try:
        facts = json.loads(text)
    except ValueError:
        return "another process"
    return f"process {facts['pid']} on {facts['host']} since {facts['began']}: wait or stop it"
