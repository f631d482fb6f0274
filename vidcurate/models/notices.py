"""Notices for the user about something that did not fail, collected until the next report.

A worker's model cannot reach the user; the worker's next report takes the notices along.
"""

from threading import Lock

LOCK = Lock()
NOTICES: list[str] = []


def add_notice(text: str) -> None:
    """Add a notice, from any thread."""
    with LOCK:
        NOTICES.append(text)


def take_notices() -> tuple[str, ...]:
    """Remove and return all notices."""
    with LOCK:
        taken = tuple(NOTICES)
        NOTICES.clear()
    return taken
