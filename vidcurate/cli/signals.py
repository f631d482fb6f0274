"""What Ctrl-C, Ctrl-Z and a closed terminal do to a run.

Signals are acted on by a thread, since Python's handlers wait for the main thread, which may be in
a library for minutes, and must not print into what it was just printing.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NoReturn

from vidcurate.cli.output import Quiet
from vidcurate.cli.printing import say
from vidcurate.pipeline.run import Run

INTERRUPTED = 130
GRACE_S = 4.0  # for an orderly end after the second Ctrl-C
PAUSE_S = 2.0  # for the display and the workers to be halted before the command is
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AT_ONCE = 2  # so many signals end a run without waiting for what is in hand
NO_MORE = 0


@dataclass
class Signals:
    """What was heard, and the run that it is about; before there is one the first signal ends.

    The first Ctrl-C or SIGTERM, and SIGHUP, end a run after the batches in hand, the second ends it
    at once: the main thread gets a KeyboardInterrupt. When that has not ended it after GRACE_S, or
    at a third, the process is ended hard: what is on disk is whole at any time.
    """

    last_words: Callable[[], str]
    run: Run | None = None
    out: Quiet = field(default_factory=Quiet)
    ended: threading.Event = field(default_factory=threading.Event)
    halted: threading.Event = field(default_factory=threading.Event)
    to_main: int = 0
    to_thread: int = 0
    wake: int = -1

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt in the main thread when the run shall end at once."""
        # A terminal that is closed may tell so more than once.
        self.to_main += number != signal.SIGHUP or not self.to_main
        if self.to_main == (1 if self.run is None else AT_ONCE):
            raise KeyboardInterrupt

    def suspend(self, _number: int, _frame: FrameType | None) -> None:
        """Stop this process as it would stop without a handler, when all else is halted."""
        self.halted.wait(PAUSE_S)
        self.halted.clear()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)  # nothing where no shell could let it go on
        signal.signal(signal.SIGTSTP, self.suspend)
        os.write(self.wake, bytes([signal.SIGCONT]))

    def listen(self, pipe: int) -> None:
        """Act on signals as they come, until there are no more."""
        while True:
            for number in os.read(pipe, 64):
                if number == NO_MORE:
                    return
                self.act(number)

    def act(self, number: int) -> None:
        """Do what one signal asks for."""
        if number == signal.SIGTSTP:
            self.out.halt()
            self.each_engine("suspend")
            self.halted.set()
        elif number == signal.SIGCONT:
            self.each_engine("resume")
            self.out.resume()
        elif number in ENDING and (number != signal.SIGHUP or not self.to_thread):
            self.to_thread += 1
            self.end()

    def end(self) -> None:
        """End the run the softer the earlier it is asked for."""
        if self.to_thread == 1 and self.run is not None:
            say("stopping after the batches in hand; once more stops at once")
            self.run.stop()
        elif self.to_thread > AT_ONCE:
            self.end_hard()
        else:
            threading.Thread(target=self.end_late, name="late end", daemon=True).start()

    def end_late(self) -> None:
        """End hard what has not ended by itself in time."""
        if not self.ended.wait(GRACE_S):
            self.end_hard()

    def end_hard(self) -> NoReturn:
        """End the workers and this process, whatever its main thread is doing."""
        self.each_engine("kill")
        self.out.give_up()
        os.write(2, f"{self.last_words()}\n".encode(errors="backslashreplace"))
        os._exit(INTERRUPTED)

    def each_engine(self, action: str) -> None:
        """Have all engines of the run do something."""
        for engine in self.run.engines() if self.run is not None else ():
            getattr(engine, action)()


@contextmanager
def signals_handled(last_words: Callable[[], str]) -> Iterator[Signals]:
    """Handle signals while the block runs, in the main thread; elsewhere do nothing.

    One that the caller has us ignore stays ignored, as `nohup` does with SIGHUP.
    """
    signals = Signals(last_words)
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    pipe, signals.wake = os.pipe()
    os.set_blocking(signals.wake, False)
    listener = threading.Thread(target=signals.listen, args=[pipe], name="signals", daemon=True)
    listener.start()
    wake_before = signal.set_wakeup_fd(signals.wake, warn_on_full_buffer=False)
    before = install(signals)
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wake_before)
        signals.ended.set()
        os.write(signals.wake, bytes([NO_MORE]))
        listener.join()
        os.close(pipe)
        os.close(signals.wake)


def install(signals: Signals) -> dict[signal.Signals, Any]:
    """Put in the handlers; returns those that were there."""
    wanted: dict[signal.Signals, Any] = {
        signal.SIGINT: signals.on_signal,
        signal.SIGTERM: signals.on_signal,
        signal.SIGHUP: signals.on_signal,
        signal.SIGTSTP: signals.suspend,
        # Only that it comes counts: also after a SIGSTOP, which nobody hears of.
        signal.SIGCONT: lambda _number, _frame: None,
    }
    kept = (signal.SIGHUP, signal.SIGTSTP)
    return {
        number: signal.signal(number, handler)
        for number, handler in wanted.items()
        if not (number in kept and signal.getsignal(number) is signal.SIG_IGN)
    }
