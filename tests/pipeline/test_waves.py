"""A few videos at a time."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.toy_data import Bench, Recorder, stages_of
from tests.support.toy_stages import MARKS, NOTES, PICKED, PIECES, TOYS
from vidcurate.engines.inline import InlineEngine
from vidcurate.engines.local import LocalEngine
from vidcurate.errors import TooManyFailuresError
from vidcurate.pipeline.resolve import resolve
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.pipeline.waves import run_in_waves, split_plan
from vidcurate.stage import Cost, Resources

VIDEOS = "abcde"
ALL_TABLES = (PIECES, MARKS, PICKED, NOTES)


def bench_of(folder: Path) -> Bench:
    """A data set of five videos."""
    folder.mkdir(exist_ok=True)
    bench = Bench(folder)
    bench.add(*VIDEOS)
    return bench


def waved(
    bench: Bench,
    n_videos: int,
    *,
    recorder: Recorder | None = None,
    run_options: RunOptions | None = None,
) -> Run:
    """Run all toy stages in waves."""
    plan = resolve(bench.dataset, TOYS, ("notes",), bench.configs())
    run = Run(bench.dataset, InlineEngine(), recorder or Recorder(), run_options or RunOptions())
    run.listener.run = run  # type: ignore[attr-defined]  # a Recorder may stop it
    run_in_waves(run, plan, n_videos, InlineEngine())
    return run


@pytest.mark.parametrize("n_videos", [1, 2, 5, 99])
def test_waves_leave_the_same_tables(tmp_path: Path, n_videos: int) -> None:
    """However many videos a wave has, rows and outcomes are those of a run without waves."""
    plain, bench = bench_of(tmp_path / "plain"), bench_of(tmp_path / "waves")
    plain.run()
    run = waved(bench, n_videos)
    for table in ALL_TABLES:
        assert bench.done(table) == plain.done(table)
        assert len(bench.rows(table)) == len(plain.rows(table)) > 0
    assert [c.stage for c in run.counts] == [s.name for s in TOYS if s.name in stages_in(run)]
    assert all(c.pending == 0 for c in run.counts)


def stages_in(run: Run) -> set[str]:
    """The stages that were counted."""
    return {c.stage for c in run.counts}


def test_each_row_is_worked_on_once(tmp_path: Path) -> None:
    """No wave does again what another did, nor does the pass over the whole."""
    bench = bench_of(tmp_path)
    waved(bench, 2)
    assert stages_of(bench.worked()) == {"videos": 5, "pieces": 5, "marks": 5, "notes": 5}
    assert bench.run() == []


def test_results_come_before_the_last_video_is_begun(tmp_path: Path) -> None:
    """The last stage has worked on the first videos when the first stage meets the last one."""
    bench = bench_of(tmp_path)
    waved(bench, 1)
    worked = bench.worked()
    first_note = next(i for i, line in enumerate(worked) if line.startswith("notes "))
    assert first_note < max(i for i, line in enumerate(worked) if line.startswith("videos "))


def test_whole_tables_begin_the_heavy_stages(tmp_path: Path) -> None:
    """A table stage is redone while nobody before it reads what it writes."""
    bench = bench_of(tmp_path)
    plan = resolve(bench.dataset, TOYS, ("notes",), bench.configs())
    names = [[p.stage.name for p in part] for part in split_plan(plan)]
    assert names[0] == ["ingest"]
    assert names[2][0] == "pick"
    assert [name for part in names for name in part] == [p.stage.name for p in plan]


@pytest.mark.parametrize(("gpus", "is_light"), [(0, True), (1 / 8, True), (1, False)])
def test_a_share_of_a_gpu_leaves_a_stage_light(
    tmp_path: Path, gpus: float, *, is_light: bool
) -> None:
    """What takes a whole GPU begins the heavy stages; workers that share one go on as before."""
    cost = Cost(resources=lambda _: Resources(gpus=gpus))
    stages = [replace(stage, cost=cost) if stage.name == "pieces" else stage for stage in TOYS]
    bench = bench_of(tmp_path)
    _, light, _ = split_plan(resolve(bench.dataset, stages, ("notes",), bench.configs()))
    assert ("pieces" in [p.stage.name for p in light]) == is_light


def test_too_many_failures_end_the_waves(tmp_path: Path) -> None:
    """The limit of failures holds in waves too, and what is done stays done."""
    bench = bench_of(tmp_path)
    (tmp_path / "a.video").unlink()
    with pytest.raises(TooManyFailuresError):
        waved(bench, 1, run_options=RunOptions(max_failed=0))


@pytest.mark.parametrize("stage", ["videos", "notes"])
def test_a_stop_in_light_or_heavy_stages_ends_the_run(tmp_path: Path, stage: str) -> None:
    """After a stop no more waves begin; the next run does the rest and nothing twice."""
    bench = bench_of(tmp_path)
    run = waved(bench, 1, recorder=Recorder(stop_in=stage))
    assert run.interrupted
    assert run.counts == []
    waved(bench, 1)
    assert stages_of(bench.worked()) == {"videos": 5, "pieces": 5, "marks": 5, "notes": 5}


def test_waves_on_worker_processes(tmp_path: Path) -> None:
    """Two local engines side by side give the tables of one."""
    plain, bench = bench_of(tmp_path / "plain"), bench_of(tmp_path / "waves")
    plain.run()
    plan = resolve(bench.dataset, TOYS, ("notes",), bench.configs())
    with LocalEngine(1) as first, LocalEngine(1) as second:
        run_in_waves(Run(bench.dataset, first, Recorder()), plan, 2, second)
    assert [bench.done(t) for t in ALL_TABLES] == [plain.done(t) for t in ALL_TABLES]
