"""What every engine must do: the tests take a fixture `engine`, and its module imports them."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vidcurate.engines.base import Engine


def double(number: int) -> int:
    """Twice the number."""
    return 2 * number


def odd_ones_fail(number: int) -> int:
    """Twice an even number.

    Raises ValueError for an odd one.
    """
    if number % 2:
        raise ValueError(f"{number} is odd")
    return 2 * number


def wait_for(path: Path) -> str:
    """Return when a file is there."""
    while not path.exists():
        time.sleep(0.01)
    return path.name


def die_at(number: int) -> tuple[int, int]:
    """The number and this process's id; 3 ends its process as the kernel's killer would."""
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 5:
        os._exit(77)
    return number, os.getpid()


def worker_id(_item: int) -> int:
    """This process."""
    time.sleep(0.05)
    return os.getpid()


class Watched:
    """Numbers, and how many of them were taken."""

    def __init__(self, n: int) -> None:
        self.n, self.taken = n, 0

    def __iter__(self) -> Iterator[int]:
        for number in range(self.n):
            self.taken += 1
            yield number


def test_every_item_comes_back_once(engine: Engine) -> None:
    """Each item is given back with its own result, once; items may be any iterable."""
    pairs = list(engine.map(double, iter(range(50))))
    assert sorted(pairs) == [(n, 2 * n) for n in range(50)]


def test_no_items_are_no_results(engine: Engine) -> None:
    """An empty stage ends at once."""
    assert list(engine.map(double, [])) == []


def test_an_engine_can_be_used_again(engine: Engine) -> None:
    """One engine serves all stages, one after the other."""
    for _ in range(2):
        assert sorted(engine.map(double, [1, 2])) == [(1, 2), (2, 4)]


@pytest.mark.parametrize("at_most", [None, 1, 100])
def test_items_are_taken_as_workers_are_free(engine: Engine, at_most: int | None) -> None:
    """No more items are taken than can soon be worked on, however many there are."""
    items = Watched(60)
    ahead = 1 if at_most == 1 else 2 * engine.workers
    for ended, _ in enumerate(engine.map(double, items, at_most=at_most), start=1):
        assert items.taken <= ended - 1 + ahead
    assert items.taken == 60


def test_an_error_of_the_task_is_raised(engine: Engine) -> None:
    """An exception of the task is a bug or a usage error: it is raised, not given as a result."""
    with pytest.raises(ValueError, match="1 is odd"):
        list(engine.map(odd_ones_fail, [0, 1, 2]))
    assert list(engine.map(odd_ones_fail, [4])) == [(4, 8)]
