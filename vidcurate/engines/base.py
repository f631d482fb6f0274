"""The protocol of engines: run a function over items; stages and tables are unknown to them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Cause = Literal["time", "memory", "death"]


@dataclass(frozen=True, slots=True)
class Crash:
    """A worker ended without a result for its item.

    `time`: SIGALRM ended it, which a task sets to limit even a call that hangs. `memory`: it grew
    past its limit, or was killed from outside, as the kernel does when memory runs out. `death`:
    anything else. `reason` completes "the worker was ...".
    """

    reason: str
    cause: Cause = "death"


@dataclass(frozen=True, slots=True)
class Needs:
    """The resources of one worker; `custom` are amounts of resources that cluster nodes declare."""

    cpus: float = 1
    gpus: float = 0
    custom: Mapping[str, float] = field(default_factory=dict)


ONE_CORE = Needs()


class Engine(Protocol):
    """What every engine offers."""

    workers: int
    """How many items run at once."""

    isolates: bool
    """Whether a task that ends its process loses only its own item."""

    def map(
        self,
        task: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        needs: Needs = ONE_CORE,
        at_most: int | None = None,
        fresh: bool = False,
    ) -> Iterator[tuple[Item, Result | Crash]]:
        """Yield each item with its result, in the order in which they end.

        `task` and items must pickle. Items are taken only as fast as workers are free. `needs`
        are the resources of one worker in a cluster. `at_most` limits how many items run at once,
        and with `fresh` also the number of processes: all workers are new then, and what earlier
        ones held, such as models, is freed. An exception of `task` itself is raised here.
        """

    def stop(self) -> None:
        """Take no more items; items in progress end."""

    def suspend(self) -> None:
        """Pause the workers of this machine until `resume`; from any thread."""

    def resume(self) -> None:
        """Let suspended workers continue; an item whose time limit passed meanwhile runs again."""

    def kill(self) -> None:
        """End the workers of this machine at once, from any thread; the engine is unusable then."""
