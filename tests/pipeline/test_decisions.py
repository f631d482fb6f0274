import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support.command import vidcurate
from tests.support.decisions import decided, spanned, undone
from tests.support.pipeline import done, process, rows, states, stored
from tests.support.videos import render
from vidcurate.analysis.decisions import deciding, read_decisions
from vidcurate.analysis.fates import clip_fates
from vidcurate.analysis.status import funnel
from vidcurate.analysis.view import present_plan, present_scope, reader
from vidcurate.cli.output import Quiet
from vidcurate.engines.inline import InlineEngine
from vidcurate.engines.local import LocalEngine
from vidcurate.errors import UsageError
from vidcurate.pipeline.resolve import resolve
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.runner import run_pipeline
from vidcurate.records import (
    CAPTIONS,
    CLIPS,
    DECISIONS,
    EXPORTS,
    KEPT,
    KEYFRAMES,
    QUALITY,
    Decision,
)
from vidcurate.stage import Stage
from vidcurate.stages.registry import STAGES as ALL
from vidcurate.stages.selection.filter import FILTER
from vidcurate.stages.shots.split import SPLIT
from vidcurate.store.dataset import Dataset

Options = Mapping[str, Mapping[str, Any]]
NONE_KEPT = "quality.sharpness < 0"
STAGES: Options = {
    "split": {"min_clip_s": 1.0},
    "quality": {},
    "filter": {"rules": ()},
    "keyframes": {"count": 1},
    "caption": {},
    "export": {"preset": "ultrafast"},
}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two videos of three shots each, taken through all stages, without a decision."""
    root = tmp_path_factory.mktemp("film")
    render(root / "one.mp4")
    render(root / "two.mp4", [("smptebars", 2.0), ("mandelbrot=start_scale=0.3", 2.0)])
    process(root / "out", STAGES, root / "one.mp4", root / "two.mp4")
    return root


@pytest.fixture
def data(film: Path, tmp_path: Path) -> Path:
    """A copy of the data set, to decide in."""
    return Path(shutil.copytree(film / "out", tmp_path / "out"))


def decide(data: Path, *decisions: Decision) -> None:
    """Add decisions to the log of a data set, in one step of the review."""
    with deciding(Dataset(data)) as log:
        log.add(decisions)


def ids(data: Path) -> list[str]:
    """The clips' ids, by video and time."""
    found = sorted(rows(data, CLIPS), key=lambda clip: (clip.video_id, clip.start_pts))
    return [clip.clip_id for clip in found]


def ids_of_three(data: Path) -> list[str]:
    """The clips of the video that has three."""
    found = ids(data)
    return next(of for clip in found if len(of := [c for c in found if c[:9] == clip[:9]]) == 3)


def again(data: Path, **more: Mapping[str, Any]) -> dict[str, Any]:
    """Run the stages again, some with other options; counts by stage."""
    return process(data, {**STAGES, **more})


def exported(data: Path) -> dict[str, dict[str, Any]]:
    """The rows of the export, by clip."""
    table = pq.read_table(data / "export" / "data").to_pylist()
    return {row["clip_id"]: row for row in table}


def stale(data: Path) -> dict[str, str]:
    """Why stages would be done again."""
    return {count.stage: count.why_stale for count in funnel(Dataset(data)) if count.stale}


def nudged(clip_id: str, ticks: int) -> tuple[Decision, str]:
    """A nudge of a clip's start, and the new clip's id."""
    video, start, end = clip_id.split("-")
    made = spanned(clip_id, (int(start) + ticks, int(end)))
    return made, f"{video}-{int(start) + ticks}-{end}"


def frame_ticks(data: Path, clip_id: str) -> int:
    """How many ticks a frame of a clip takes."""
    clip = next(clip for clip in rows(data, CLIPS) if clip.clip_id == clip_id)
    return (clip.end_pts - clip.start_pts) // clip.n_frames


