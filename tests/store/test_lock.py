import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vidcurate.errors import BusyError
from vidcurate.store.lock import holder, writing

HOLD = """
import sys, time
from pathlib import Path
from vidcurate.store.lock import writing

with writing(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def hold(root: Path) -> "subprocess.Popen[str]":
    """Another process that holds a data set."""
    command = [sys.executable, "-c", HOLD, str(root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_one_writer_at_a_time_and_a_killed_one_frees_the_lock(tmp_path: Path) -> None:
    """A second writer is refused and told who writes; when that one is killed, it may."""
    root = tmp_path / "new" / "data"
    other = hold(root)
    try:
        with pytest.raises(BusyError) as refused, writing(root):
            pytest.fail("two writers")
        assert f"{root} is being written by process {other.pid} on " in str(refused.value)
        assert "\n" not in str(refused.value)
    finally:
        other.send_signal(signal.SIGKILL)
        assert other.wait() == -signal.SIGKILL
        if other.stdout is not None:
            other.stdout.close()
    with writing(root):
        assert f'"pid": {os.getpid()}' in (root / "lock").read_text("utf-8")


def test_the_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    """A writer that fails lets the next one in; the same process cannot enter twice."""

    def refused_inside() -> None:
        with writing(tmp_path):
            with pytest.raises(BusyError), writing(tmp_path):
                pytest.fail("two writers")
            raise ValueError("amid the work")

    with pytest.raises(ValueError, match="amid"):
        refused_inside()
    with writing(tmp_path):
        pass


def test_data_sets_are_apart(tmp_path: Path) -> None:
    """Two data sets are written at once."""
    with writing(tmp_path / "a"), writing(tmp_path / "b"):
        pass


@pytest.mark.parametrize("text", ["", '{"pid": 1', "garbage"])
def test_a_lock_file_that_says_nothing_names_nobody(text: str) -> None:
    """A lock whose holder has not yet written its name is still told of in words."""
    assert holder(text) == "another process"
