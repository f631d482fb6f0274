"""The command as a user runs it, in a process of its own, for tests."""

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "vidcurate")
# Python is strict about what is no UTF-8 in most locales, though not in all.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "FORCE_COLOR")}
ENVIRONMENT["PYTHONIOENCODING"] = "utf-8:strict"
# Where pandas is installed, as for other tests, Arrow imports it at every start.
PATHS = [str(Path(__file__).parent / "without_pandas"), os.environ.get("PYTHONPATH", "")]
ENVIRONMENT["PYTHONPATH"] = os.pathsep.join(filter(None, PATHS))
# Far more than a start takes: a cluster's once took over a minute among other tests.
LONGEST_WAIT_S = 150.0


@dataclass(frozen=True)
class Ended:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """The JSON lines on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


@cache
def quick_command() -> tuple[str, ...]:
    """The command as a server forks it that has imported it; it ends with these tests."""
    folder = Path(tempfile.mkdtemp())
    program = Path(__file__).parent / "preloaded.py"
    address = folder / "socket"
    server = subprocess.Popen(
        [sys.executable, "-m", f"tests.support.{program.stem}", address],
        cwd=Path(__file__).parents[2],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    atexit.register(shutil.rmtree, folder)
    atexit.register(server.communicate)
    while not address.exists():
        assert server.poll() is None
        time.sleep(0.01)
    return sys.executable, "-I", "-S", str(program), str(address)


def starts_alike(environment: Mapping[str, str]) -> bool:
    """Whether Python itself starts with an environment as it does for most commands."""
    own = {
        name for name in {*environment, *ENVIRONMENT} if name.startswith(("PYTHON", "LC_", "LANG"))
    }
    return all(environment.get(name) == ENVIRONMENT.get(name) for name in own)


def vidcurate(
    *arguments: str | Path,
    stdin: bytes = b"",
    at: Path | None = None,
    environment: Mapping[str, str] = ENVIRONMENT,
) -> Ended:
    """Run the command to its end."""
    command = quick_command() if starts_alike(environment) else COMMAND
    done = subprocess.run(
        [*command, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        cwd=at,
        env=environment,
        timeout=120,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def start(
    arguments: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str] = ENVIRONMENT,
) -> subprocess.Popen[bytes]:
    """Start the command in a process group of its own; its words go to a log in `folder`."""
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )


def kill_group(running: subprocess.Popen[bytes]) -> None:
    """End a command and its workers at once, as a power cut would."""
    try:
        os.killpg(running.pid, signal.SIGKILL)
    finally:
        running.wait()


def wait_until(holds: Callable[[], bool], running: subprocess.Popen[bytes]) -> bool:
    """Wait until something holds or the command has ended; whether it was still running."""
    end = time.monotonic() + LONGEST_WAIT_S
    while time.monotonic() < end:
        if running.poll() is not None:
            return False
        if holds():
            return True
        time.sleep(0.002)
    raise AssertionError(f"waited {LONGEST_WAIT_S:.0f} s in vain")


def stopped(
    command: Sequence[str | Path],
    folder: Path,
    ready: Callable[[], bool],
    stop: Callable[[subprocess.Popen[bytes]], None],
) -> None:
    """Start a command and stop it when it is ready: it ends with 130 and says how to go on."""
    running = start(command, folder)
    try:
        assert wait_until(ready, running)
        stop(running)
        assert running.wait(timeout=60) == 130
    finally:
        if running.poll() is None:
            kill_group(running)
    said = (folder / "log").read_text("utf-8")
    assert f"interrupted; the same command goes on: vidcurate {command[0]} " in said
    assert "Traceback" not in said


def ctrl_c(running: subprocess.Popen[bytes]) -> None:
    """What a terminal does: all processes of the command are told."""
    os.killpg(running.pid, signal.SIGINT)


def last_counts(out: Path) -> dict[str, int]:
    """What became of the inputs of a data set's last stage."""
    [status] = vidcurate("status", "-d", out, "--json").lines
    counts: dict[str, int] = status["stages"][-1]
    return counts
