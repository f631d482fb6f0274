"""Joins a Ray cluster, or starts one, and says how many workers it holds."""

import logging
import os
import socket
from collections.abc import Mapping
from typing import Any

import ray

from vidcurate.engines import Needs
from vidcurate.errors import UsageError

KNOCK_S = 10.0


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
            knock(address)
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **(here if address == "local" else {}),
        )
    except (OSError, ValueError) as error:
        raise UsageError(f"no Ray cluster at '{address}': {error}") from error


def knock(address: str) -> None:
    """Raise OSError or ValueError where nothing answers; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        raise ValueError("an address is HOST:PORT, or auto for the cluster of this machine")
    socket.create_connection((host, int(port)), KNOCK_S).close()


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
