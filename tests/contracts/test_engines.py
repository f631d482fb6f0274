import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.engine_suite import (
    Watched,
    die_at,
    double,
    wait_for,
    worker_id,
)
from vidcurate.engines.base import Crash, Engine
from vidcurate.engines.guards import TOO_MUCH_MEMORY
from vidcurate.engines.inline import InlineEngine
from vidcurate.engines.local import LocalEngine, crash_of
from vidcurate.engines.resources import cores


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


def ids_of(engine: LocalEngine, n: int, **how: Any) -> list[int]:
    """The workers that n items met, in their order."""
    return [pid for _, pid in engine.map(worker_id, range(n), **how) if isinstance(pid, int)]


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
    assert results.pop(3) == Crash("killed by signal 9 (SIGKILL)", "memory")
    assert results.pop(5) == Crash("ended by itself with exit code 77")
    assert all(isinstance(r, tuple) and r[0] == n for n, r in results.items())


def test_the_words_for_an_exit() -> None:
    """Signals, exit codes, and the two limits are told apart."""
    assert crash_of(-11, 0) == Crash("killed by signal 11 (SIGSEGV)", "death")
    assert crash_of(-40, 0) == Crash("killed by signal 40 (unnamed)", "death")
    assert crash_of(-14, 0) == Crash("killed by signal 14 (SIGALRM)", "time")
    assert crash_of(1, 0) == Crash("ended by itself with exit code 1", "death")
    limit = Crash("needed more than 1.5 GB of memory: killed", "memory")
    assert crash_of(TOO_MUCH_MEMORY, 1_500_000_000) == limit


def test_the_default_is_a_worker_a_core() -> None:
    """As many workers as this process may use cores."""
    assert LocalEngine().workers == cores()


def stop_once(file: Path) -> str:
    """What standard input holds, after this process was stopped as `kill -STOP` does, if at all."""
    if file.name.startswith("stop"):
        os.kill(os.getpid(), signal.SIGSTOP)
    return sys.stdin.read() + os.read(0, 100).decode()


def test_a_worker_that_others_stopped_is_ended(tmp_path: Path) -> None:
    """It would hold its item for ever; others go on, and have no input to wait for."""
    with LocalEngine(2) as engine:
        items = [tmp_path / "stop", *(tmp_path / str(n) for n in range(3))]
        found = dict(engine.map(stop_once, items))
    assert found.pop(items[0]) == Crash("stopped by a signal for 5 s: killed", "death")
    assert set(found.values()) == {""}


def wait_at_first(file: Path) -> int:
    """Which try this is of work whose first try takes longer than the kernel allows it."""
    with file.open("ab") as tries:
        tries.write(b"x")
    number = file.stat().st_size
    if number == 1:
        signal.setitimer(signal.ITIMER_REAL, 3)
        time.sleep(600)
    return number


def test_time_in_which_the_run_is_suspended_is_no_ones(tmp_path: Path) -> None:
    """A worker stands still meanwhile; an item whose time went by is done again."""
    file = tmp_path / "tries"

    def suspend(engine: LocalEngine) -> None:
        wait_for(file)
        engine.suspend()
        time.sleep(3.5)
        engine.resume()

    with LocalEngine(1) as engine:
        suspending = threading.Thread(target=suspend, args=[engine])
        suspending.start()
        assert list(engine.map(wait_at_first, [file])) == [(file, 2)]
        suspending.join()


def test_an_engine_ends_at_once_whatever_its_workers_do(tmp_path: Path) -> None:
    """One that is stopped, with a program that it started, is gone with the engine."""
    engine = LocalEngine(1)
    with engine:
        asking = threading.Thread(target=list, args=[engine.map(start_and_stop, [tmp_path])])
        asking.start()
        pids = [int(pid) for pid in wait_for_text(tmp_path / "pids").split()]
        engine.stop()
        engine.kill()
        asking.join()
    assert not any(is_there(pid) for pid in pids)


def start_and_stop(folder: Path) -> None:
    """Start a program, write down who is there, and stop."""
    started = subprocess.Popen(["sleep", "600"])
    (folder / "partial").write_text(f"{os.getpid()} {started.pid}", "ascii")
    (folder / "partial").rename(folder / "pids")
    os.kill(os.getpid(), signal.SIGSTOP)


def wait_for_text(file: Path) -> str:
    """What a file says when it is there."""
    wait_for(file)
    return file.read_text("ascii")


def is_there(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    reported = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False
    )
    return reported.stdout.strip()[:1] not in (b"", b"Z")


def test_workers_are_replaced_now_and_then() -> None:
    """What a library leaks ends with its worker, after a number of batches."""
    with LocalEngine(1, batches_per_worker=3) as engine:
        ids = ids_of(engine, 9)
    assert [len(set(ids[i : i + 3])) for i in (0, 3, 6)] == [1, 1, 1]
    assert len(set(ids)) == 3


def test_an_idle_worker_may_be_killed() -> None:
    """The death of a worker that has nothing to do costs nothing."""
    with LocalEngine(1) as engine:
        for _ in range(2):
            [worker] = ids_of(engine, 1)
            os.kill(worker, signal.SIGKILL)
        assert list(engine.map(double, range(3))) == [(0, 0), (1, 2), (2, 4)]


def test_fresh_workers_are_new_and_as_many_as_asked_for(shared: LocalEngine) -> None:
    """What the workers before held is free, and the next stage has all workers again."""
    before = set(ids_of(shared, 12))
    fresh = set(ids_of(shared, 6, at_most=1, fresh=True))
    assert len(fresh) == 1
    assert not fresh & before
    assert not any(Path(f"/proc/{pid}").exists() for pid in before)
    assert len(set(ids_of(shared, 12))) == 2


DEAD_ON_ARRIVAL = """
import os, sys
if "--multiprocessing-fork" in sys.orig_argv:
    os._exit(3)
"""


def test_workers_that_cannot_start_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine whose workers end before they begin says so, and does not try for ever."""
    (tmp_path / "sitecustomize.py").write_text(DEAD_ON_ARRIVAL, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with LocalEngine(1) as engine, pytest.raises(RuntimeError, match="as soon as they start"):
        list(engine.map(double, [1]))
