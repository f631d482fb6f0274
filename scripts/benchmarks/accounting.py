"""Counts the CPU time of chosen functions, each without what it calls of the others."""

import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

# A place is an object and the name of its function; functions that give items one by one are
# counted item by item.
Places = Sequence[tuple[object, str]]


@dataclass(slots=True)
class Accounts:
    """CPU seconds of this thread by part; `inner` are those of the parts called by an open one."""

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    inner: list[float] = field(default_factory=list)

    def begin(self) -> float:
        """Open a part; returns when."""
        self.inner.append(0.0)
        return time.thread_time()

    def end(self, part: str, start: float) -> None:
        """Close the part that was opened last, and book its time."""
        spent = time.thread_time() - start
        self.seconds[part] += spent - self.inner.pop()
        if self.inner:
            self.inner[-1] += spent

    def counted(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that books its time on a part."""

        def call(*arguments: Any, **options: Any) -> Any:
            start = self.begin()
            try:
                result = function(*arguments, **options)
            finally:
                self.end(part, start)
            return self.items(part, result) if isinstance(result, Generator) else result

        return call

    def items(self, part: str, generator: Iterator[Any]) -> Iterator[Any]:
        """Yield what a generator does, and book the time of each item."""
        nothing = object()
        while True:
            start = self.begin()
            try:
                item = next(generator, nothing)
            finally:
                self.end(part, start)
            if item is nothing:
                return
            yield item


@contextmanager
def counting(parts: Mapping[str, Places], rest: str) -> Iterator[Accounts]:
    """Count the parts of what runs inside; what is left goes to `rest`."""
    accounts = Accounts()
    with ExitStack() as stack:
        for part, places in parts.items():
            for owner, name in places:
                counted = accounts.counted(part, getattr(owner, name))
                stack.enter_context(mock.patch.object(owner, name, counted))
        start = accounts.begin()
        yield accounts
        accounts.end(rest, start)
