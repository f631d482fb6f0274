"""The engines by their names."""

from collections.abc import Iterator
from contextlib import contextmanager

from vidcurate.engines.base import Engine
from vidcurate.engines.inline import InlineEngine
from vidcurate.engines.local import LocalEngine
from vidcurate.errors import MissingExtraError, UsageError


@contextmanager
def open_engine(
    name: str,
    *,
    workers: int | None = None,
    memory_bytes: int | None = None,
    address: str | None = None,
) -> Iterator[Engine]:
    """An engine that ends its workers with the block; `memory_bytes` is what one worker may take.

    Raises UsageError for an unknown engine, for the address of a cluster with another engine than
    ray, and where no cluster answers; MissingExtraError where Ray is not installed.
    """
    if address and name != "ray":
        raise UsageError("an address is that of a Ray cluster: choose the engine ray")
    if name == "inline":
        yield InlineEngine()
    elif name == "local":
        with LocalEngine(workers, memory_bytes) as engine:
            yield engine
    elif name == "ray":
        try:
            from vidcurate.engines.ray import RayEngine  # noqa: PLC0415 - optional, slow to import
        except ModuleNotFoundError as error:
            raise MissingExtraError("ray", "ray") from error
        with RayEngine(address, workers, memory_bytes) as engine:
            yield engine
    else:
        raise UsageError(f"unknown engine '{name}': local, ray or inline")
