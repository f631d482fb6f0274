from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.toy_stages import (
    MARKS,
    MARKS_STAGE,
    PIECES,
    VIDEOS,
    Mark,
    Piece,
    ToyConfig,
    Video,
)
from vidcurate.errors import MediaError, UsageError
from vidcurate.pipeline.job import Batch, Job, Report
from vidcurate.pipeline.worker import commit_failure, reason_of, work
from vidcurate.stage import Drop, Lookup, Workspace
from vidcurate.store.dataset import DONE, DROPPED, FAILED, OK, Dataset
from vidcurate.store.storage import list_files

LETTERS = ("a", "b", "c", "d")
Results = Iterator[Any]


def mark(piece: Piece, value: int = 1) -> list[Mark]:
    """One row for a piece."""
    return [Mark(piece.piece_id, piece.video_id, value)]


def job_in(folder: Path, run: Any, **stage: Any) -> Job:
    """A job over four pieces that lie in two parts, with a stage that runs `run`."""
    stored = Dataset(folder).stored(PIECES, "1" * 12)
    for name, letters in (("0-p", LETTERS[:2]), ("1-q", LETTERS[2:])):
        stored.commit(name, PIECES.to_arrow([Piece(i, f"video {i}") for i in letters]), no_done())
    videos = Dataset(folder).stored(VIDEOS, "2" * 12)
    videos.commit("0-r", VIDEOS.to_arrow([Video(f"video {i}", i, 7) for i in "abxyz"]), no_done())
    tables = {"pieces": "1" * 12, "videos": "2" * 12}
    changed = replace(MARKS_STAGE, run=run, name=f"marks {folder}", **stage)
    return Job(folder, changed, ToyConfig(), "3" * 12, tables)


def no_done() -> Any:
    """An empty done table."""
    return DONE.empty_table()


def batch(*ids: str) -> Batch:
    """A batch that names both parts of the pieces, and the part of the videos."""
    names = {"pieces": ("part-0-p.parquet", "part-1-q.parquet"), "videos": ("part-0-r.parquet",)}
    return Batch(ids or LETTERS, names)


def statuses(report: Report) -> dict[str, str]:
    """What became of each input."""
    return {row_id: status for row_id, status, _ in report.statuses}


def written(job: Job) -> list[str]:
    """The keys of the rows that a job committed."""
    keys: list[str] = job.output().read(["piece_id"], MARKS.schema)["piece_id"].to_pylist()
    return keys


def test_rows_that_share_a_column_are_looked_up_as_they_are_now(tmp_path: Path) -> None:
    """They come in the order of the table, which may grow and be put together between batches."""
    met: list[dict[str, list[int]]] = []

    def run(rows: Sequence[Piece], _c: ToyConfig, _tool: Any, workspace: Workspace) -> Results:
        found = workspace.lookup_all(MARKS)
        met.append({key: [mark.value for mark in marks] for key, marks in found.items()})
        yield from ([] for _ in rows)

    lookup = Lookup(MARKS, required=False, decides=False, by="video_id")
    job = job_in(tmp_path, run, lookups=(lookup,), writes=VIDEOS)
    work(job, batch("a", "b"))
    job = replace(job, tables={**job.tables, "marks": "4" * 12})
    stored = Dataset(tmp_path).stored(MARKS, "4" * 12)
    stored.commit("0-s", MARKS.to_arrow([mark_of("b", 1), mark_of("a", 2)]), no_done())
    work(job, batch("a", "b"))
    stored.commit("1-t", MARKS.to_arrow([mark_of("a", 3), mark_of("d", 4)]), no_done())
    stored.rewrite([], [stored.read(None, MARKS.schema)], no_done().replace_schema_metadata({}))
    work(job, batch("a", "b"))
    work(job, batch("c"))
    assert met == [
        {"video a": [], "video b": []},
        {"video a": [2], "video b": [1]},
        {"video a": [2, 3], "video b": [1]},
        {"video c": []},
    ]


def mark_of(letter: str, value: int) -> Mark:
    """A mark for the video of a piece."""
    return Mark(f"mark {value}", f"video {letter}", value)


