"""The Ray engine runs items in the local engine's isolated workers on the nodes of a cluster.

Ray knows where a worker runs and when it is gone, but not what killed it. So each actor holds a
local engine of one worker, which reports crashes as it does on one machine.
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
    """The actor: a local engine of one worker, which keeps the stage's tool open."""

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
        """Return, which shows that the actor is placed and alive."""

    def run(self, task: Callable[[Item], Result], item: Item) -> Result | Crash:
        """The result of one item."""
        [(_, result)] = self._engine.map(task, [item])
        return result


@dataclass(slots=True)
class Assignment(Generic[Item]):
    """An item, and how often it was lost with its actor."""

    item: Item
    losses: int = 0


@dataclass(slots=True)
class ActorPool(Generic[Item]):
    """The actors of one stage and its items, keyed by the references that Ray resolves.

    `starting` are actors that have not answered yet, `busy` those that run an item.
    """

    needs: Needs
    starting: dict[Any, Any] = field(default_factory=dict)
    free: list[Any] = field(default_factory=list)
    busy: dict[Any, tuple[Any, Assignment[Item]]] = field(default_factory=dict)
    waiting: deque[Assignment[Item]] = field(default_factory=deque)

    def poll(self, actors: Iterable[Any]) -> None:
        """Ask actors whether they are alive; those that answer become free."""
        self.starting.update({actor.ready.remote(): actor for actor in actors})

    def size(self) -> int:
        """How many actors there are."""
        return len(self.starting) + len(self.free) + len(self.busy)


class RayEngine:
    """One actor per worker; actors live as long as stages need the same resources.

    `address` is the address of a cluster; without it, and without RAY_ADDRESS, Ray is started on
    this machine while the engine is open. `workers` limits the number of actors; without it there
    is one for each core of the cluster.
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
        self.workers = self._given_workers or max(1, cluster_capacity(ONE_CORE))
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        ray.shutdown()  # ends the actors too

    def stop(self) -> None:
        """Take no more items; items in progress end."""
        self._stopping.set()

    def suspend(self) -> None:
        """Do nothing: the cluster finishes items in progress and is given no more meanwhile."""

    def resume(self) -> None:
        """Do nothing."""

    def kill(self) -> None:
        """Do nothing: Ray ends actors whose driver is gone, and those end their workers."""

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
                    self._reuse_idle(pool, most)  # another stage may have left some
                for answer in ended:
                    yield from settle(pool, answer)
        finally:
            self._release(pool)

    def _reuse_idle(self, pool: ActorPool[Any], most: int) -> None:
        """Take over idle actors with the same needs; end the others, which hold resources."""
        idle, self._idle = self._idle, []
        alike = [actor for needs, actor in idle if needs == pool.needs]
        taken = alike[: max(0, most - pool.size())]
        pool.poll(taken)
        end(actor for _, actor in idle if actor not in taken)

    def _release(self, pool: ActorPool[Any]) -> None:
        """Keep free actors for the next stage; end those that still work, which were given up."""
        self._idle += [(pool.needs, actor) for actor in pool.free]
        end([*pool.starting.values(), *(actor for actor, _ in pool.busy.values())])


def assign(pool: ActorPool[Any], task: Callable[[Any], Any]) -> None:
    """Give a waiting item to each free actor."""
    while pool.waiting and pool.free:
        actor, assignment = pool.free.pop(), pool.waiting.popleft()
        pool.busy[actor.run.remote(task, assignment.item)] = (actor, assignment)


def enlarge(pool: ActorPool[Any], most: int, memory_bytes: int | None) -> None:
    """Start actors for items that wait, as far as the cluster has room.

    Raises UsageError where it has no room at all.
    """
    n_missing = min(len(pool.waiting) - len(pool.starting), most - pool.size())
    if n_missing <= 0:
        return
    needs = pool.needs
    capacity = cluster_capacity(needs)
    if capacity == 0 and pool.size() == 0:
        wanted = ", ".join(f"{amount:g} {name}" for name, amount in by_name(needs).items())
        raise UsageError(f"no node of the Ray cluster has {wanted}, which one worker needs")
    custom = dict(needs.custom)
    slot: Any = ray.remote(num_cpus=needs.cpus, num_gpus=needs.gpus, resources=custom)(ActorSlot)
    n_new = min(n_missing, capacity - pool.size())
    pool.poll(slot.remote(memory_bytes, needs, most) for _ in range(n_new))


def settle(pool: ActorPool[Item], answer: Any) -> Iterator[tuple[Item, Any]]:
    """Handle an answer; an item that was lost with its actor waits again, or is given up."""
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
        # Others may be gone with it: poll all that were free.
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
    """The actor in a list, if it is alive.

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
    """The error of a node that cannot load the code it shall run."""
    last = str(error).splitlines()[-1]
    return UsageError(f"a node of the Ray cluster lacks what this machine has installed: {last}")


def end(actors: Iterable[Any]) -> None:
    """Kill actors, with what they run; after the engine's end they are gone already."""
    for actor in actors if ray.is_initialized() else ():
        ray.kill(actor)


def connect(address: str, workers: int | None) -> None:
    """Join a cluster, or start Ray here, without usage reports and without Ray's own output.

    Raises UsageError where there is no cluster at the address.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Ray prints lost nodes to stdout, and has no public switch for that.
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
        raise UsageError(
            f"no Ray cluster at '{address}' ({error}): start one, or check --address"
        ) from error


def check_reachable(address: str) -> None:
    """Raise OSError or ValueError where nothing answers; Ray itself tries for minutes."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        raise ValueError("an address is HOST:PORT, or auto for the cluster of this machine")
    socket.create_connection((host, int(port)), CONNECT_TIMEOUT_S).close()


def nodes() -> list[dict[str, Any]]:
    """The nodes that are up, as Ray describes them."""
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def by_name(needs: Needs) -> dict[str, float]:
    """The needs of a worker by Ray's names."""
    amounts = {"CPU": needs.cpus, "GPU": needs.gpus, **needs.custom}
    return {name: amount for name, amount in amounts.items() if amount}


def fitting(node: Mapping[str, Any], needs: Needs) -> int:
    """How many actors with these needs a node can hold, even if it is in use now."""
    has = node["Resources"]
    return min(int(has.get(name, 0) / amount) for name, amount in by_name(needs).items())


def cluster_capacity(needs: Needs) -> int:
    """How many actors with these needs the cluster can hold, even if it is in use now."""
    return sum(fitting(node, needs) for node in nodes())
