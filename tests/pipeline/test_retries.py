from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.harmful import STAGES, HarmConfig
from tests.support.toy_data import Bench, Recorder
from tests.support.toy_stages import MARKS, ToyConfig
from vidcurate.engines.base import Engine
from vidcurate.engines.inline import InlineEngine
from vidcurate.engines.local import LocalEngine
from vidcurate.pipeline.resolve import resolve
from vidcurate.pipeline.retries import Shrink
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.pipeline.runner import run_pipeline

MEGABYTE = 1_000_000
N = 64  # four rows a batch
ALLOWED = 400 * MEGABYTE  # a worker with what it has imported takes a fraction of it


@pytest.fixture(scope="module")
def two() -> Iterator[LocalEngine]:
    """Two workers, each of which may take 400 MB while both work."""
    with LocalEngine(2, ALLOWED) as engine:
        yield engine


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A data set of one video, of which many pieces are made."""
    bench = Bench(tmp_path, STAGES)
    bench.add("a")
    return bench


def run(bench: Bench, engine: Engine, run_options: RunOptions | None = None, **harm: Any) -> Run:
    """Run the harmful stage over all pieces."""
    configs = {"pieces": ToyConfig(step=N), "marks": HarmConfig(**harm)}
    plan = resolve(bench.dataset, STAGES, ["marks"], configs)
    started = Run(bench.dataset, engine, Recorder(), run_options or RunOptions())
    run_pipeline(started, plan)
    return started


def failures(bench: Bench) -> dict[str, str | None]:
    """The rows that failed, with reasons; every other one is there, once."""
    outcomes = bench.done(MARKS)
    assert set(outcomes) == {f"a.{i}" for i in range(N)}
    failed = {row: reason for row, (status, reason) in outcomes.items() if status == "failed"}
    assert [m.piece_id for m in bench.rows(MARKS)] == sorted(set(outcomes) - set(failed))
    return failed


def test_a_worker_that_is_stuck_is_killed(bench: Bench, two: LocalEngine) -> None:
    """A call that never returns, and lets no other thread run, costs its own row only."""
    run(bench, two, stuck="a.1", limit_s=1)
    assert failures(bench) == {
        "a.1": "took longer than 1 s: killed while running marks; a larger --time-limit-factor "
        "allows more"
    }


def test_the_time_limit_can_be_stretched(bench: Bench, two: LocalEngine) -> None:
    """The stage's own limit is multiplied, and the reason says what came of it."""
    run(bench, two, RunOptions(time_limit_factor=0.01), take="a.2", megabytes=1, limit_s=30)
    assert (failures(bench)["a.2"] or "").startswith("took longer than 0.3 s: killed")
    run(bench, two, RunOptions(retry_failed=True), take="a.2", megabytes=1, limit_s=30)
    assert failures(bench) == {}


def test_a_segmentation_fault_costs_one_row(bench: Bench, two: LocalEngine) -> None:
    """The reason names the signal and the stage."""
    run(bench, two, crash="a.0 a.6")
    reason = "killed by signal 11 (SIGSEGV) while running marks"
    assert failures(bench) == {"a.0": reason, "a.6": reason}


def test_a_row_that_takes_all_memory_costs_only_itself(bench: Bench, two: LocalEngine) -> None:
    """It is tried with fewer rows beside it, then alone with all that the workers may take."""
    ended = run(bench, two, take="a.5", megabytes=3000)
    assert failures(bench) == {
        "a.5": "needed more than 0.8 GB of memory: killed while running marks"
    }
    assert [s.what for s in ended.shrinks][-1] == "workers"
    assert isinstance(ended.listener, Recorder)
    assert ended.listener.notes == [str(shrink) for shrink in ended.shrinks]


def test_a_row_that_fits_alone_is_done_alone(bench: Bench, two: LocalEngine) -> None:
    """When one worker works, it may take what two might; the next stage has two again."""
    ended = run(bench, two, take="a.5", megabytes=500)
    assert failures(bench) == {}
    alone = Shrink("marks", "workers", 2, 1, "rows that do not fit in a batch with others: 1")
    assert ended.shrinks[-1] == alone


@pytest.mark.parametrize("isolated", [True, False])
def test_a_full_gpu_halves_the_batch(bench: Bench, two: LocalEngine, *, isolated: bool) -> None:
    """Rows done before it was full are kept; the rest is done in batches that fit."""
    ended = run(bench, two if isolated else InlineEngine(), most_rows=2)
    assert failures(bench) == {}
    assert {(s.what, s.reason) for s in ended.shrinks} == {
        ("rows", "OutOfMemoryError: the GPU is full")
    }
    assert {mark.value for mark in bench.rows(MARKS)} == {4, 2}


def test_what_never_fits_fails_at_last(bench: Bench, two: LocalEngine) -> None:
    """A row for which a single worker has no memory fails with the library's message."""
    run(bench, two, unfit="a.0 a.9")
    assert failures(bench) == dict.fromkeys(("a.0", "a.9"), "OutOfMemoryError: the GPU is full")


def test_a_worker_killed_from_outside_costs_nothing(bench: Bench, tmp_path: Path) -> None:
    """A row whose worker was killed, perhaps for want of memory elsewhere, is tried again."""
    with LocalEngine(1) as engine:
        run(bench, engine, killed="a.3", mark=str(tmp_path / "mark"))
        assert failures(bench) == {}
