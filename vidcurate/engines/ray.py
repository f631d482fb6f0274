"""The Ray engine: the local engine's isolated workers, placed on the nodes of a cluster.

Ray says where a worker stands and when it is gone, but not what killed it. So each actor holds a
local engine of one worker, and what that does about crashes holds here too, in the same words.
"""

import logging
import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
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

from vidcurate.engines.base import ONE_CORE, Crash, Needs
from vidcurate.engines.guards import close_input
from vidcurate.engines.local import MEMORY_SHARE, POLL_S, LocalEngine
from vidcurate.engines.resources import memory_bytes as memory_bytes_here
from vidcurate.errors import UsageError

Item = TypeVar("Item")
Result = TypeVar("Result")

CONNECT_TIMEOUT_S = 10.0
MAX_LOSSES = 3  # an item that was lost with its actor this often is given up


class ActorSlot:
    """What an actor holds: a local engine of one worker, which keeps the stage's tool open."""

    def __init__(self, memory_bytes: int | None, needs: Needs, most: int) -> None:
        close_input()  # a node may have been started in a terminal
        own = ray.get_runtime_context().get_node_id()
        [node] = [node for node in nodes() if node["NodeID"] == own]
        # As on one machine, the workers of a node share its memory.
        n_on_node = min(most, fitting(node, needs))
        self._engine = LocalEngine(
            1, memory_bytes or int(MEMORY_SHARE * memory_bytes_here()) // n_on_node
        )

    def ready(self) -> None:
        """Return, which says that the actor is placed and lives."""

    def run(self, task: Callable[[Item], Result], item: Item) -> Result | Crash:
        """The result of one item."""
        [(_, result)] = self._engine.map(task, [item])
        return result


@dataclass(slots=True)
class Assignment(Generic[Item]):
    """An item, and how often it was lost with the actor that had it."""

    item: Item
    losses: int = 0


@dataclass(slots=True)
class ActorPool(Generic[Item]):
    """The actors of one stage and what is to be done, keyed by what Ray will answer to."""

    needs: Needs
    starting: dict[Any, Any] = field(default_factory=dict)
    free: list[Any] = field(default_factory=list)
    busy: dict[Any, tuple[Any, Assignment[Item]]] = field(default_factory=dict)
    waiting: deque[Assignment[Item]] = field(default_factory=deque)

    def poll(self, actors: Iterable[Any]) -> None:
        """Ask actors to say that they are there; they are free when they have."""
        self.starting.update({actor.ready.remote(): actor for actor in actors})

    def size(self) -> int:
        """How many actors there are."""
        return len(self.starting) + len(self.free) + len(self.busy)


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
        pool: ActorPool[Item] = ActorPool(needs)
        most = min(self.workers, at_most or self.workers)
        source = iter(items)
        self._reuse_idle(pool, 0 if fresh else most)
        try:
            while True:
                if self._stopping.is_set():
                    pool.waiting.clear()
                else:
                    n_free = most - len(pool.waiting) - len(pool.busy)
                    pool.waiting.extend(Assignment(item) for item in islice(source, n_free))
                if not pool.waiting and not pool.busy:
                    return
                assign(pool, task)
                enlarge(pool, most, self._memory_bytes)
                unanswered = [*pool.busy, *pool.starting]
                ended, _ = ray.wait(unanswered, num_returns=1, timeout=POLL_S)
                if not ended and not pool.busy:
                    self._reuse_idle(pool, most)  # another stage may have left what is wanted
                for answer in ended:
                    yield from settle(pool, answer)
        finally:
            self._release(pool)

    def _reuse_idle(self, pool: ActorPool[Any], most: int) -> None:
        """Take over fitting actors of earlier stages; the others go, they hold resources."""
        idle, self._idle = self._idle, []
        alike = [actor for needs, actor in idle if needs == pool.needs]
        taken = alike[: max(0, most - pool.size())]
        pool.poll(taken)
        end(actor for _, actor in idle if actor not in taken)

    def _release(self, pool: ActorPool[Any]) -> None:
        """Keep free actors for the next stage; an actor that still works has been given up."""
        self._idle += [(pool.needs, actor) for actor in pool.free]
        end([*pool.starting.values(), *(actor for actor, _ in pool.busy.values())])


def assign(pool: ActorPool[Any], task: Callable[[Any], Any]) -> None:
    """Give a waiting item to each free actor."""
    while pool.waiting and pool.free:
        actor, assignment = pool.free.pop(), pool.waiting.popleft()
        pool.busy[actor.run.remote(task, assignment.item)] = (actor, assignment)


