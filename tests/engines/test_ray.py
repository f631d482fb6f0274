"""All tests of Ray are here: one that joined a second cluster from one process might crash it."""

import importlib
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ray.cluster_utils import Cluster

from tests.support.command import ENVIRONMENT, ctrl_c, stopped, vidcurate
from tests.support.engine_suite import (  # noqa: F401 - the suite that every engine passes
    die_at,
    double,
    test_an_engine_can_be_used_again,
    test_an_error_of_the_task_is_raised,
    test_every_item_comes_back_once,
    test_items_are_taken_as_workers_are_free,
    test_no_items_are_no_results,
    wait_for,
    worker_id,
)
from tests.support.paths import ROOT
from tests.support.pipeline import process, rows
from tests.support.processes import lives
from tests.support.videos import SHOTS, render
from vidcurate.cli.output import Quiet
from vidcurate.engines.base import Crash, Needs
from vidcurate.engines.local import LocalEngine
from vidcurate.engines.ray import RayEngine, cluster_capacity
from vidcurate.errors import UsageError
from vidcurate.pipeline.job import Report
from vidcurate.records import CLIPS, CUTS, KEPT, KEYFRAMES, QUALITY, SCANS, SOURCES, VIDEOS

ONE_CORE: dict[str, Any] = {
    "num_cpus": 1,
    "object_store_memory": 80_000_000,
    "include_dashboard": False,
}
# A node that is gone is noticed soon, without the patience that a real network may need.
IMPATIENT = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 1000,
    "health_check_failure_threshold": 3,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "split": {"min_clip_s": 0.5},
    "filter": {"rules": ("quality.freeze_share < 0.9",)},
    "keyframes": {"count": 1},
}
TABLES = (SOURCES, VIDEOS, SCANS, CUTS, CLIPS, QUALITY, KEPT, KEYFRAMES)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one core, each with processes of its own, one of them the head."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(ROOT))
        head = {**ONE_CORE, "_system_config": IMPATIENT}
        found: Any = Cluster(initialize_head=True, head_node_args=head)
        found.add_node(**ONE_CORE)
        yield found
        found.shutdown()


