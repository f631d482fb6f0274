"""Engines run a function over items, somewhere; they know nothing of stages or tables."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Cause = Literal["time", "memory", "death"]


@dataclass(frozen=True, slots=True)
class Crash:
    """The worker that had an item ended without a result.

    `time`: it ended by SIGALRM, which a task sets for itself to bound even a stuck call.
    `memory`: it grew past its limit, or was killed from outside, as the kernel does when memory
    runs out. `death`: all else. `reason` completes "the worker was ...".
    """

    reason: str
    cause: Cause = "death"


@dataclass(frozen=True, slots=True)
class Needs:
    """What one worker takes; `custom` names what the nodes of a cluster declare, and how much."""

    cpus: float = 1
    gpus: float = 0
    custom: Mapping[str, float] = field(default_factory=dict)


ONE_CORE = Needs()


class Engine(Protocol):
    """The whole interface of an engine."""

    workers: int
    """How many items are worked on at once."""

    isolates: bool
    """Whether a task that ends its process costs its own item only."""

    def map(
        self,
        task: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        needs: Needs = ONE_CORE,
        at_most: int | None = None,
        fresh: bool = False,
    ) -> Iterator[tuple[Item, Result | Crash]]:
        """Each item with its result, in the order in which they end.

        `task` and items must pickle. Items are taken only as fast as workers are free. `needs`
        is what one worker takes of a cluster. `at_most` bounds how many items are worked on at
        once, and how many processes there are if `fresh`: all workers are new then, and what
        earlier ones held, such as models, is free. An exception of `task` itself is raised here.
        """

    def stop(self) -> None:
        """Take no more items; what is in hand ends."""

    def suspend(self) -> None:
        """Stop the workers of this machine where they are, until `resume`; from any thread."""

    def resume(self) -> None:
        """Let suspended workers go on; their time limits do not count against what they did."""

    def kill(self) -> None:
        """End the workers of this machine at once, from any thread; nothing works afterwards."""
