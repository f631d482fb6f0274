"""What `status` and `clean` say is so of the inputs that are there now."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.command import vidcurate
from tests.support.pipeline import process, stored
from tests.support.toy_data import Bench
from tests.support.toy_stages import MARKS, TOYS
from tests.support.videos import THREE_SHOTS, render
from vidcurate.analysis.leftovers import rows_only_in
from vidcurate.analysis.status import funnel
from vidcurate.errors import EmptyResultError
from vidcurate.pipeline.counts import StageCount
from vidcurate.pipeline.provenance import reason_to_redo
from vidcurate.pipeline.resolve import resolve
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.pipeline.scope import Scope
from vidcurate.records import CLIPS, QUALITY
from vidcurate.store.dataset import Dataset

SCORED: dict[str, Any] = {"quality": {}, "filter": {"rules": ("quality.luma_mean >= 0",)}}

SHORT: dict[str, Any] = {"split": {"max_clip_s": 1.0, "min_clip_s": 0.5}}


def reported(root: Path) -> dict[str, StageCount]:
    """What `status` says of each stage."""
    return {count.stage: count for count in funnel(Dataset(root))}


def test_status_is_of_the_inputs_that_are_there_now(video: Path, tmp_path: Path) -> None:
    """Clips cut anew are pending where they are scored; what was chosen among others is stale."""
    root = tmp_path / "data"
    process(root, SCORED, video)
    assert not any(c.pending or c.stale for c in reported(root).values())
    n_clips = reported(root)["split"].rows
    process(root, SHORT)
    counts = reported(root)
    assert counts["split"].rows > n_clips
    assert counts["quality"].pending == counts["split"].rows
    assert counts["filter"].pending == counts["split"].rows
    assert (counts["filter"].stale, counts["filter"].rows) == (True, 0)
    assert counts["filter"].why_stale == "clips changed since it was made"
    process(root, SCORED)
    assert not any(c.pending or c.stale for c in reported(root).values())
    process(root, SHORT, render(tmp_path / "other.mp4", THREE_SHOTS[:2]))
    counts = reported(root)
    assert 0 < counts["quality"].pending < counts["split"].rows
    assert counts["filter"].pending == counts["quality"].pending
    assert counts["filter"].stale
    shown = vidcurate("status", "-d", root)
    assert "filter is stale: clips changed since it was made" in shown.out


def test_a_table_of_other_videos_is_told(tmp_path: Path) -> None:
    """A table stage is as it should be, or made of other rows, or of fewer videos."""
    bench = Bench(tmp_path)
    bench.add("a", "b")
    bench.run(run_options=RunOptions(limit=2))
    pick = resolve(bench.dataset, TOYS, ["pick"], bench.configs())[-1]
    assert not reason_to_redo(bench.dataset, pick, Scope())
    bench.run(run_options=RunOptions(limit=1))
    assert reason_to_redo(bench.dataset, pick, Scope()) == (
        "it was made of other videos, or a part of them"
    )
    bench.run()
    assert not reason_to_redo(bench.dataset, pick, Scope())
    bench.add("c")
    bench.run("marks")
    assert reason_to_redo(bench.dataset, pick, Scope()) == (
        "pieces, marks changed since it was made"
    )


def test_a_retry_that_fails_leaves_the_row(tmp_path: Path) -> None:
    """Rows that are there stay what they are, whatever fails in a later run."""
    bench = Bench(tmp_path)
    bench.add("a", "b")
    bench.run(marks={"fail": "b.0"})
    before = bench.rows(MARKS)
    with pytest.raises(EmptyResultError):
        bench.run(
            "marks", run_options=RunOptions(retry_failed=True), marks={"fail": "a.0 b.0", "step": 2}
        )
    bench.run("marks", run_options=RunOptions(retry_failed=True), marks={"fail": "a.0 b.0"})
    assert bench.rows(MARKS) == before


def test_earlier_rows_stay_until_all_are_made_anew(tmp_path: Path) -> None:
    """Rows of earlier options are the only ones of an input that failed with the new options."""
    bench = Bench(tmp_path)
    bench.add("a", "b")
    bench.run("marks")
    made = bench.dataset.manifest()["marks"]["fingerprint"]
    earlier = bench.dataset.stored(MARKS, made)
    changed: dict[str, Any] = {"step": 2, "fail": "a.0"}
    bench.run("marks", marks=changed)
    resolved = resolve(bench.dataset, TOYS, ["marks"], bench.configs(marks=changed))[-1]
    assert rows_only_in(earlier, bench.dataset, resolved, Scope()) == 1
    bench.run("marks", run_options=RunOptions(retry_failed=True), marks={"step": 2})
    assert rows_only_in(earlier, bench.dataset, resolved, Scope()) == 0


def test_clean_removes_what_a_kill_left(video: Path, tmp_path: Path) -> None:
    """A part without its done file goes, as do tables of earlier options that are made anew."""
    root = tmp_path / "data"
    process(root, {"quality": {}}, video)
    left = stored(root, QUALITY).folder / "part-00000009-0123456789ab.parquet"
    left.write_bytes(b"PAR1")
    theirs = left.with_name("theirs.parquet")
    theirs.write_bytes(b"")
    before = stored(root, CLIPS).folder
    process(root, {"quality": {}, **SHORT})
    ended = vidcurate("clean", "--yes", "-d", root)
    assert ended.code == 0, ended.err
    assert {str(left), str(before)} <= {line["path"] for line in ended.lines}
    assert (left.exists(), before.exists(), theirs.exists()) == (False, False, True)