def test_a_batch_is_run_and_committed(tmp_path: Path) -> None:
    """Rows come in the order of the batch, from all its parts, and are committed with outcomes."""
    met: list[str] = []

    def run(
        rows: Sequence[Piece], _config: ToyConfig, _tool: Any, _workspace: Workspace
    ) -> Results:
        for row in rows:
            met.append(row.piece_id)
            yield mark(row)

    job = job_in(tmp_path, run)
    report = work(job, batch("d", "a", "c"))
    assert met == ["d", "a", "c"] == written(job)
    assert report.statuses == (("d", OK, None), ("a", OK, None), ("c", OK, None))
    done = job.output().done().to_pylist()
    assert [(d["id"], d["status"], d["reason"]) for d in done] == list(report.statuses)
    assert sum(d["seconds"] for d in done) <= report.seconds
    assert all(d["seconds"] >= 0 for d in done)


@given(bad=st.sets(st.sampled_from(LETTERS)), in_batch=st.permutations(LETTERS))
def test_a_bad_row_costs_only_itself(
    tmp_path_factory: pytest.TempPathFactory, bad: set[str], in_batch: list[str]
) -> None:
    """Whichever rows raise, the others are kept, and a row that has its result is not run again."""
    given_out: list[str] = []

    def run(
        rows: Sequence[Piece], _config: ToyConfig, _tool: Any, _workspace: Workspace
    ) -> Results:
        for row in rows:
            if row.piece_id in bad:
                raise ValueError(f"{row.piece_id} is odd")
            given_out.append(row.piece_id)
            yield mark(row)

    job = job_in(tmp_path_factory.mktemp("data"), run)
    report = work(job, batch(*in_batch))
    good = [i for i in in_batch if i not in bad]
    assert written(job) == good
    assert given_out == good
    assert [i for i, _, _ in report.statuses] == in_batch
    for row_id, status, reason in report.statuses:
        expected = (FAILED, f"ValueError: {row_id} is odd") if row_id in bad else (OK, None)
        assert (status, reason) == expected


def test_a_row_that_spoils_the_batch_late_is_found(tmp_path: Path) -> None:
    """A stage that reads ahead raises before the results of good rows; these are made singly."""

    def run(
        rows: Sequence[Piece], _config: ToyConfig, _tool: Any, _workspace: Workspace
    ) -> Results:
        if any(row.piece_id == "c" for row in rows):
            raise MediaError("c cannot be read")
        for row in rows:
            yield mark(row)

    job = job_in(tmp_path, run)
    report = work(job, batch())
    assert statuses(report) == {"a": OK, "b": OK, "c": FAILED, "d": OK}
    assert report.statuses[2][2] == "c cannot be read"
    assert written(job) == ["a", "b", "d"]


def test_failures_and_drops_may_be_results(tmp_path: Path) -> None:
    """A yielded MediaError fails its row, a Drop drops it, an empty list is fine; none ends it."""
    runs: list[int] = []

    def run(
        rows: Sequence[Piece], _config: ToyConfig, _tool: Any, _workspace: Workspace
    ) -> Results:
        runs.append(len(rows))
        yield from (mark(rows[0]), MediaError("no  picture\nat all"), Drop("too short"), [])

    job = job_in(tmp_path, run)
    report = work(job, batch())
    assert report.statuses == (
        ("a", OK, None),
        ("b", FAILED, "no picture at all"),
        ("c", DROPPED, "too short"),
        ("d", OK, None),
    )
    assert runs == [4]
    assert written(job) == ["a"]


def test_a_row_may_give_several(tmp_path: Path) -> None:
    """All rows that one input gives are written, with one outcome for the input."""

    def run(
        rows: Sequence[Piece], _config: ToyConfig, _tool: Any, _workspace: Workspace
    ) -> Results:
        for row in rows:
            yield [Mark(f"{row.piece_id}{i}", row.video_id, i) for i in range(2)]

    job = job_in(tmp_path, run)
    report = work(job, batch("b", "d"))
    assert statuses(report) == {"b": OK, "d": OK}
    assert written(job) == ["b0", "b1", "d0", "d1"]


def test_a_missing_result_fails_its_row(tmp_path: Path) -> None:
    """A stage that ends without a result for a row is named at that row; others go on."""

    def run(
        rows: Sequence[Piece], _config: ToyConfig, _tool: Any, _workspace: Workspace
    ) -> Results:
        for row in rows:
            if row.piece_id == "b":
                return
            yield mark(row)

    job = job_in(tmp_path, run)
    report = work(job, batch())
    assert statuses(report) == {"a": OK, "b": FAILED, "c": OK, "d": OK}
    assert report.statuses[1][2] == "RuntimeError: the stage gave no result for this row"


