import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vidcurate.engines import Crash, Engine
from vidcurate.engines.inline import InlineEngine
from vidcurate.engines.local import LocalEngine, default_workers, why_died

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def shared() -> Iterator[LocalEngine]:
    """Two worker processes, for tests that leave them as they were."""
    with LocalEngine(2) as engine:
        yield engine


@pytest.fixture(params=["inline", "local"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine."""
    if request.param == "inline":
        return InlineEngine()
    found: LocalEngine = request.getfixturevalue("shared")
    return found


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


@pytest.mark.parametrize("make", [InlineEngine, lambda: LocalEngine(1)], ids=["inline", "local"])
def test_stop_takes_no_more(make: Callable[[], InlineEngine | LocalEngine]) -> None:
    """After stop no item is taken; what is in hand ends; a stopped engine stays so."""
    engine, items = make(), Watched(100)
    results = engine.map(double, items)
    first, _ = next(results)
    engine.stop()
    taken = items.taken
    ended = [first, *(n for n, _ in results)]
    assert items.taken == taken
    assert ended == list(range(len(ended)))
    assert len(ended) <= taken <= 2 * engine.workers
    assert list(engine.map(double, items)) == []
    assert items.taken == taken
    if isinstance(engine, LocalEngine):
        engine.__exit__(None, None, None)


def test_results_come_in_the_order_of_their_end(shared: LocalEngine, tmp_path: Path) -> None:
    """An item that takes long holds up no other."""
    slow, quick = tmp_path / "slow", tmp_path / "quick"
    quick.touch()
    ends = []
    for path, _ in shared.map(wait_for, [slow, quick]):
        ends.append(path.name)
        slow.touch()
    assert ends == ["quick", "slow"]


def test_workers_are_processes_that_stay(shared: LocalEngine) -> None:
    """Work is done in as many other processes as asked for, and the next stage finds them."""
    first = {pid for _, pid in shared.map(worker_id, range(12))}
    assert len(first) == 2
    assert os.getpid() not in first
    assert {pid for _, pid in shared.map(worker_id, range(12))} <= first


def test_at_most_bounds_what_runs_at_once(shared: LocalEngine) -> None:
    """With at_most 1 an item begins when the one before has ended."""
    items = Watched(8)
    for ended, _ in enumerate(shared.map(double, items, at_most=1), start=1):
        assert items.taken == ended


def test_a_killed_worker_costs_one_item() -> None:
    """A worker that is killed, or ends by itself, loses its own item; others go on elsewhere."""
    with LocalEngine(2) as engine:
        results = dict(engine.map(die_at, range(12)))
    assert sorted(results) == list(range(12))
    assert results.pop(3) == Crash("the worker was killed by signal 9")
    assert results.pop(5) == Crash("the worker ended by itself with exit code 77")
    assert all(isinstance(r, tuple) and r[0] == n for n, r in results.items())


def test_the_words_for_an_exit() -> None:
    """A signal and an exit code are told apart."""
    assert why_died(-11) == "the worker was killed by signal 11"
    assert why_died(1) == "the worker ended by itself with exit code 1"


def test_the_default_is_a_worker_a_core() -> None:
    """As many workers as this process may use cores."""
    assert default_workers() == len(os.sched_getaffinity(0))
    assert LocalEngine().workers == default_workers()


DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_engines import announce
from vidcurate.engines.local import LocalEngine

if __name__ == "__main__":
    with LocalEngine(2) as engine:
        list(engine.map(announce, [Path(sys.argv[2]) / "0", Path(sys.argv[2]) / "1"]))
"""


def announce(path: Path) -> None:
    """Write this process's id to a file, and stay."""
    partial = path.with_suffix(".partial")
    partial.write_text(str(os.getpid()), "utf-8")
    partial.rename(path)
    time.sleep(600)


def lives(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_workers_end_with_a_killed_driver(tmp_path: Path) -> None:
    """When the driver is killed with no chance to tidy up, its workers end, even amid an item."""
    script = tmp_path / "driver.py"
    script.write_text(DRIVER, "utf-8")
    driver = subprocess.Popen([sys.executable, str(script), str(HERE), str(tmp_path)])
    try:
        for name in ("0", "1"):
            wait_for(tmp_path / name)
    finally:
        driver.kill()
        driver.wait()
    workers = [int((tmp_path / name).read_text("utf-8")) for name in ("0", "1")]
    while any(lives(pid) for pid in workers):
        time.sleep(0.01)