@pytest.fixture(scope="module")
def engine(cluster: Any) -> Iterator[RayEngine]:
    """An engine on all nodes, with up to three workers."""
    on_terminate = signal.getsignal(signal.SIGTERM)
    with RayEngine(cluster.address, 3) as found:
        yield found
    signal.signal(signal.SIGTERM, on_terminate)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six videos of two shots, no two alike, and one that is none."""
    folder = tmp_path_factory.mktemp("videos")
    for number, shot in enumerate(SHOTS):
        other = SHOTS[number - 1]
        render(folder / f"{number}.mp4", ((shot, 1.0), (other, 1.0)), size=(160, 90), audio=False)
    (folder / "torn.mp4").write_bytes(b"no video")
    return folder


class NodeKiller(Quiet):
    """A listener that kills a node when the first video of a stage is done."""

    def __init__(self, cluster: Any, stage: str) -> None:
        super().__init__()
        self.cluster, self.stage = cluster, stage
        self.victim = cluster.add_node(**ONE_CORE)

    def advanced(self, stage: str, _report: Report) -> None:
        """Kill the node, once."""
        if self.victim and stage == self.stage:
            self.cluster.remove_node(self.victim, allow_graceful=False)
            self.victim = None


def kill_own_actor(number: int) -> int:
    """The number; 3 kills the process that Ray started, as Ray does when memory runs out."""
    if number == 3:
        os.kill(os.getppid(), 9)
        wait_for(Path("/never"))
    return number


def meet(folder: Path, _number: int) -> int:
    """Wait until another worker is there too, so that a quick one cannot do all the work."""
    (folder / str(os.getpid())).touch()
    until = time.monotonic() + 60
    while len(list(folder.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    return os.getpid()


def test_a_worker_for_each_core(engine: RayEngine, tmp_path: Path) -> None:
    """There are as many workers as the nodes have cores, each a process that stays."""
    assert cluster_capacity(Needs()) == 2
    first = {pid for _, pid in engine.map(partial(meet, tmp_path), range(4))}
    assert len(first) == 2
    assert {pid for _, pid in engine.map(worker_id, range(12))} <= first


def test_fresh_workers_are_new(engine: RayEngine) -> None:
    """Asked for fresh workers, the engine ends those it had, and starts no more than asked for."""
    before = {pid for _, pid in engine.map(worker_id, range(12))}
    after = {pid for _, pid in engine.map(worker_id, range(4), at_most=1, fresh=True)}
    assert len(after) == 1
    assert not before & after


def test_a_crash_reads_as_on_one_machine(engine: RayEngine) -> None:
    """A process that is killed or ends by itself costs its own item, for the same reason."""
    results = dict(engine.map(die_at, range(8)))
    with LocalEngine(1) as local:
        expected = dict(local.map(die_at, [3, 5]))
    assert {3: results.pop(3), 5: results.pop(5)} == expected
    assert sorted(results) == [0, 1, 2, 4, 6, 7]
    assert all(isinstance(r, tuple) and r[0] == n for n, r in results.items())


def test_an_item_that_is_lost_again_and_again_is_given_up(engine: RayEngine) -> None:
    """An item whose actor dies each time becomes a crash; the others have their results."""
    results = dict(engine.map(kill_own_actor, range(6)))
    lost = results.pop(3)
    assert isinstance(lost, Crash)
    assert "3 times" in lost.reason
    assert results == {n: n for n in (0, 1, 2, 4, 5)}


@pytest.mark.parametrize("needs", [Needs(gpus=1), Needs(custom={"robot": 1}), Needs(cpus=2)])
def test_what_no_node_has_is_refused(engine: RayEngine, needs: Needs) -> None:
    """A worker that fits no node is an error that says what it takes, not a wait without end."""
    with pytest.raises(UsageError, match=r"no node of the Ray cluster has .*(GPU|robot|2 CPU)"):
        list(engine.map(double, [1], needs=needs))


def begin_and_wait(folder: Path, number: int) -> int:
    """Say that an item is begun, and end when the test allows it."""
    (folder / f"begun-{number}-{os.getpid()}").touch()
    wait_for(folder / "go")
    return number


def begun_by(folder: Path) -> list[int]:
    """For each time that an item was begun, the process that did."""
    return [int(path.name.rsplit("-", 1)[1]) for path in folder.glob("begun-*")]


def tables(root: Path) -> dict[str, list[Any]]:
    """All tables of a data set."""
    return {table.name: rows(root, table) for table in TABLES}


def test_items_of_a_lost_node_are_done_elsewhere(
    engine: RayEngine, cluster: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """When a node dies with an item in hand, another worker does that item; Ray says nothing."""
    victim = cluster.add_node(**ONE_CORE)

    def kill_when_all_work() -> None:
        while len(begun := begun_by(tmp_path)) < 3:
            time.sleep(0.01)
        cluster.remove_node(victim, allow_graceful=False)
        while all(lives(pid) for pid in begun):
            time.sleep(0.01)
        (tmp_path / "go").touch()

    capfd.readouterr()
    with ThreadPoolExecutor() as beside:
        killed = beside.submit(kill_when_all_work)
        results = engine.map(partial(begin_and_wait, tmp_path), range(9))
        assert sorted(results) == [(n, n) for n in range(9)]
        killed.result()
    assert len(begun_by(tmp_path)) == 10
    assert capfd.readouterr() == ("", "")


def test_a_run_that_loses_a_node_has_the_tables_of_one_machine(
    engine: RayEngine, cluster: Any, videos: Path, tmp_path: Path
) -> None:
    """Two nodes and a third that is killed amid the scan make the tables that one process makes."""
    expected = process(tmp_path / "here", OPTIONS, videos)
    killer = NodeKiller(cluster, "scan")
    counts = process(tmp_path / "there", OPTIONS, videos, engine=engine, listener=killer)
    assert killer.victim is None
    assert {c: replace(counts[c], seconds=0) for c in counts} == {
        c: replace(expected[c], seconds=0) for c in expected
    }
    assert counts["probe"].failed == 1
    assert counts["keyframes"].ok > len(SHOTS)
    assert tables(tmp_path / "there") == tables(tmp_path / "here")


def test_custom_resources_place_workers(engine: RayEngine, cluster: Any) -> None:
    """Workers that take what one node alone declares are as many as that node holds."""
    node = cluster.add_node(**{**ONE_CORE, "num_cpus": 4}, resources={"tape": 2})
    pids = {pid for _, pid in engine.map(worker_id, range(12), needs=Needs(custom={"tape": 1}))}
    cluster.remove_node(node)
    assert len(pids) == 2


def test_idle_workers_make_room(engine: RayEngine) -> None:
    """What the idle workers of one stage hold is free for another that takes something else."""
    list(engine.map(double, range(4)))
    assert list(engine.map(double, [1], needs=Needs(cpus=0.9))) == [(1, 2)]


def test_a_node_without_our_modules_is_refused(
    engine: RayEngine, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a node cannot load the task, the error names the module that it lacks."""
    (tmp_path / "only_here").mkdir()
    (tmp_path / "only_here" / "own_tasks.py").write_text("def same(item): return item\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path / "only_here")
    task = importlib.import_module("own_tasks").same
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    bare = cluster.add_node(**ONE_CORE, resources={"bare": 1})
    with pytest.raises(UsageError, match=r"lacks what .*: No module named 'own_tasks'"):
        list(engine.map(task, [1], needs=Needs(custom={"bare": 1})))
    cluster.remove_node(bare)


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "nowhere.invalid:6379", "ray://127.0.0.1:10001", "6379"]
)
def test_no_cluster_at_the_address(address: str) -> None:
    """An address where no cluster answers is an error that names it, at once."""
    with pytest.raises(UsageError, match=f"no Ray cluster at '{address}'"), RayEngine(address):
        pass


