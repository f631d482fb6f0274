from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.toy_data import Bench, Recorder, stages_of
from tests.support.toy_stages import (
    MARKS,
    NOTES,
    NOTES_STAGE,
    PICKED,
    PIECES,
    TOYS,
    VIDEOS,
    VIDEOS_STAGE,
    PickConfig,
    ToyConfig,
)
from vidcurate.engines.base import Crash
from vidcurate.engines.inline import InlineEngine
from vidcurate.engines.local import LocalEngine
from vidcurate.errors import EmptyResultError, TooManyFailuresError, UsageError
from vidcurate.pipeline.job import Report
from vidcurate.pipeline.map_stages import BATCHES_BETWEEN_COMPACTIONS
from vidcurate.pipeline.resolve import resolve
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.stages.sources.ingest import INGEST

THREE = {"videos": 3, "pieces": 3, "marks": 3, "notes": 3}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A data set of three videos."""
    bench = Bench(tmp_path)
    bench.add("a", "b", "c")
    return bench


def test_what_is_done_is_not_done_again(bench: Bench) -> None:
    """The first run works on every row once; the second on none."""
    assert stages_of(bench.run()) == THREE
    assert bench.run() == []
    assert [note.value for note in bench.rows(NOTES)] == [2, 2, 2]


def test_new_videos_only_are_worked_on(bench: Bench) -> None:
    """A video that is added later goes through every stage; the others do not."""
    bench.run()
    bench.add("d")
    assert bench.run() == ["videos d", "pieces d", "marks d.0", "notes d.0"]


def test_an_option_redoes_its_stage_and_what_reads_it(bench: Bench) -> None:
    """A change in the middle leaves what comes before; going back finds the old rows there."""
    bench.run()
    assert stages_of(bench.run(marks={"step": 5})) == {"marks": 3, "notes": 3}
    assert [note.value for note in bench.rows(NOTES)] == [6, 6, 6]
    assert bench.run() == []
    assert [note.value for note in bench.rows(NOTES)] == [2, 2, 2]


def test_tables_that_name_content_keep_what_follows(bench: Bench) -> None:
    """Where other options give the same pieces, only new pieces are worked on after them."""
    bench.run()
    assert stages_of(bench.run(videos={"step": 9})) == {"videos": 3, "pieces": 3}
    assert bench.run(videos={"step": 9}, pieces={"step": 2}) == [
        *(f"pieces {video}" for video in "abc"),
        *(f"marks {video}.1" for video in "abc"),
        *(f"notes {video}.1" for video in "abc"),
    ]


def test_neutral_options_redo_nothing(bench: Bench) -> None:
    """How the work is done can change between runs."""
    bench.run()
    assert bench.run(videos={"pause_s": 0.1}, marks={"die": "a.0"}, notes={"fail": "b.0"}) == []


def test_failed_rows_are_tried_again_only_when_asked(bench: Bench) -> None:
    """A failure stands until --retry-failed; then what it held back is made too."""
    assert stages_of(bench.run(videos={"fail": "b"})) == dict.fromkeys(THREE, 2) | {"videos": 3}
    assert bench.run() == []
    (failed,) = [outcome for outcome in bench.done(VIDEOS).values() if outcome[0] == "failed"]
    assert failed == ("failed", "b is broken")
    worked = bench.run(run_options=RunOptions(retry_failed=True))
    assert worked == ["videos b", "pieces b", "marks b.0", "notes b.0"]
    assert {outcome[0] for outcome in bench.done(VIDEOS).values()} == {"ok"}
    assert len(bench.rows(NOTES)) == 3


def test_dropped_rows_are_not_tried_again(bench: Bench) -> None:
    """What was left out on purpose is no failure."""
    bench.run(videos={"drop": "b"})
    again = bench.run(videos={"drop": "b"}, run_options=RunOptions(retry_failed=True, max_failed=0))
    assert again == []
    assert len(bench.rows(VIDEOS)) == 2


def test_too_many_failures_end_the_run_after_their_stage(bench: Bench) -> None:
    """Past --max-failed later stages do not run, also where an earlier run met the failures.

    At the limit they do, and what is tried again with success is no failure any more.
    """
    with pytest.raises(TooManyFailuresError, match="2 rows failed, more than the 1 allowed"):
        bench.run(videos={"fail": "a b"}, run_options=RunOptions(max_failed=1))
    assert stages_of(bench.worked()) == {"videos": 3}
    with pytest.raises(TooManyFailuresError, match="2 rows failed, more than the 1 allowed"):
        bench.run(run_options=RunOptions(max_failed=1))
    assert stages_of(bench.worked()) == {"videos": 3}
    assert len(bench.run(run_options=RunOptions(max_failed=2))) == 3
    with pytest.raises(TooManyFailuresError):
        bench.run(run_options=RunOptions(max_failed=0))
    assert (
        stages_of(bench.run(run_options=RunOptions(max_failed=0, retry_failed=True)))["videos"] == 2
    )
    assert bench.run(run_options=RunOptions(max_failed=0)) == []


def test_a_limit_works_on_the_first_videos(bench: Bench) -> None:
    """A limited run does the first videos only; without the limit the rest follows."""
    assert stages_of(bench.run(run_options=RunOptions(limit=1))) == dict.fromkeys(THREE, 1)
    assert stages_of(bench.run(run_options=RunOptions(limit=2))) == dict.fromkeys(THREE, 1)
    recorder = Recorder()
    assert bench.run(run_options=RunOptions(limit=1), recorder=recorder) == []
    assert [count.inputs for count in recorder.counts] == [3, 1, 1, 1, 1, 1]
    assert stages_of(bench.run()) == dict.fromkeys(THREE, 1)
    assert len(bench.rows(NOTES)) == 3


def test_a_table_stage_is_always_redone(bench: Bench) -> None:
    """A table stage sees all rows each time, so that its table is that of the rows there are."""
    bench.run()
    made = bench.dataset.manifest()["picked"]["fingerprint"]
    stored = bench.dataset.stored(PICKED, made)
    before = stored.parts()
    bench.add("d")
    bench.run()
    assert stored.parts() != before
    assert len(bench.rows(PICKED)) == 4


def test_a_filter_may_be_loosened_and_tightened(bench: Bench) -> None:
    """Rows that pass again are not made again, and the finish sums up what passes now."""
    bench.run(pieces={"step": 3})
    recorder = Recorder()
    assert bench.run(pieces={"step": 3}, pick={"min_mark": 2}, recorder=recorder) == []
    assert recorder.counts[-1].rows == 6
    assert recorder.notes == ["sum 21"]
    assert bench.run(pieces={"step": 3}) == []
    assert (bench.dataset.root / "sum.txt").read_text("utf-8") == "sum 27"


def test_an_interrupted_run_goes_on(bench: Bench) -> None:
    """A stop ends after the batch in progress, without a finish; the next run does the rest."""
    recorder = Recorder(stop_in="marks")
    first = bench.run(pieces={"step": 4}, recorder=recorder)
    assert stages_of(first) == {"videos": 3, "pieces": 3, "marks": 2}
    assert recorder.notes == []
    assert [count.stage for count in recorder.counts] == ["ingest", "videos", "pieces", "marks"]
    assert recorder.counts[-1].pending == 10
    again = bench.run(pieces={"step": 4}, recorder=(recorder := Recorder()))
    assert stages_of(again) == {"marks": 10, "notes": 12}
    assert recorder.todo["marks"] == (10, 2)
    assert recorder.notes == ["sum 42"]


def test_a_usage_error_ends_the_run_and_keeps_what_is_done(bench: Bench) -> None:
    """What no row is to blame for stops everything; batches before it stay."""
    with pytest.raises(UsageError, match="shows that this cannot run"):
        bench.run(pieces={"usage": "c"})
    assert bench.run()[0].startswith("pieces")
    assert stages_of(bench.worked())["videos"] == 3


def test_options_that_a_usage_error_ended_before_any_row_are_forgotten(bench: Bench) -> None:
    """The manifest has those from before, or none; those of stages before it stay."""
    with pytest.raises(UsageError):
        bench.run(pieces={"usage": "a b c", "step": 2})
    assert [*bench.dataset.manifest()] == ["sources", "videos"]
    bench.run("pieces", pieces={"step": 1})
    worked = bench.dataset.manifest()["pieces"]
    with pytest.raises(UsageError):
        bench.run("pieces", pieces={"usage": "a b c", "step": 2})
    assert bench.dataset.manifest()["pieces"] == worked


def test_checks_come_before_any_work(bench: Bench) -> None:
    """What a machine cannot do is reported at once, not after hours of earlier stages."""

    def refuse(_config: ToyConfig, _others: object) -> None:
        raise UsageError("no encoder here")

    last = replace(NOTES_STAGE, check=refuse)
    picky = Bench(bench.folder, (*TOYS[:-1], last))
    with pytest.raises(UsageError, match="no encoder"):
        picky.run()
    assert picky.worked() == []
    assert picky.dataset.manifest() == {}


def test_nothing_at_the_end_names_the_stage_that_lost_all(bench: Bench) -> None:
    """A run that leaves no rows fails, and says where they went and why."""
    with pytest.raises(EmptyResultError) as error:
        bench.run(videos={"drop": "a b", "fail": "c"})
    assert "videos left none of 3" in str(error.value)
    with pytest.raises(EmptyResultError, match=r"pick left none of 3 \(3 times: low mark\)"):
        bench.run(pick={"min_mark": 99})
    empty = Bench(bench.folder / "empty")
    with pytest.raises(EmptyResultError, match="ingest was given nothing to work on"):
        empty.run()


def test_the_manifest_says_what_made_each_table(bench: Bench) -> None:
    """Stage, options, fingerprint and what was read stand in the manifest; it changes with them."""
    bench.run(marks={"step": 3})
    manifest = bench.dataset.manifest()
    assert set(manifest) == {"sources", "videos", "pieces", "marks", "picked", "notes"}
    entry = manifest["marks"]
    assert entry["options"]["step"] == 3
    assert entry["decides"] == ["drop", "step"]
    assert entry["reads"] == {"pieces": manifest["pieces"]["fingerprint"]}
    before = bench.dataset.manifest_file.stat().st_ino
    bench.run(marks={"step": 3})
    assert bench.dataset.manifest_file.stat().st_ino == before
    resolved = resolve(bench.dataset, TOYS, ["pick"], {"pick": PickConfig(min_mark=1)})
    marks = next(p for p in resolved if p.stage.name == "marks")
    assert (marks.fingerprint, marks.config) == (
        entry["fingerprint"],
        ToyConfig(**entry["options"]),
    )


@pytest.mark.parametrize("workers", [1, 3])
def test_engines_give_the_same_rows(tmp_path: Path, workers: int) -> None:
    """Rows and outcomes are those of the inline engine, with any number of workers."""
    options: dict[str, Any] = {
        "videos": {"fail": "b"},
        "pieces": {"step": 3},
        "marks": {"fail": "a.1 e.0"},
    }
    inline, local = Bench(tmp_path / "inline"), Bench(tmp_path / "local")
    for bench in (inline, local):
        bench.folder.mkdir()
        bench.add(*"abcdef")
    inline.run(engine=InlineEngine(), **options)
    with LocalEngine(workers) as engine:
        worked = local.run(engine=engine, **options)
    assert sorted(worked) == sorted(inline.worked())
    for table in (VIDEOS, PIECES, MARKS, PICKED, NOTES):
        assert local.rows(table) == inline.rows(table)
        assert local.done(table) == inline.done(table)


def test_a_batch_that_kills_its_worker_is_run_row_by_row(bench: Bench) -> None:
    """Only the row that kills its worker fails, with the cause; the rest of its batch is made."""
    with LocalEngine(1) as engine:
        worked = bench.run(engine=engine, pieces={"step": 3}, marks={"die": "b.1"})
    outcomes = bench.done(MARKS)
    assert outcomes.pop("b.1") == ("failed", "killed by signal 9 (SIGKILL) while running marks")
    assert set(outcomes.values()) == {("ok", None)}
    assert len(outcomes) == len(bench.rows(NOTES)) == 8
    assert worked.count("marks b.1") == 3  # of two, of one, and once more alone
    assert stages_of(worked)["marks"] <= 9 + 5
    assert bench.run(pieces={"step": 3}) == []
    assert len(bench.run(pieces={"step": 3}, run_options=RunOptions(retry_failed=True))) == 2


class DiesAfterWork(InlineEngine):
    """An engine whose worker does the work and dies before it can say so."""

    def map(self, task: Any, items: Any, **options: Any) -> Iterator[Any]:
        """Each item's work, and a crash as its result."""
        for item, _ in super().map(task, items, **options):
            yield item, Crash("killed by signal 9 (SIGKILL)", "memory")


