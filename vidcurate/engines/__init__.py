"""Engines run a function over items, somewhere; they know nothing of stages or tables."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Crash:
    """The worker that had an item ended without a result."""

    reason: str


class Engine(Protocol):
    """The whole interface of an engine."""

    workers: int
    """How many items are worked on at once."""

    def map(
        self,
        task: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        gpus: float = 0,
        at_most: int | None = None,
    ) -> Iterator[tuple[Item, Result | Crash]]:
        """Each item with its result, in the order in which they end.

        `task` and items must pickle. Items are taken only as fast as workers are free. `gpus` is
        what one worker takes; `at_most` bounds how many items are worked on at once. An exception
        of `task` itself is raised here.
        """

    def stop(self) -> None:
        """Take no more items; what is in hand ends."""
