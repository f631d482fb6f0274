"""What a user should know though nothing failed: said where work runs, told where the run is led.

A worker's tool has no way to the user; what it notes is taken along by the next report.
"""

from threading import Lock

LOCK = Lock()
SAID: list[str] = []


def add_notice(text: str) -> None:
    """Note something, from any thread."""
    with LOCK:
        SAID.append(text)


def take_notices() -> tuple[str, ...]:
    """All that was noted since the last call."""
    with LOCK:
        taken = tuple(SAID)
        SAID.clear()
    return taken