@pytest.mark.parametrize("error", [UsageError("no such model"), KeyboardInterrupt()])
def test_usage_errors_end_the_stage(tmp_path: Path, error: BaseException) -> None:
    """What is no row's fault is raised, and nothing is committed."""

    def run(
        rows: Sequence[Piece], _config: ToyConfig, _tool: Any, _workspace: Workspace
    ) -> Results:
        yield mark(rows[0])
        raise error

    job = job_in(tmp_path, run)
    with pytest.raises(type(error)):
        work(job, batch())
    assert job.output().commits() == {}


def test_the_tool_is_opened_once(tmp_path: Path) -> None:
    """Batches of one job share a tool; another job, or other neutral options, open their own."""
    opened: list[str] = []

    def open_one(config: ToyConfig, _workspace: Workspace) -> str:
        opened.append(config.fail)
        return f"tool {len(opened)}"

    def run(rows: Sequence[Piece], _config: ToyConfig, tool: str, _workspace: Workspace) -> Results:
        for row in rows:
            yield mark(row, int(tool.removeprefix("tool ")))

    job = job_in(tmp_path, run, open=open_one)
    work(job, batch("a"))
    work(job, batch("b"))
    assert opened == [""]
    work(replace(job, config=ToyConfig(fail="x")), batch("c"))
    assert opened == ["", "x"]
    work(replace(job, fingerprint="4" * 12), batch("d"))
    assert opened == ["", "x", ""]


def test_a_stage_sees_its_neighbours(tmp_path: Path) -> None:
    """`lookup` gives the rows of the batch in progress and no others, also when rows are redone."""
    seen: list[set[str]] = []

    def run(rows: Sequence[Piece], _config: ToyConfig, _tool: Any, workspace: Workspace) -> Results:
        videos = workspace.lookup(VIDEOS)
        seen.append(set(videos))
        for row in rows:
            yield mark(row, videos[row.video_id].value)

    job = job_in(tmp_path, run, lookups=(Lookup(VIDEOS),))
    report = work(job, batch())
    assert seen[0] == {"video a", "video b"}
    assert statuses(report) == {"a": OK, "b": OK, "c": FAILED, "d": FAILED}
    assert report.statuses[2][2] == "KeyError: 'video c'"
    assert job.output().read(None, MARKS.schema)["value"].to_pylist() == [7, 7]


def test_a_stage_sees_folders_and_what_is_there(tmp_path: Path) -> None:
    """A stage's own files have a folder that exists, next to its rows; tables are known by name."""

    def run(rows: Sequence[Piece], _config: ToyConfig, _tool: Any, workspace: Workspace) -> Results:
        assert workspace.has(VIDEOS)
        assert not workspace.has(MARKS)
        assert workspace.file_of(VIDEOS, "a") == tmp_path / "videos" / ("2" * 12) / "files" / "a"
        for row in rows:
            (workspace.files / row.piece_id).write_text("x", "utf-8")
            yield mark(row)

    job = job_in(tmp_path, run)
    assert statuses(work(job, batch("a"))) == {"a": OK}
    assert list(list_files(job.output().files)) == ["a"]


def test_a_crash_is_the_outcome_of_one_row(tmp_path: Path) -> None:
    """A row that killed its worker is failed with the reason, and has no part."""
    job = job_in(tmp_path, lambda *_: iter(()))
    report = commit_failure(job, batch("b"), "killed by signal 9 (SIGKILL)")
    assert report.statuses == (("b", FAILED, "killed by signal 9 (SIGKILL)"),)
    assert job.output().commits() == {f"done-{batch('b').name}-none.parquet": []}
    assert job.output().done()["id"].to_pylist() == ["b"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MediaError("cannot  read:\n moov atom"), "cannot read: moov atom"),
        (ValueError("bad\tvalue"), "ValueError: bad value"),
        (ValueError(), "ValueError"),
        (MediaError(), "MediaError"),
    ],
)
def test_a_reason_is_one_line(error: Exception, reason: str) -> None:
    """Our own errors speak for themselves; of others the kind is named."""
    assert reason_of(error) == reason