def test_verdicts_outlive_new_rules(data: Path) -> None:
    """An accepted clip is kept against every rule, a rejected one dropped by none, with reason."""
    accepted, rejected, *others = ids(data)
    decide(data, decided("accept", accepted), decided("reject", rejected, reason="logo"))
    again(data)
    assert [clip.clip_id for clip in rows(data, KEPT)] == sorted([accepted, *others])
    assert done(data, KEPT)[rejected] == ("dropped", "review: logo")
    assert rejected not in exported(data)
    again(data, filter={"rules": (NONE_KEPT,)})
    assert set(exported(data)) == {accepted}
    assert done(data, KEPT)[rejected] == ("dropped", "review: logo")
    assert done(data, KEPT)[others[0]] == ("dropped", NONE_KEPT)


def test_expensive_stages_get_accepted_clips_and_not_rejected_ones(data: Path) -> None:
    """What a rule over cheap scores rejects is measured all the same where a person accepted it."""
    accepted, *others = ids(data)
    decide(data, decided("accept", accepted))
    rules = (NONE_KEPT, "dedup.keep")
    counts = process(data, {"dedup": {}, "filter": {"rules": rules}})
    assert (counts["dedup"].inputs, counts["dedup"].pruned) == (1, len(others))
    decide(data, decided("reject", accepted), decided("accept", others[0]))
    counts = process(data, {"dedup": {}, "filter": {"rules": rules}})
    assert [clip.clip_id for clip in rows(data, KEPT)] == [others[0]]
    assert counts["dedup"].pruned == len(others)


def test_only_the_filter_is_done_again_for_a_verdict(data: Path) -> None:
    """Without decisions nothing is stale; with one the filter is, and no other rows are made."""
    assert stale(data) == {}
    kept = {table: states(stored(data, table).folder) for table in (CLIPS, QUALITY, CAPTIONS)}
    decide(data, decided("reject", ids(data)[0]))
    assert stale(data) == {"filter": "decisions changed since it was made"}
    again(data)
    assert stale(data) == {}
    assert kept == {table: states(stored(data, table).folder) for table in kept}


def test_fingerprints_are_those_of_a_data_set_without_decisions(data: Path) -> None:
    """People's decisions make no stage another one: all its rows stay where they lie."""
    before = {name: entry["fingerprint"] for name, entry in Dataset(data).manifest().items()}
    decide(data, decided("accept", ids(data)[0]), nudged(ids(data)[1], 0)[0])
    again(data)
    manifest = Dataset(data).manifest()
    assert {name: entry["fingerprint"] for name, entry in manifest.items()} == before


def test_a_nudged_clip_is_made_and_measured_alone(data: Path) -> None:
    """Its video is split again; other clips are neither measured nor encoded again."""
    first, *others = ids(data)
    nudge, new = nudged(first, frame_ticks(data, first))
    decide(data, nudge)
    assert stale(data)["split"] == "1 video changed in review since"
    files = states(stored(data, EXPORTS).files)
    again(data)
    assert ids(data) == [new, *others]
    assert stale(data) == {}
    assert set(exported(data)) == {new, *others}
    added = len(rows(data, QUALITY)) - len(others) - 1
    assert added == 1
    kept = states(stored(data, EXPORTS).files)
    assert files.items() <= kept.items()
    assert len(kept) == len(files) + 1


def test_workers_and_a_run_that_was_killed_make_the_same_clips(data: Path) -> None:
    """A video whose changes were noted, but not its clips, is split again; others stay."""
    first, *others = ids(data)
    nudge, new = nudged(first, frame_ticks(data, first))
    decide(data, nudge)
    before = stored(data, CLIPS)
    killed = replace(SPLIT, run=dying)
    with pytest.raises(KeyboardInterrupt):
        process_stages(data, tuple(killed if stage is SPLIT else stage for stage in ALL))
    assert [file.name for file in before.files.iterdir()] == [f"{first[:16]}-revision.json"]
    assert len(ids(data)) < len(others)
    with LocalEngine(1) as engine:
        process(data, {"split": STAGES["split"]}, engine=engine)
    assert ids(data) == [new, *others]
    assert stale(data)["filter"]


def dying(videos: Any, config: Any, tool: Any, workspace: Any) -> Any:
    """Split, killed before the first commit."""
    for _ in SPLIT.run(videos, config, tool, workspace):
        raise KeyboardInterrupt
    yield from ()