def enlarge(pool: ActorPool[Any], most: int, memory_bytes: int | None) -> None:
    """Start actors for items that wait, as far as the cluster has room.

    Raises UsageError where it has none at all.
    """
    n_missing = min(len(pool.waiting) - len(pool.starting), most - pool.size())
    if n_missing <= 0:
        return
    needs = pool.needs
    n_room = room(needs)
    if n_room == 0 and pool.size() == 0:
        wanted = ", ".join(f"{amount:g} {name}" for name, amount in by_name(needs).items())
        raise UsageError(f"no node of the Ray cluster has {wanted}, which a worker takes")
    custom = dict(needs.custom)
    slot: Any = ray.remote(num_cpus=needs.cpus, num_gpus=needs.gpus, resources=custom)(ActorSlot)
    n_new = min(n_missing, n_room - pool.size())
    pool.poll(slot.remote(memory_bytes, needs, most) for _ in range(n_new))


def settle(pool: ActorPool[Item], answer: Any) -> Iterator[tuple[Item, Any]]:
    """Take in what an actor answered; an item that was lost with it waits again, or is given up."""
    if answer in pool.starting:
        pool.free += ready_actors(answer, pool.starting.pop(answer))
        return
    actor, assignment = pool.busy.pop(answer)
    try:
        result = ray.get(answer)
    except RayTaskError as error:
        raise (
            installation_error(error) if isinstance(error.cause, RaySystemError) else error.cause
        ) from None
    except UnserializableException:
        raise
    except RayError as error:
        end([actor])
        # What went with it is not known yet; those that are there say so.
        pool.poll(pool.free)
        pool.free.clear()
        assignment.losses += 1
        if assignment.losses < MAX_LOSSES:
            pool.waiting.appendleft(assignment)
            return
        last = str(error).splitlines()[-1]
        result = Crash(f"lost {assignment.losses} times with the node or actor it was on ({last})")
    else:
        pool.free.append(actor)
    yield assignment.item, result


def ready_actors(answer: Any, actor: Any) -> list[Any]:
    """The actor, if it is there.

    Raises UsageError where it could not start.
    """
    try:
        ray.get(answer)
    except RayActorError as error:
        if error.actor_init_failed:
            raise installation_error(error) from None
        end([actor])
        return []
    return [actor]


def installation_error(error: RayError) -> UsageError:
    """What to say when a node cannot load what it is to run."""
    last = str(error).splitlines()[-1]
    return UsageError(f"a node of the Ray cluster lacks what this machine has installed: {last}")


def end(actors: Iterable[Any]) -> None:
    """Kill actors, and with them what they were doing; after the engine's end they are gone."""
    for actor in actors if ray.is_initialized() else ():
        ray.kill(actor)


def connect(address: str, workers: int | None) -> None:
    """Join a cluster, or start Ray here; nothing of it is reported anywhere, nor shown.

    Raises UsageError where there is no cluster at the address.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # What Ray says of lost nodes would go to stdout; there is no public switch.
    ray._private.worker._worker_logs_enabled = False  # noqa: SLF001 - see above
    here: dict[str, Any] = {"include_dashboard": False, "num_cpus": workers}
    try:
        if address not in ("auto", "local"):
            check_reachable(address)
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **(here if address == "local" else {}),
        )
    except (OSError, ValueError) as error:
        raise UsageError(f"no Ray cluster at '{address}': {error}") from error


def check_reachable(address: str) -> None:
    """Raise OSError or ValueError where nothing answers; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        raise ValueError("an address is HOST:PORT, or auto for the cluster of this machine")
    socket.create_connection((host, int(port)), CONNECT_TIMEOUT_S).close()


def nodes() -> list[dict[str, Any]]:
    """The nodes that are up, as Ray describes them."""
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def by_name(needs: Needs) -> dict[str, float]:
    """What a worker takes, as Ray names it."""
    amounts = {"CPU": needs.cpus, "GPU": needs.gpus, **needs.custom}
    return {name: amount for name, amount in amounts.items() if amount}


def fitting(node: Mapping[str, Any], needs: Needs) -> int:
    """How many actors with these needs a node holds, whoever uses it now."""
    has = node["Resources"]
    return min(int(has.get(name, 0) / amount) for name, amount in by_name(needs).items())


def room(needs: Needs) -> int:
    """How many actors with these needs the cluster holds, whoever uses it now."""
    return sum(fitting(node, needs) for node in nodes())