def test_ray_is_an_extra(tmp_path: Path, video: Path) -> None:
    """Where Ray is not installed, the command says how to get it."""
    (tmp_path / "ray.py").write_text("raise ModuleNotFoundError", "utf-8")
    without = {**ENVIRONMENT, "PYTHONPATH": f"{tmp_path}:{ENVIRONMENT['PYTHONPATH']}"}
    command = ("probe", video, "-d", tmp_path / "data", "--engine", "ray")
    ended = vidcurate(*command, environment=without)
    assert ended.code == 2
    assert ended.err == "vidcurate: ray is not installed: pip install 'vidcurate[ray]'\n"


def test_the_address_is_for_ray(tmp_path: Path) -> None:
    """An address for another engine is a mistake, and says so."""
    ended = vidcurate("scan", "-d", tmp_path, tmp_path, "--address", "auto")
    assert ended.code == 2
    assert "choose the engine ray" in ended.err


def test_ctrl_c_ends_a_run_on_a_cluster_and_the_same_command_goes_on(
    cluster: Any, videos: Path, tmp_path: Path
) -> None:
    """Ctrl-C ends the run after the videos in hand, marks none as failed, and nothing is lost."""
    root = tmp_path / "data"
    command = ("scan", videos, "-d", root, "--engine", "ray", "--address", cluster.address)
    stopped(command, tmp_path, lambda: any(root.glob("videos/*/done-*.parquet")), ctrl_c)
    ended = vidcurate(*command, "--json")
    assert ended.code == 0, ended.err
    counts = ended.lines[0]["stages"]
    assert [(stage["ok"], stage["failed"]) for stage in counts] == [(7, 0), (6, 1), (6, 0)]
