import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.support.toy_data import Bench, Recorder
from tests.support.toy_stages import TOYS, ToyConfig
from vidcurate.pipeline.counts import (
    StageCount,
    as_dicts,
    cached_count,
    count_stage,
    count_tables,
    why_empty,
)
from vidcurate.pipeline.resolve import resolve
from vidcurate.pipeline.scope import Scope
from vidcurate.store.dataset import Dataset

OPTIONS: dict[str, Any] = {
    "videos": {"fail": "b c", "drop": "d"},
    "pieces": {"step": 2},
    "marks": {"fail": "a.1"},
    "pick": {"min_mark": 1},
}


def counted(folder: Path) -> dict[str, StageCount]:
    """The counts of a run over six videos in which something of each kind happens."""
    bench, recorder = Bench(folder), Recorder()
    bench.add(*"abcdef")
    bench.run(recorder=recorder, **OPTIONS)
    return {c.stage: c for c in recorder.counts}


def test_every_input_is_counted_once(tmp_path: Path) -> None:
    """At every stage inputs are those ok, dropped, failed and pending, and nothing else."""
    for c in counted(tmp_path).values():
        assert c.inputs == c.ok + sum(c.dropped.values()) + c.failed + c.pending
        assert sum(c.reasons.values()) == c.failed
        assert not c.stale
        assert c.seconds >= 0


def test_inputs_come_to_what_they_came_to(tmp_path: Path) -> None:
    """Each stage counts what became of its inputs, with reasons, and the rows that they gave."""
    counts = counted(tmp_path)
    videos = counts["videos"]
    assert (videos.inputs, videos.ok, videos.failed, videos.rows) == (6, 3, 2, 3)
    assert videos.dropped == {"not wanted": 1}
    assert videos.reasons == {"b is broken": 1, "c is broken": 1}
    pieces = counts["pieces"]
    assert (pieces.inputs, pieces.ok, pieces.rows) == (3, 3, 6)
    marks = counts["marks"]
    assert (marks.inputs, marks.ok, marks.failed, marks.rows) == (6, 5, 1, 5)
    pick = counts["pick"]
    assert (pick.inputs, pick.ok, pick.dropped, pick.rows) == (6, 5, {"low mark": 1}, 5)
    assert counts["notes"].inputs == 5


def test_reasons_come_most_frequent_first(tmp_path: Path) -> None:
    """The reason that cost most stands first."""
    bench, recorder = Bench(tmp_path), Recorder()
    bench.add("good", "bad")
    for name in ("x", "y", "z"):
        (tmp_path / f"{name}.video").touch()
    (tmp_path / "bad.video").unlink()
    bench.add("bad", *"xyz")
    (tmp_path / "bad.video").unlink()
    bench.run("ingest", recorder=recorder)
    reasons = recorder.counts[0].reasons
    assert list(reasons.items()) == [
        ("the file is empty (0 bytes)", 3),
        ("cannot read the file: No such file or directory", 1),
    ]


def test_rows_of_what_is_no_longer_an_input_are_not_counted(tmp_path: Path) -> None:
    """After a filter is tightened, rows made before for what it now rejects are not counted."""
    bench, recorder = Bench(tmp_path), Recorder()
    bench.add("a")
    bench.run(pieces={"step": 3})
    bench.run(pieces={"step": 3}, pick={"min_mark": 3}, recorder=recorder)
    assert (recorder.counts[-1].inputs, recorder.counts[-1].rows) == (1, 1)


def test_what_options_changed_is_pending(tmp_path: Path) -> None:
    """A stage with new options has everything to do, and can be called stale."""
    bench = Bench(tmp_path)
    bench.add("a", "b")
    bench.run()
    resolved = resolve(bench.dataset, TOYS, ["videos"], {"videos": ToyConfig(step=2)})[-1]
    found = count_stage(bench.dataset, resolved, Scope(), why_stale="clips changed")
    assert (found.inputs, found.ok, found.pending, found.rows) == (2, 0, 2, 0)
    assert found.stale


def test_a_kept_count_is_of_these_files_only(tmp_path: Path) -> None:
    """A count is kept by the run, equals one made anew, and is not used once a batch was added."""
    bench = Bench(tmp_path)
    bench.add("a", "b")
    bench.run(videos={"fail": "b"})
    configs = bench.configs(videos={"fail": "b"})
    resolved = resolve(bench.dataset, TOYS, ["videos"], configs)[-1]
    kept = cached_count(bench.dataset, resolved, Scope())
    assert kept == count_tables(bench.dataset, resolved, Scope())
    assert kept is not None
    assert (kept.ok, kept.failed) == (1, 1)
    assert cached_count(bench.dataset, resolved, Scope({"video_id": pa.array(["x"])})) is None
    bench.add("c")
    bench.run("ingest")
    assert cached_count(bench.dataset, resolved, Scope()) is None
    assert count_stage(bench.dataset, resolved, Scope()).pending == 1


def test_a_table_stage_is_counted_by_its_outcome(tmp_path: Path) -> None:
    """The count that a table stage's outcome gives is that of the tables it wrote."""
    bench = Bench(tmp_path)
    bench.add(*"abcdef")
    bench.run(**OPTIONS)
    resolved = resolve(bench.dataset, TOYS, ["pick"], bench.configs(**OPTIONS))[-1]
    kept = cached_count(bench.dataset, resolved, Scope())
    assert kept == count_tables(bench.dataset, resolved, Scope())
    assert kept is not None
    assert (kept.ok, kept.dropped, kept.rows) == (5, {"low mark": 1}, 5)


def test_counts_are_plain_values(tmp_path: Path) -> None:
    """Counts go to JSON and back."""
    counts = list(counted(tmp_path).values())
    assert [StageCount(**d) for d in json.loads(json.dumps(as_dicts(counts)))] == counts


def empty(stage: str, *, inputs: int, pruned: int = 0, **dropped: int) -> StageCount:
    """The count of a stage that made no row."""
    return StageCount(stage, stage, inputs, 0, dropped, 0, {}, 0, pruned, 0, 0.0, stale=False)


def test_the_filter_is_named_and_not_the_stage_that_it_prunes(tmp_path: Path) -> None:
    """Where rules reject every clip, a pruned stage before the filter is not the cause."""
    counts = [empty("text", inputs=0, pruned=4), empty("filter", inputs=4, dark=4)]
    said = why_empty(counts, Dataset(tmp_path))
    assert said.startswith("nothing came out: filter left none of 4 (4 times: dark)")
    assert said.endswith(f"see vidcurate rows filter --dropped -d {tmp_path}")
