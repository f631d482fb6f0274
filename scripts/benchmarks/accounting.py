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

    @contextmanager
    def book(self, part: str) -> Iterator[None]:
        """Book the time of a block on a part."""
        self.inner.append(0.0)
        start = time.thread_time()
        try:
            yield
        finally:
            spent = time.thread_time() - start
            self.seconds[part] += spent - self.inner.pop()
            if self.inner:
                self.inner[-1] += spent

    def counted(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that books its time on a part."""

        def call(*arguments: Any, **options: Any) -> Any:
            with self.book(part):
                result = function(*arguments, **options)
            return self.items(part, result) if isinstance(result, Generator) else result

        return call

    def items(self, part: str, generator: Iterator[Any]) -> Iterator[Any]:
        """Yield what a generator does, and book the time of each item."""
        nothing = object()
        while True:
            with self.book(part):
                item = next(generator, nothing)
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
        with accounts.book(rest):
            yield accounts
