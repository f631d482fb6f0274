import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.support.paths import ROOT
from tests.support.toy_data import Bench
from tests.support.toy_stages import MARKS, MARKS_STAGE, NOTES, TOYS
from vidcurate.engines.local import LocalEngine
from vidcurate.errors import EmptyResultError
from vidcurate.pipeline.run_options import RunOptions

WORKERS = 2
PLAIN = {"videos": 1, "pieces": 2, "marks": 1, "notes": 1}


class Resuming(RuleBasedStateMachine):
    """Runs with changing options, videos and faults, against a model that knows what is made.

    What decides a row of a stage is its name and the steps of the stages in `decides`.
    """

    decides = {  # noqa: RUF012 - a constant of the model
        "videos": ("videos",),
        "pieces": ("videos", "pieces"),
        "marks": ("marks",),
        "notes": ("marks", "notes"),
    }

    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory()
        self.bench = Bench(Path(self.home.name))
        self.steps, self.min_mark = dict(PLAIN), 0
        self.broken: set[str] = set()
        self.labels: list[str] = []
        self.outcomes: dict[tuple[Any, ...], bool] = {}

    def teardown(self) -> None:
        """Remove the data set."""
        self.home.cleanup()

    @initialize()
    def begin(self) -> None:
        """One video is there."""
        self.add_video("a")

    @rule(label=st.sampled_from("bcde"))
    def add_video(self, label: str) -> None:
        """A video is added, or found again as it was."""
        self.bench.add(label)
        self.labels = list(dict.fromkeys([*self.labels, label]))
        self.run(retry=False)

    @rule(stage=st.sampled_from(sorted(PLAIN)), step=st.integers(1, 3))
    def change_option(self, stage: str, step: int) -> None:
        """A stage gets another option, or an earlier one again."""
        self.steps[stage] = step
        self.run(retry=False)

    @rule(min_mark=st.integers(0, 5))
    def change_filter(self, min_mark: int) -> None:
        """The filter is loosened or tightened."""
        self.min_mark = min_mark
        self.run(retry=False)

    @rule(names=st.sets(st.sampled_from(["a.0", "a.1", "b.0", "c.2"])))
    def break_or_mend(self, names: set[str]) -> None:
        """Some marks cannot be made from now on, others can again."""
        self.broken = names

    @rule(retry=st.booleans())
    def run(self, retry: bool) -> None:
        """A run works on exactly what the model lacks, and its notes are those of a fresh run."""
        expected: list[str] = []
        picked = self.model_run(expected, retry)
        options: dict[str, Any] = {stage: {"step": step} for stage, step in self.steps.items()}
        options["marks"]["fail"] = " ".join(self.broken)
        before = len(self.bench.worked())
        try:
            self.bench.run(
                run_options=RunOptions(retry_failed=retry),
                pick={"min_mark": self.min_mark},
                **options,
            )
        except EmptyResultError:
            assert not picked
        assert sorted(self.bench.worked()[before:]) == sorted(expected)
        notes = {n.piece_id: n.value for n in self.bench.rows(NOTES) if n.piece_id in picked}
        assert notes == picked

    def model_run(self, expected: list[str], retry: bool) -> dict[str, int]:
        """What a run should work on (put into `expected`); returns the notes it should leave."""
        steps = self.steps
        names = [f"{video}.{i}" for video in self.labels for i in range(steps["pieces"])]
        for video in self.labels:
            self.make(expected, "videos", video, retry)
        for video in self.labels:
            self.make(expected, "pieces", video, retry)
        marked = {
            name: int(name[2:]) + steps["marks"]
            for name in names
            if self.make(expected, "marks", name, retry, works=name not in self.broken)
        }
        picked = {name: mark for name, mark in marked.items() if mark >= self.min_mark}
        for name in picked:
            self.make(expected, "notes", name, retry)
        return {name: mark + steps["notes"] for name, mark in picked.items()}

    def make(
        self, expected: list[str], stage: str, row: str, retry: bool, *, works: bool = True
    ) -> bool:
        """Make a row in the model unless its outcome stands; returns whether it is there."""
        key = (stage, row, *(self.steps[s] for s in self.decides[stage]))
        if key not in self.outcomes or (retry and not self.outcomes[key]):
            expected.append(f"{stage} {row}")
            self.outcomes[key] = works
        return self.outcomes[key]


