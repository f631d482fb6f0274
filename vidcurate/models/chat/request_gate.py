"""Decides when requests may be sent: while a server is busy all wait, and one tries first."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Condition

LOOK_UP_EVERY_S = 0.2  # a stop is no part of the condition


@dataclass(slots=True)
class RequestGate:
    """The state of a server, shared by all threads that use it.

    `number` counts its outages: the fault of a request that was sent before the last one tells
    nothing new. `was_reached` says that the server ever answered with anything.
    """

    condition: Condition = field(default_factory=Condition)
    number: int = 0
    n_tries: int = 0
    n_refused: int = 0
    was_reached: bool = False
    has_answered: bool = False
    began: float | None = None
    until: float = 0.0
    is_tried: bool = False

    def wait(self, is_stopped: Callable[[], bool]) -> int:
        """Wait until a request may be sent, and return the number of the last outage."""
        with self.condition:
            while not is_stopped():
                now = time.monotonic()
                if self.began is None:
                    break
                if now >= self.until and not self.is_tried:
                    self.is_tried = True
                    break
                rest_s = self.until - now if now < self.until else LOOK_UP_EVERY_S
                self.condition.wait(min(LOOK_UP_EVERY_S, rest_s))
            return self.number

    def over(self, number: int) -> None:
        """Report that a request sent after this outage met a server that is not busy."""
        with self.condition:
            if number == self.number:
                self.began, self.n_tries, self.is_tried = None, 0, False
                self.condition.notify_all()
            elif self.began is not None:
                self.began = time.monotonic()  # it lives

    def busy(self, number: int, pause_s: Callable[[int], float]) -> float:
        """Report a busy server, and return for how long it has been busy, in seconds.

        `pause_s` gives the wait after a number of tries.
        """
        with self.condition:
            now = time.monotonic()
            if number == self.number:
                self.number += 1
                self.n_tries += 1
                self.began = now if self.began is None else self.began
                self.until = now + pause_s(self.n_tries)
                self.is_tried = False
                self.condition.notify_all()
            return 0.0 if self.began is None else now - self.began

    def reached(self) -> None:
        """Report that the server answered with something."""
        self.was_reached = True

    def answered(self) -> None:
        """Report that the server answered a request."""
        self.has_answered = True

    def refused(self) -> int:
        """Count a refused request; returns how many were refused while none was answered."""
        with self.condition:
            self.n_refused += 1
            return 0 if self.has_answered else self.n_refused
