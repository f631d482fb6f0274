import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from scripts.benchmarks.accounting import counting


def work(seconds: float) -> None:
    """Use so much of this thread's CPU time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_each_part_has_its_own_time_alone() -> None:
    """What a part calls of another is not its own, items of a generator count, and all adds up."""

    def inner() -> None:
        work(0.03)

    def items() -> Iterator[int]:
        for number in range(3):
            work(0.01)
            yield number

    def outer() -> None:
        place.inner()
        work(0.02)

    place = SimpleNamespace(inner=inner, items=items, outer=outer)
    start = time.thread_time()
    with counting({name: [(place, name)] for name in ("inner", "items", "outer")}, "rest") as found:
        place.outer()
        for _ in place.items():
            work(0.02)
    spent = time.thread_time() - start
    expected = {"inner": 0.03, "outer": 0.02, "items": 0.03, "rest": 0.06}
    assert dict(found.seconds) == pytest.approx(expected, abs=0.01)
    assert sum(found.seconds.values()) == pytest.approx(spent, abs=0.01)
