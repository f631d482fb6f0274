import mmap
import subprocess
import sys
from pathlib import Path

import pytest

from vidcurate.engines.guards import memory_in_use, private_bytes

MEGABYTE = 1_000_000
HOLDER = "b = b'x' * 100_000_000; print(flush=True); input()"

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")


def test_memory_of_programs_that_were_started_counts() -> None:
    """What a child process holds, as ffmpeg does, is its worker's."""
    before = memory_in_use()
    command = [sys.executable, "-c", HOLDER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        assert memory_in_use() - before > 90 * MEGABYTE
        child.communicate(b"\n")
    assert private_bytes(str(child.pid)) == 0


def test_own_memory_counts_and_mapped_files_do_not(tmp_path: Path) -> None:
    """Pages of a file that is only read can be taken back, and are no reason to kill."""
    (tmp_path / "file").write_bytes(b"x" * 100 * MEGABYTE)
    before = memory_in_use()
    with (tmp_path / "file").open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        assert mapped.find(b"y") == -1
        assert memory_in_use() - before < 50 * MEGABYTE
        mapped.close()
    taken = b"x" * 100 * MEGABYTE
    assert memory_in_use() - before > 90 * MEGABYTE
    del taken