def test_a_decision_that_is_made_while_the_filter_runs_counts_in_the_next_run(data: Path) -> None:
    """The tables that it had read when the decision came are those that it was made from."""
    first = ids(data)[0]
    decide(data, decided("tags", first, tags=("a",)))

    def filter_beside_a_review(tables: Any, config: Any) -> Any:
        decide(data, decided("reject", first))
        return FILTER.run(tables, config)

    slow = replace(FILTER, run=filter_beside_a_review)
    process_stages(data, tuple(slow if stage is FILTER else stage for stage in ALL), "filter")
    assert done(data, KEPT)[first] == ("ok", None)
    assert stale(data) == {"filter": "decisions changed since it was made"}
    process(data, {"filter": {}})
    assert done(data, KEPT)[first] == ("dropped", "review")


def process_stages(data: Path, stages: tuple[Stage, ...], chosen: str = "split") -> None:
    """Bring one table up to date with other stages than the registered ones."""
    dataset = Dataset(data)
    plan = resolve(dataset, stages, [chosen], {})
    run_pipeline(Run(dataset, InlineEngine(), Quiet()), plan)


def test_undoing_brings_back_the_clips_and_their_scores(data: Path) -> None:
    """Nothing is measured or encoded for what was there before."""
    before = ids(data)
    nudge, _ = nudged(before[0], frame_ticks(data, before[0]))
    decide(data, nudge)
    again(data)
    measured = states(stored(data, QUALITY).folder)
    files = states(stored(data, EXPORTS).files)
    decide(data, undone(nudge.step, before[0]))
    again(data)
    assert ids(data) == before
    assert set(exported(data)) == set(before)
    assert states(stored(data, QUALITY).folder) == measured
    assert states(stored(data, EXPORTS).files) == files
    assert stale(data) == {}


def test_splitting_and_merging_outlive_other_options(data: Path) -> None:
    """People's spans are clips whatever lengths are asked for, in the place of what they cover."""
    first, second, third = ids_of_three(data)
    (video, start, middle, *_), (_, _, end) = first.split("-"), third.split("-")
    cut = int(start) + 3 * frame_ticks(data, first)
    merged = spanned(second, (int(middle), int(end)), also=(third,))
    decide(data, spanned(first, (int(start), cut), (cut, int(middle))), merged)
    wanted = {f"{video}-{start}-{cut}", f"{video}-{cut}-{middle}", f"{video}-{middle}-{end}"}
    counts = again(data, split={"min_clip_s": 1.5, "max_clip_s": 1.9})
    assert {clip_id for clip_id in ids(data) if clip_id.startswith(video)} == wanted
    assert wanted <= set(exported(data))
    assert "left out of clips in review" not in counts["split"].losses


def test_a_span_that_fits_no_frame_fails_its_video_alone(data: Path) -> None:
    """The reason names the clip; undoing the step brings the video back."""
    first, split = ids(data)[0], {"split": STAGES["split"]}
    before, made = ids(data), spanned(first, (1, 3))
    decide(data, made)
    process(data, split)
    video = first.split("-", maxsplit=1)[0]
    status, reason = done(data, CLIPS)[video]
    assert status == "failed"
    assert f"{video}-1-3, made in a review" in str(reason)
    assert len(ids(data)) < len(before)
    decide(data, undone(made.step, first))
    process(data, split)
    assert ids(data) == before


def test_a_corrected_caption_is_exported_and_no_file_is_encoded_again(data: Path) -> None:
    """The text before it stays beside it, and tags, verdict and reviewer are columns."""
    first, second, *_ = ids(data)
    old = exported(data)
    assert not [name for name in old[first] if name.startswith("review_")]
    files = states(stored(data, EXPORTS).folder)
    text = 'A "bear" <b>\u202e\nruns'
    decide(
        data,
        decided("caption", first, text=text),
        decided("tags", first, tags=("bear", "day")),
        decided("accept", second, reviewer="ben"),
    )
    again(data)
    assert states(stored(data, EXPORTS).folder) == files
    found = exported(data)
    named = ("caption", "caption_before", "review_caption", "review_tags", "review_reviewer")
    assert [found[first][name] for name in named] == [
        *(text, old[first]["caption"], text, ["bear", "day"], "ada"),
    ]
    assert [found[second][name] for name in (*named, "review_verdict")] == [
        *(old[second]["caption"], None, None, [], "ben", "accept"),
    ]
    card = (data / "export" / "README.md").read_text("utf-8")
    assert "The caption that a person wrote" in card


