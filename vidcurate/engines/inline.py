"""The inline engine runs everything in this process, for debugging and tiny data."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from vidcurate.engines.base import ONE_CORE, Crash, Needs

Item = TypeVar("Item")
Result = TypeVar("Result")


class InlineEngine:
    """Runs one item after the other in the calling process."""

    workers = 1
    isolates = False

    def __init__(self) -> None:
        self._stopping = False

    def stop(self) -> None:
        """Take no more items."""
        self._stopping = True

    def suspend(self) -> None:
        """Do nothing: there are no workers."""

    def resume(self) -> None:
        """Do nothing."""

    def kill(self) -> None:
        """Do nothing: there are no workers."""

    def map(
        self,
        task: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        needs: Needs = ONE_CORE,
        at_most: int | None = None,
        fresh: bool = False,
    ) -> Iterator[tuple[Item, Result | Crash]]:
        """Yield each item with its result, in the order given."""
        del needs, at_most, fresh
        waiting = iter(items)
        while not self._stopping:
            try:
                item = next(waiting)
            except StopIteration:
                return
            yield item, task(item)
