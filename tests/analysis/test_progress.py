import json
import os
import shutil
import signal
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from tests.support.command import kill_group, start, vidcurate, wait_until
from tests.support.pipeline import process, stored
from tests.support.terminal import CTRL_C, terminal
from vidcurate.analysis.progress import CommitTally, Progress, ProgressReader, StageProgress
from vidcurate.cli.commands.watch import follow, interrupts, read_seconds
from vidcurate.cli.render_progress import change_lines, chosen_stages
from vidcurate.errors import UsageError
from vidcurate.records import CLIPS, QUALITY
from vidcurate.store.dataset import DONE, FAILED, OK, Dataset, StoredTable
from vidcurate.store.lock import Writer, writer_of, writing

OPTIONS = {"split": {"min_clip_s": 1.0}, "quality": {}}
NO_ROWS = pa.table({"id": pa.array([], pa.string())})


def done(**outcomes: str) -> pa.Table:
    """Done rows of inputs by their outcome."""
    rows = [{"id": i, "status": s, "reason": None, "seconds": 0.0} for i, s in outcomes.items()]
    return pa.Table.from_pylist(rows, schema=DONE)


def test_only_new_commits_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that was counted is not opened again, whatever comes after it."""
    table = StoredTable(tmp_path)
    tally = CommitTally()
    table.commit("00000000-a", None, done(a=OK, b=FAILED))
    assert tally.update(table) == Counter({OK: 1, FAILED: 1})
    read: list[str] = []
    read_files = StoredTable.read_files

    def noted(self: StoredTable, names: list[str], schema: pa.Schema) -> pa.Table:
        read.extend(names)
        return read_files(self, names, schema)

    monkeypatch.setattr(StoredTable, "read_files", noted)
    table.commit("00000001-b", None, done(c=OK))
    assert tally.update(table) == Counter({OK: 2, FAILED: 1})
    assert tally.update(table) == Counter({OK: 2, FAILED: 1})
    assert read == ["done-00000001-b-none.parquet"]


def test_an_input_that_is_tried_again_counts_once(tmp_path: Path) -> None:
    """A failure that later goes well, or fails again, is one input."""
    table = StoredTable(tmp_path)
    tally = CommitTally()
    table.commit("00000000-a", None, done(a=FAILED, b=FAILED))
    tally.update(table)
    table.commit("00000001-b", None, done(a=OK, b=FAILED))
    assert +tally.update(table) == Counter({OK: 1, FAILED: 1})


def test_a_compacted_table_is_counted_anew(tmp_path: Path) -> None:
    """What a run puts together while it is watched is neither lost nor counted twice."""
    table = StoredTable(tmp_path)
    tally = CommitTally()
    for number in range(3):
        table.commit(f"{number:08d}-a", None, done(**{f"i{number}": OK}))
    assert tally.update(table) == Counter({OK: 3})
    table.rewrite([], [NO_ROWS], table.done_with_versions().replace_schema_metadata({}))
    table.commit("00000009-b", None, done(new=FAILED))
    assert tally.update(table) == Counter({OK: 3, FAILED: 1})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, video: Path) -> Path:
    """A data set of three clips that are measured, for other tests to copy."""
    root = tmp_path_factory.mktemp("made") / "data"
    process(root, OPTIONS, video)
    return root


@pytest.fixture
def root(tmp_path: Path, made: Path) -> Path:
    """A data set of three clips that are measured."""
    return Path(shutil.copytree(made, tmp_path / "data"))


def test_progress_is_what_a_run_left(root: Path) -> None:
    """Where nobody works, every stage is done, and none has a rate."""
    found = ProgressReader(Dataset(root)).look()
    assert found.writer is None
    assert {stage.stage: stage.done for stage in found.stages}["quality"] == 3
    assert found.pending == ()
    assert all(stage.rate is None and not stage.is_working for stage in found.stages)
    assert found.free_bytes


def test_rate_and_time_left_are_measured(root: Path) -> None:
    """Two of three clips in four seconds leave one for two seconds more."""
    quality = stored(root, QUALITY)
    ids = stored(root, CLIPS).read(["clip_id"], CLIPS.schema)["clip_id"].to_pylist()
    quality.remove(quality.listing())
    now = [100.0]
    reader = ProgressReader(Dataset(root), lambda: now[0])
    with writing(root):
        first = reader.look().stages[-1]
        assert (first.pending, first.rate, first.is_working) == (3, None, True)
        quality.commit("00000000-a", None, done(**{ids[0]: OK, ids[1]: FAILED}))
        now[0] = 104.0
        found = reader.look()
    last = found.stages[-1]
    assert (last.done, last.failed, last.pending, last.inputs) == (1, 1, 1, 3)
    assert (last.rate, last.left_s) == (0.5, 2.0)
    assert found.writer is not None
    assert found.writer.pid == os.getpid()
    assert found.pending == ("quality",)


def test_a_lock_tells_who_holds_it(tmp_path: Path) -> None:
    """Nobody before, this process meanwhile, nobody after, and nobody where its holder died."""
    assert writer_of(tmp_path) is None
    with writing(tmp_path):
        writer = writer_of(tmp_path)
        assert writer is not None
        assert writer.pid == os.getpid()
    assert writer_of(tmp_path) is None
    facts = json.loads((tmp_path / "lock").read_text("utf-8"))
    (tmp_path / "lock").write_text(json.dumps({**facts, "pid": 2**22 - 1}), "utf-8")
    assert writer_of(tmp_path) is None
    (tmp_path / "lock").write_text("nothing to read", "utf-8")
    assert writer_of(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("2s", 2), ("500ms", 0.5), ("1m", 60), ("1.5", 1.5), (" 3 s ", 3)]
)
def test_times_are_read(text: str, seconds: float) -> None:
    """A number of seconds, or one with its unit."""
    assert read_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "0", "-1s", "1h", "99ms", "nan"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """So is what would look all the time."""
    with pytest.raises(UsageError, match="--every"):
        read_seconds(text)


def stage(name: str, *, pending: int = 0, is_working: bool = False) -> StageProgress:
    """A stage that has done two inputs."""
    return StageProgress(name, 2 + pending, 2, 0, pending, 0, None, None, is_working)


def test_a_low_terminal_shows_what_is_at_work() -> None:
    """The stages at work come first, then those with something to do, then the latest."""
    stages = (stage("a"), stage("b", pending=1, is_working=True), stage("c"), stage("d", pending=1))
    shown, hidden = chosen_stages(stages, 2)
    assert [one.stage for one in shown] == ["b", "d"]
    assert hidden == 2
    assert [one.stage for one in chosen_stages(stages, 3)[0]] == ["b", "c", "d"]


def test_lines_are_about_what_changed() -> None:
    """Off a terminal a stage has a line when its numbers change, and the run one when it ends."""
    lines = change_lines()
    writer = Writer(7, "here", "today")
    before = Progress("D", writer, (stage("a"), stage("b", pending=1)), None)
    assert len(lines(before)) == 3
    after = Progress("D", writer, (stage("a"), stage("b")), None)
    assert lines(after) == ["b: 2/2 done"]
    assert lines(Progress("D", None, after.stages, None)) == ["D: no run is going on"]


def test_a_killed_run_ends_the_watching(root: Path, tmp_path: Path) -> None:
    """The lock is free, so watching ends at once with 0, and says what is left."""
    quality = stored(root, QUALITY)
    quality.remove(quality.listing())
    killed = vidcurate("watch", "-d", root, "--json")
    assert killed.code == 0
    (found,) = killed.lines
    assert found["writer"] is None
    assert found["stages"][-1]["pending"] == 3
    shown = vidcurate("watch", "-d", root, "--once").out
    assert "quality: 0/3 done, 3 pending" in shown
    assert "not finished: 3 in quality pending" in shown
    nothing = vidcurate("watch", "-d", tmp_path / "none", "--once")
    assert (nothing.code, nothing.out) == (2, "")
    assert "holds no data set" in nothing.err


def test_a_real_run_is_followed_to_its_end(video: Path, tmp_path: Path) -> None:
    """Each look is a line of JSON, done inputs only grow, and the end is the end of the run."""
    root = tmp_path / "data"
    assert vidcurate("--version").code == 0  # a first command takes as long as the run
    running = start(["run", video, "-d", root, "-c", config(tmp_path)], tmp_path)
    try:
        assert wait_until((root / "manifest.json").exists, running)
        watched = vidcurate("watch", "-d", root, "--json", "--every", "200ms")
        assert running.wait(timeout=60) == 0
    finally:
        if running.poll() is None:
            kill_group(running)
    assert watched.code == 0, watched.err
    looks = watched.lines
    assert looks[0]["writer"]["pid"] == running.pid
    assert looks[-1]["writer"] is None
    assert {s["stage"]: s["done"] for s in looks[-1]["stages"]}["quality"] == 3
    counts = [sum(s["done"] for s in look["stages"]) for look in looks]
    assert counts == sorted(counts)


def config(folder: Path) -> Path:
    """A config of a few stages."""
    file = folder / "config.yaml"
    file.write_text("split: {min_clip_s: 1}\nquality:\n", "utf-8")
    return file


def test_ctrl_c_ends_the_watching_quietly(root: Path) -> None:
    """The code is 130, no traceback is shown, and the run that is watched goes on."""
    with writing(root), terminal(60, 12) as window:
        window.start("watch", "-d", root)
        window.until_shown("at work: process", 60)
        window.type(CTRL_C)
        assert window.ended() == 130
        assert "Traceback" not in window.shown
        assert "quality" in window.shown


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_in_a_destructor_is_not_lost(root: Path) -> None:
    """Python drops what is raised where an object is freed; the watching ends all the same."""

    class Freed:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    looks: list[Progress] = []

    def show(found: Progress) -> None:
        looks.append(found)
        Freed()

    with writing(root), interrupts() as heard, pytest.raises(KeyboardInterrupt):
        follow(ProgressReader(Dataset(root)), show, 0.1, heard, once=False)
    assert len(looks) == 1


def test_a_stopped_reader_is_no_fault(root: Path) -> None:
    """SIGTERM ends it as any program."""
    with writing(root):
        running = start(["watch", "-d", root], root.parent)
        assert wait_until(lambda: b"at work:" in (root.parent / "log").read_bytes(), running)
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=30) == -signal.SIGTERM
