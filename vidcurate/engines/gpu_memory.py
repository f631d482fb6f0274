"""The most memory that GPUs of this machine held while work ran, as nvidia-smi tells it."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

LOOK_EVERY_S = 1.0
ASK_TIMEOUT_S = 20
QUERY = ("--query-gpu=memory.used", "--format=csv,noheader,nounits")


@dataclass
class Peak:
    """The most seen so far of the fullest GPU (MiB), by all programs; None where no GPU told."""

    mib: int | None = None

    def look(self, program: str) -> None:
        """Ask once."""
        told = subprocess.run(  # noqa: S603 - no shell; found on PATH, the rest is fixed
            [program, *QUERY],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=ASK_TIMEOUT_S,
        )
        used = [int(line) for line in told.stdout.splitlines() if line.strip().isdigit()]
        if told.returncode == 0 and used:
            self.mib = max(self.mib or 0, *used)


@contextmanager
def watched_gpu_memory() -> Iterator[Peak]:
    """A peak that is kept up to date until the block ends."""
    peak, over = Peak(), threading.Event()
    program = shutil.which("nvidia-smi")
    if program is None:
        yield peak
        return

    def watch() -> None:
        while True:
            peak.look(program)
            if over.wait(LOOK_EVERY_S):
                return

    watcher = threading.Thread(target=watch, name="gpu memory", daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()
