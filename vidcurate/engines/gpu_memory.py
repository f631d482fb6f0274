"""The peak memory of this machine's GPUs while work runs, measured by nvidia-smi."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

POLL_S = 1.0
QUERY_TIMEOUT_S = 20
QUERY = ("--query-gpu=memory.used", "--format=csv,noheader,nounits")


@dataclass
class PeakMemory:
    """The peak of the fullest GPU so far (MiB), by all programs; None where none was measured."""

    mib: int | None = None

    def update(self, program: str) -> None:
        """Measure once."""
        answer = subprocess.run(  # noqa: S603 - no shell; found on PATH, the rest is fixed
            [program, *QUERY],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=QUERY_TIMEOUT_S,
        )
        used = [int(line) for line in answer.stdout.splitlines() if line.strip().isdigit()]
        if answer.returncode == 0 and used:
            self.mib = max(self.mib or 0, *used)


@contextmanager
def track_gpu_memory() -> Iterator[PeakMemory]:
    """Give a peak that is updated until the block ends."""
    peak, over = PeakMemory(), threading.Event()
    program = shutil.which("nvidia-smi")
    if program is None:
        yield peak
        return

    def watch() -> None:
        while True:
            peak.update(program)
            if over.wait(POLL_S):
                return

    watcher = threading.Thread(target=watch, name="gpu memory", daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()
