"""A terminal for tests: an interactive shell on a pseudo-terminal, in which commands are typed."""

import fcntl
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.command import COMMAND, ENVIRONMENT

LONGEST_WAIT_S = 120.0
PROMPT = "READY> "
CTRL_C, CTRL_Z = "\x03", "\x1a"
DONE = re.compile(r"code=(\d+)\r?\n")


@dataclass
class Terminal:
    """What is typed goes to a shell with job control; `shown` is all that it and commands wrote."""

    master: int
    shell: subprocess.Popen[bytes]
    shown: str = ""
    closed: bool = False
    read: int = field(default=0)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.master, keys.encode())

    def start(self, *arguments: str | Path) -> None:
        """Type a vidcurate command, and have its exit code shown when it ends."""
        line = shlex.join([*COMMAND, *map(str, arguments)])
        self.read = len(self.shown)
        self.type(f"{line}; echo code=$?\n")

    def look(self, seconds: float = 0.02) -> str:
        """Read what comes within some seconds; all since the last command was typed."""
        if select.select([self.master], [], [], seconds)[0]:
            self.shown += os.read(self.master, 65536).decode(errors="replace")
        return self.shown[self.read :]

    def until(self, holds: Callable[[], object], longest_s: float = LONGEST_WAIT_S) -> None:
        """Go on reading until something holds."""
        end = time.monotonic() + longest_s
        while not holds():
            self.look()
            assert time.monotonic() < end, f"waited {longest_s:g} s in vain; shown: {self.shown}"

    def until_shown(self, text: str, longest_s: float = LONGEST_WAIT_S) -> None:
        """Go on reading until a text appears."""
        self.until(lambda: text in self.shown[self.read :], longest_s)

    def ended(self, longest_s: float = LONGEST_WAIT_S) -> int:
        """The exit code of the command, when it has one."""
        self.until(lambda: DONE.search(self.shown, self.read), longest_s)
        found = DONE.search(self.shown, self.read)
        assert found
        return int(found[1])

    def resize(self, columns: int, rows: int = 24) -> None:
        """Give the terminal another size; what runs in it is told."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def close(self) -> None:
        """Close the window."""
        if not self.closed:
            self.closed = True
            os.close(self.master)

    def processes(self) -> list[int]:
        """All that was started in the terminal and runs, the shell left out."""
        return below(self.shell.pid)


def below(pid: int) -> list[int]:
    """The ids of the processes that one started, and that those started."""
    table = subprocess.check_output(["ps", "-A", "-o", "pid=,ppid="], text=True)
    parents = {int(p): int(pp) for p, pp in (line.split() for line in table.splitlines())}
    found, fresh = [], [pid]
    while fresh:
        fresh = [p for p, parent in parents.items() if parent in fresh]
        found += fresh
    return [p for p in found if alive(p)]


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    return state(pid) not in ("", "Z")


def state(pid: int) -> str:
    """The state of a process as `ps` tells it: R, S, T (stopped), Z ...; nothing if it is gone."""
    reported = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False
    )
    return reported.stdout.decode().strip()[:1]


@contextmanager
def terminal(
    columns: int = 80, rows: int = 24, environment: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    """A terminal window; when it is closed nothing that was started in it may be left."""
    master, slave = pty.openpty()
    home = {"PS1": PROMPT, "TERM": "xterm-256color", "HISTFILE": "", **(environment or {})}
    shell = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "--noediting", "-i"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**ENVIRONMENT, **home},
        start_new_session=True,
        preexec_fn=lambda: take_terminal(0),  # noqa: PLW1509 - no thread of ours holds a lock
    )
    os.close(slave)
    window = Terminal(master, shell)
    started: list[int] = []
    try:
        window.resize(columns, rows)
        window.until_shown(PROMPT)
        yield window
        started = window.processes()
    finally:
        for pid in [*window.processes(), *started]:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        window.close()
        shell.kill()
        shell.wait()


def take_terminal(file: int) -> None:
    """Make a terminal the controlling one of this session."""
    fcntl.ioctl(file, termios.TIOCSCTTY, 0)