TestResuming = Resuming.TestCase
TestResuming.settings = settings(
    max_examples=12,
    stateful_step_count=8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.support.toy_data import Bench
from vidcurate.engines.local import LocalEngine

with LocalEngine(2) as engine:
    Bench(Path(sys.argv[2])).run(engine=engine, pieces={"step": 3}, marks={"pause_s": 0.05})
"""
VIDEOS_TROOT = "abcdefgh"
N_MARKS = 24


def start(folder: Path) -> tuple[Bench, "subprocess.Popen[bytes]"]:
    """A data set of some videos, and a process that runs it with two workers."""
    bench = Bench(folder)
    bench.add(*VIDEOS_TROOT)
    return bench, subprocess.Popen([sys.executable, "-c", DRIVER, str(ROOT), str(folder)])


def workers_of_marks(bench: Bench) -> list[int]:
    """The processes that noted marks so far, the latest last."""
    lines = bench.log.read_text("utf-8").splitlines() if bench.log.exists() else []
    return [int(line.split()[2]) for line in lines if line.startswith("marks ")]


def until(there: Callable[[], bool]) -> None:
    """Return when something is so."""
    while not there():
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return stat.exists() and stat.read_text("utf-8").rsplit(")", 1)[1].split()[0] == "Z"
    except ProcessLookupError:
        return True


def rows_of_a_plain_run(folder: Path) -> tuple[list[Any], list[Any]]:
    """Marks and notes as one process makes them that nothing befalls."""
    folder.mkdir()
    bench = Bench(folder)
    bench.add(*VIDEOS_TROOT)
    bench.run(pieces={"step": 3})
    return bench.rows(MARKS), bench.rows(NOTES)


def worked_again(bench: Bench) -> int:
    """How many rows were worked on more than once, counted each time."""
    return sum(n - 1 for n in Counter(bench.worked()).values())


@pytest.mark.parametrize("engine", ["inline", "local"])
def test_a_killed_driver_loses_a_batch_a_worker(tmp_path: Path, engine: str) -> None:
    """A run that was killed goes on: the same rows, at most a batch a worker redone."""
    bench, driver = start(tmp_path)
    try:
        until(lambda: len(workers_of_marks(bench)) >= N_MARKS // 3)
    finally:
        driver.kill()
        driver.wait()
    until(lambda: all(gone(pid) for pid in set(workers_of_marks(bench))))
    assert len(workers_of_marks(bench)) < N_MARKS
    if engine == "inline":
        bench.run(pieces={"step": 3})
    else:
        with LocalEngine(WORKERS) as local:
            bench.run(engine=local, pieces={"step": 3})
    assert (bench.rows(MARKS), bench.rows(NOTES)) == rows_of_a_plain_run(tmp_path / "plain")
    assert worked_again(bench) <= WORKERS * MARKS_STAGE.rows_per_part
    assert bench.run(pieces={"step": 3}) == []


def test_a_worker_killed_from_outside_costs_nothing(tmp_path: Path) -> None:
    """When the system kills a worker amid a batch, the run makes its rows all the same."""
    bench, driver = start(tmp_path)
    try:
        until(lambda: len(workers_of_marks(bench)) >= N_MARKS // 3)
        os.kill(workers_of_marks(bench)[-1], signal.SIGKILL)
        assert driver.wait(timeout=60) == 0
    finally:
        driver.kill()
        driver.wait()
    assert (bench.rows(MARKS), bench.rows(NOTES)) == rows_of_a_plain_run(tmp_path / "plain")
    assert set(bench.done(MARKS).values()) == {("ok", None)}
    assert worked_again(bench) <= MARKS_STAGE.rows_per_part


def test_leftovers_of_a_killed_write_do_not_matter(tmp_path: Path) -> None:
    """Half-written files, and parts without a done file, are neither rows nor in the way."""
    bench = Bench(tmp_path)
    bench.add("a", "b", "c")
    bench.run(pieces={"step": 3})
    rows = bench.rows(MARKS)
    for stage in TOYS:
        made = bench.dataset.manifest()[stage.writes.name]["fingerprint"]
        folder = bench.dataset.stored(stage.writes, made).folder
        (folder / ".part-0123.parquet.77.abcd.partial").write_bytes(b"PAR1")
        (folder / ".done-0123.parquet.77.abcd.partial").write_bytes(b"")
        part = next(iter(sorted(folder.glob("part-*.parquet"))))
        (folder / "part-0123456789ab.parquet").write_bytes(part.read_bytes())
    assert bench.run(pieces={"step": 3}) == []
    assert bench.rows(MARKS) == rows