def test_a_worker_that_dies_after_its_commit_costs_nothing(bench: Bench) -> None:
    """What was committed counts: no row is made twice, and none is called failed."""
    bench.run(engine=DiesAfterWork())
    assert [note.value for note in bench.rows(NOTES)] == [2, 2, 2]
    assert {status for status, _ in bench.done(MARKS).values()} == {"ok"}


@dataclass
class Counting(Recorder):
    """A listener that keeps how many files lay in a folder at most."""

    folder: Path = Path()
    most: int = 0

    def advanced(self, _stage: str, _report: Report) -> None:
        """Count the files."""
        self.most = max(self.most, len(list(self.folder.glob("*.parquet"))))


def test_part_files_stay_bounded_while_a_stage_runs(tmp_path: Path) -> None:
    """Parts are put together in mid-run, so that a long run that is killed resumes quickly."""
    bench = Bench(tmp_path, (INGEST, replace(VIDEOS_STAGE, rows_per_part=1)))
    n_videos = BATCHES_BETWEEN_COMPACTIONS + 50
    bench.add(*(f"{n:05}" for n in range(n_videos)))
    resolved = resolve(bench.dataset, bench.stages, ["videos"], bench.configs())[-1]
    recorder = Counting(folder=resolved.output(bench.dataset).folder)
    bench.run("videos", recorder=recorder)
    assert recorder.most == 2 * BATCHES_BETWEEN_COMPACTIONS
    assert len(bench.rows(VIDEOS)) == len(bench.done(VIDEOS)) == n_videos
