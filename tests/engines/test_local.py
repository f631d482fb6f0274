"""Worker processes and the programs they run end when they should, however that comes about."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.processes import announce, lives, wait_for
from vidcurate.engines.local import LocalEngine

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.support.processes import announce
from vidcurate.engines.local import LocalEngine

if __name__ == "__main__":
    with LocalEngine(2) as engine:
        list(engine.map(announce, [Path(sys.argv[2]) / "0", Path(sys.argv[2]) / "1"]))
"""


def announce_and_die(path: Path) -> None:
    """End as the kernel's killer would, with a program running."""
    threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGKILL]).start()
    announce(path)


def test_workers_end_with_a_killed_driver(tmp_path: Path) -> None:
    """When the driver is killed with no chance to tidy up, its workers end, even amid an item.

    So do the programs that they run.
    """
    script = tmp_path / "driver.py"
    script.write_text(DRIVER, "utf-8")
    driver = subprocess.Popen([sys.executable, str(script), str(ROOT), str(tmp_path)])
    try:
        for name in ("0", "1"):
            wait_for(tmp_path / name)
    finally:
        driver.kill()
        driver.wait()
    wait_for_end(tmp_path / "0", tmp_path / "1")


def test_a_program_ends_with_its_worker(tmp_path: Path) -> None:
    """What a killed worker had started, such as ffmpeg, is killed too."""
    with LocalEngine(1) as engine:
        [(path, _)] = engine.map(announce_and_die, [tmp_path / "0"])
        wait_for_end(path)


def test_a_driver_that_gives_up_leaves_nothing_behind(tmp_path: Path) -> None:
    """When an error ends the driver's part, workers amid an item end, and their programs."""

    def give_up() -> None:
        with LocalEngine(2) as engine:
            for _ in engine.map(announce_unless_gone, [tmp_path / "0", tmp_path / "gone"]):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        give_up()
    wait_for_end(tmp_path / "0")


def announce_unless_gone(path: Path) -> None:
    """Stay, or, by name, end when the other one has begun."""
    if path.name == "gone":
        wait_for(path.with_name("0"))
    else:
        announce(path)


def wait_for_end(*announced: Path) -> None:
    """Return when all processes that were announced are gone."""
    ids = [int(pid) for path in announced for pid in path.read_text("utf-8").split()]
    while any(lives(pid) for pid in ids):
        time.sleep(0.01)