def test_a_caption_that_only_a_person_wrote_is_one(film: Path, tmp_path: Path) -> None:
    """Layouts of trainers take it where no stage made captions, and leave the others out."""
    data = tmp_path / "out"
    stages = {k: v for k, v in STAGES.items() if k in ("split", "quality", "filter")}
    process(data, stages, film / "one.mp4")
    first = ids(data)[0]
    with pytest.raises(UsageError, match="no clip has one"):
        process(data, {"export": {"preset": "ultrafast", "target": ("sidecar",)}})
    decide(data, decided("caption", first, text="a person\nwrote this"))
    check = vidcurate("export", "--check", "--target", "sidecar", "--json", "-d", data)
    (target,) = check.lines[0]["targets"]
    assert target["captions"]["missing"] == 2
    process(data, {"export": {"preset": "ultrafast", "target": ("sidecar",)}})
    texts = [file.read_text("utf-8").strip() for file in (data / "export-sidecar").rglob("*.txt")]
    assert "a person wrote this" in texts


def test_clean_leaves_decisions_alone(data: Path) -> None:
    """Also after other options; what a killed review left is the next review's to remove."""
    decide(data, decided("accept", ids(data)[0]))
    again(data, split={"min_clip_s": 1.5})
    before = read_decisions(Dataset(data))
    log = states(data / "decisions")
    assert vidcurate("clean", "-d", data, "--yes").code == 0
    assert read_decisions(Dataset(data)) == before
    assert states(data / "decisions") == log


def test_a_decision_about_a_clip_that_is_gone_waits_for_it(data: Path) -> None:
    """It does no harm while other options make other clips, and counts when the clip is back."""
    first = ids(data)[0]
    decide(data, decided("reject", first), decided("accept", "video-1-2"))
    again(data, split={"min_clip_s": 0.5, "max_clip_s": 0.6})
    assert first not in ids(data)
    assert "dropped" not in {status for status, _ in done(data, KEPT).values()}
    again(data)
    assert done(data, KEPT)[first] == ("dropped", "review")


def test_decisions_are_a_table_where_there_are_any(data: Path) -> None:
    """`rows` prints it and joins others to it; without a decision it names who makes it."""
    missing = vidcurate("rows", "decisions", "-d", data)
    assert missing.code == 2
    assert "`vidcurate review` makes it" in missing.err
    first = ids(data)[0]
    decide(data, decided("reject", first, reason="dark"))
    columns = "clip_id,reason,clips.duration_s"
    (row,) = vidcurate("rows", "decisions", "-d", data, "--columns", columns).lines
    assert (row["clip_id"], row["reason"]) == (first, "dark")
    assert row["clips.duration_s"] > 0
    assert vidcurate("rows", "clips", "-d", data, "--columns", "clip_id,text").code == 0


def test_a_clip_s_fate_tells_the_review(data: Path) -> None:
    """Rejected in review is rejected, for that reason; accepted ones go on to the export."""
    first, second, *_ = ids(data)
    decide(data, decided("reject", first, reason="blurred"), decided("accept", second))
    again(data, filter={"rules": (NONE_KEPT,)})
    dataset = Dataset(data)
    plan = present_plan(dataset)
    fates = clip_fates(dataset, plan, reader(dataset, plan, present_scope(dataset, plan)))
    found = {row["clip_id"]: (row["fate"], row["reason"]) for row in fates.to_pylist()}
    assert found[first] == ("rejected", "review: blurred")
    assert found[second] == ("exported", None)
    assert [k.clip_id for k in rows(data, KEYFRAMES) if k.clip_id == second] == [second]


def test_decisions_of_a_dropped_video_are_not_live(data: Path) -> None:
    """They come back with the video."""
    first = ids(data)[0]
    decide(data, decided("accept", first))
    dataset = Dataset(data)
    plan = present_plan(dataset)
    assert reader(dataset, plan, present_scope(dataset, plan))(DECISIONS.name).num_rows == 1
    files = {row["video_id"]: row["path"] for row in vidcurate("rows", "sources", "-d", data).lines}
    assert vidcurate("drop", files[first.split("-")[0]], "-d", data).code == 0
    assert reader(dataset, plan, present_scope(dataset, plan))(DECISIONS.name).num_rows == 0
