"""Processes that tell where they are."""

import os
import subprocess
import time
from pathlib import Path


def wait_for(path: Path) -> None:
    """Return when a file is there."""
    while not path.exists():
        time.sleep(0.01)


def announce(path: Path) -> None:
    """Start a program as a stage starts ffmpeg, write both process ids to a file, and stay."""
    partial = path.with_suffix(".partial")
    with subprocess.Popen(["sleep", "600"]) as started:
        partial.write_text(f"{os.getpid()} {started.pid}", "utf-8")
        partial.rename(path)


def lives(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.rsplit(")", 1)[1].split()[0] != "Z"
