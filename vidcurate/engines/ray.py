"""The Ray engine: the local engine's isolated workers, placed on the nodes of a cluster.

Ray says where a worker stands and when it is gone, but not what killed it. So each actor holds a
local engine of one worker, and what that does about crashes holds here too, in the same words.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import ray
from ray.exceptions import (
    RayActorError,
    RayError,
    RaySystemError,
    RayTaskError,
    UnserializableException,
)

from vidcurate.engines import ONE_CORE, Crash, Needs
from vidcurate.engines.guards import close_input
from vidcurate.engines.local import LOOK_UP_EVERY_S, SHARE, LocalEngine
from vidcurate.engines.ray import by_name, connect, fitting, nodes, room
from vidcurate.engines.resources import memory_bytes as memory_bytes_here
from vidcurate.errors import UsageError

Item = TypeVar("Item")
Result = TypeVar("Result")

LOSSES_AT_MOST = 3  # an item that was lost with its actor this often is given up


class Seat:
    """What an actor holds: a local engine of one worker, which keeps the stage's tool open."""

    def __init__(self, memory_bytes: int | None, needs: Needs, most: int) -> None:
        close_input()  # a node may have been started in a terminal
        own = ray.get_runtime_context().get_node_id()
        [node] = [node for node in nodes() if node["NodeID"] == own]
        # As on one machine, the workers of a node share its memory.
        n_beside = min(most, fitting(node, needs))
        self._engine = LocalEngine(1, memory_bytes or int(SHARE * memory_bytes_here()) // n_beside)

    def ready(self) -> None:
        """Return, which says that the actor is placed and lives."""

    def run(self, task: Callable[[Item], Result], item: Item) -> Result | Crash:
        """The result of one item."""
        [(_, result)] = self._engine.map(task, [item])
        return result


@dataclass(slots=True)
class Errand(Generic[Item]):
    """An item, and how often it was lost with the actor that had it."""

    item: Item
    losses: int = 0


@dataclass(slots=True)
class Roster(Generic[Item]):
    """The actors of one stage and what is to be done, keyed by what Ray will answer to."""

    needs: Needs
    called: dict[Any, Any] = field(default_factory=dict)
    free: list[Any] = field(default_factory=list)
    busy: dict[Any, tuple[Any, Errand[Item]]] = field(default_factory=dict)
    waiting: deque[Errand[Item]] = field(default_factory=deque)

    def call(self, actors: Iterable[Any]) -> None:
        """Ask actors to say that they are there; they are free when they have."""
        self.called.update({actor.ready.remote(): actor for actor in actors})

    def size(self) -> int:
        """How many actors there are."""
        return len(self.called) + len(self.free) + len(self.busy)


class RayEngine:
    """One actor a worker; they live as long as stages take the same resources.

    `address` is that of a cluster; without it, and without RAY_ADDRESS, Ray is started on this
    machine for as long as the engine is open. `workers` bounds how many actors there are; without
    it there is one for each core of the cluster.
    """

    isolates = True

    def __init__(
        self,
        address: str | None = None,
        workers: int | None = None,
        memory_bytes: int | None = None,
    ) -> None:
        self._address = address or os.environ.get("RAY_ADDRESS") or "local"
        self._given_workers = workers
        self._memory_bytes = memory_bytes
        self.workers = workers or 1
        self._stopping = threading.Event()
        self._idle: list[tuple[Needs, Any]] = []

    def __enter__(self) -> Self:
        connect(self._address, self._given_workers)
        self.workers = self._given_workers or max(1, room(ONE_CORE))
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        ray.shutdown()  # ends the actors too

    def stop(self) -> None:
        """Take no more items; what is in hand ends."""
        self._stopping.set()

    def suspend(self) -> None:
        """Nothing: the cluster ends what it has in hand, and is given no more meanwhile."""

    def resume(self) -> None:
        """Nothing."""

    def kill(self) -> None:
        """Nothing: Ray ends actors whose driver is gone, and those end their workers."""

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

        Raises UsageError where the cluster has no node for a worker.
        """
        roster: Roster[Item] = Roster(needs)
        most = min(self.workers, at_most or self.workers)
        source = iter(items)
        self._call_idle(roster, 0 if fresh else most)
        try:
            while True:
                if self._stopping.is_set():
                    roster.waiting.clear()
                else:
                    n_free = most - len(roster.waiting) - len(roster.busy)
                    roster.waiting.extend(Errand(item) for item in islice(source, n_free))
                if not roster.waiting and not roster.busy:
                    return
                assign(roster, task)
                enlarge(roster, most, self._memory_bytes)
                owed = [*roster.busy, *roster.called]
                ended, _ = ray.wait(owed, num_returns=1, timeout=LOOK_UP_EVERY_S)
                if not ended and not roster.busy:
                    self._call_idle(roster, most)  # another stage may have left what is wanted
                for answer in ended:
                    yield from settle(roster, answer)
        finally:
            self._dismiss(roster)

    def _call_idle(self, roster: Roster[Any], most: int) -> None:
        """Take over fitting actors of earlier stages; the others go, they hold resources."""
        idle, self._idle = self._idle, []
        alike = [actor for needs, actor in idle if needs == roster.needs]
        taken = alike[: max(0, most - roster.size())]
        roster.call(taken)
        end(actor for _, actor in idle if actor not in taken)

    def _dismiss(self, roster: Roster[Any]) -> None:
        """Keep free actors for the next stage; an actor that still works has been given up."""
        self._idle += [(roster.needs, actor) for actor in roster.free]
        end([*roster.called.values(), *(actor for actor, _ in roster.busy.values())])


def assign(roster: Roster[Any], task: Callable[[Any], Any]) -> None:
    """Give a waiting item to each free actor."""
    while roster.waiting and roster.free:
        actor, errand = roster.free.pop(), roster.waiting.popleft()
        roster.busy[actor.run.remote(task, errand.item)] = (actor, errand)


def enlarge(roster: Roster[Any], most: int, memory_bytes: int | None) -> None:
    """Start actors for items that wait, as far as the cluster has room.

    Raises UsageError where it has none at all.
    """
    n_missing = min(len(roster.waiting) - len(roster.called), most - roster.size())
    if n_missing <= 0:
        return
    needs = roster.needs
    n_room = room(needs)
    if n_room == 0 and roster.size() == 0:
        wanted = ", ".join(f"{amount:g} {name}" for name, amount in by_name(needs).items())
        raise UsageError(f"no node of the Ray cluster has {wanted}, which a worker takes")
    custom = dict(needs.custom)
    seat: Any = ray.remote(num_cpus=needs.cpus, num_gpus=needs.gpus, resources=custom)(Seat)
    n_new = min(n_missing, n_room - roster.size())
    roster.call(seat.remote(memory_bytes, needs, most) for _ in range(n_new))


def settle(roster: Roster[Item], answer: Any) -> Iterator[tuple[Item, Any]]:
    """Take in what an actor answered; an item that was lost with it waits again, or is given up."""
    if answer in roster.called:
        roster.free += arrived(answer, roster.called.pop(answer))
        return
    actor, errand = roster.busy.pop(answer)
    try:
        result = ray.get(answer)
    except RayTaskError as error:
        raise misfit(error) if isinstance(error.cause, RaySystemError) else error.cause from None
    except UnserializableException:
        raise
    except RayError as error:
        end([actor])
        # What went with it is not known yet; those that are there say so.
        roster.call(roster.free)
        roster.free.clear()
        errand.losses += 1
        if errand.losses < LOSSES_AT_MOST:
            roster.waiting.appendleft(errand)
            return
        last = str(error).splitlines()[-1]
        result = Crash(f"lost {errand.losses} times with the node or actor it was on ({last})")
    else:
        roster.free.append(actor)
    yield errand.item, result


def arrived(answer: Any, actor: Any) -> list[Any]:
    """The actor, if it is there.

    Raises UsageError where it could not start.
    """
    try:
        ray.get(answer)
    except RayActorError as error:
        if error.actor_init_failed:
            raise misfit(error) from None
        end([actor])
        return []
    return [actor]


def misfit(error: RayError) -> UsageError:
    """What to say when a node cannot load what it is to run."""
    last = str(error).splitlines()[-1]
    return UsageError(f"a node of the Ray cluster lacks what this machine has installed: {last}")


def end(actors: Iterable[Any]) -> None:
    """Kill actors, and with them what they were doing; after the engine's end they are gone."""
    for actor in actors if ray.is_initialized() else ():
        ray.kill(actor)
