from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from tests.support.decisions import decided, undone
from tests.support.pipeline import done, process, rows
from tests.support.videos import render
from vidcurate.errors import EmptyResultError
from vidcurate.records import CLIPS, DECISIONS, KEPT, QUALITY, VIDEOS
from vidcurate.stage import Outcome
from vidcurate.stages.selection.filter import FILTER, FilterConfig, certain_rejects, filter_clips

SPLIT = {"split": {"min_clip_s": 1.0}}


def clips(n_rows: int) -> pa.Table:
    """Clips of 1, 2, 3 and so on seconds, two of each video."""
    plain = {"time_base": {"num": 1, "den": 24}, "start_pts": 0, "end_pts": 1, "start_s": 0.0}
    numbers = [
        {
            **plain,
            "clip_id": f"c{n}",
            "video_id": f"v{n // 2}",
            "end_s": n + 1.0,
            "duration_s": n + 1.0,
            "n_frames": 24 * (n + 1),
        }
        for n in range(n_rows)
    ]
    return pa.Table.from_pylist(numbers, schema=CLIPS.schema)


def scores(sharpness: Sequence[float | None]) -> pa.Table:
    """Sharpness of c0, c1 and so on; None leaves the row out, in reverse order of the clips."""
    numbers: list[dict[str, Any]] = [
        {f.name: 0 if pa.types.is_integer(f.type) else 0.0 for f in QUALITY.schema}
        | {"clip_id": f"c{n}", "video_id": f"v{n // 2}", "sharpness": value, "motion_mean": None}
        for n, value in enumerate(sharpness)
        if value is not None
    ]
    return pa.Table.from_pylist(numbers[::-1], schema=QUALITY.schema)


def outcome(sharpness: Sequence[float | None], *rules: str) -> Outcome:
    """What rules say of as many clips as there are numbers."""
    tables = {"clips": clips(len(sharpness)), "quality": scores(sharpness)}
    return filter_clips(tables, FilterConfig(rules=rules))


def verdicts(found: Outcome) -> list[tuple[str, str | None]]:
    """Status and reason of each clip, in order."""
    return [(row["status"], row["reason"]) for row in found.done.to_pylist()]


def test_no_rule_keeps_all() -> None:
    """Without a rule every clip is kept as it is."""
    found = outcome([1.0, None])
    assert found.rows == clips(2)
    assert verdicts(found) == [("ok", None)] * 2


def test_the_first_broken_rule_is_the_reason() -> None:
    """A clip that breaks two rules is told the first, in the order given; kept ones none."""
    sharp, long = "quality.sharpness >= 20", "clips.duration_s > 2"
    numbers = [5.0, 30.0, 5.0, 30.0]
    assert verdicts(outcome(numbers, sharp, long)) == [
        ("dropped", sharp),
        ("dropped", long),
        ("dropped", sharp),
        ("ok", None),
    ]
    assert verdicts(outcome(numbers, long, sharp))[0] == ("dropped", long)
    assert outcome(numbers, sharp, long).rows["clip_id"].to_pylist() == ["c3"]


def test_a_missing_number_is_neither_good_nor_bad() -> None:
    """A clip without the number fails, unless another rule rejects it; no number is no zero."""
    sharp, long = "quality.sharpness >= 0", "clips.duration_s > 1"
    found = outcome([None, None, 1.0], sharp, long)
    missing = f"a number is missing for: {sharp}"
    assert verdicts(found) == [("dropped", long), ("failed", missing), ("ok", None)]
    assert verdicts(outcome([1.0], "quality.motion_mean is null")) == [("ok", None)]
    assert verdicts(outcome([1.0], "quality.motion_mean < 1"))[0][0] == "failed"


def test_a_person_s_verdict_stands_above_rules_and_missing_numbers() -> None:
    """The latest counts, an undone one does not; a verdict about no clip here changes nothing."""
    late = decided("reject", "c3")
    log = [
        *(decided("accept", clip) for clip in ("c0", "c1", "c2", "v-0-1")),
        *(decided("reject", "c2", reason="logo"), late, decided("accept", "c4"), undone(late.step)),
    ]
    rule = "quality.sharpness >= 20"
    tables = {
        "clips": clips(5),
        "quality": scores([None, 5.0, 30.0, 5.0, 30.0]),
        "decisions": DECISIONS.to_arrow(log),
    }
    found = filter_clips(tables, FilterConfig(rules=(rule,)))
    ok = ("ok", None)
    assert verdicts(found) == [ok, ok, ("dropped", "review: logo"), ("dropped", rule), ok]
    assert found.rows["clip_id"].to_pylist() == ["c0", "c1", "c4"]
    early = certain_rejects(tables, FilterConfig(rules=(rule,)))
    assert early.to_pylist() == ["c2", "c3"]


def test_rules_see_numbers_by_key() -> None:
    """Scores in another order than the clips reach their own clips; percentiles see them all."""
    found = outcome([1.0, 2.0, 3.0, 4.0], "quality.sharpness > p50")
    assert found.rows["clip_id"].to_pylist() == ["c2", "c3"]


def test_no_clips_at_all() -> None:
    """Rules over nothing give nothing."""
    assert verdicts(outcome([], "quality.sharpness > p50")) == []


def test_only_the_tables_of_the_rules_are_asked_for() -> None:
    """What no rule names is not needed before filtering; decisions are read where there are any."""
    config = FilterConfig(rules=("clips.n_frames > 1", "videos.width > quality.noise"))
    assert [b.table for b in FILTER.lookups(config)] == [QUALITY, VIDEOS, DECISIONS]
    assert [b.required for b in FILTER.lookups(FilterConfig())] == [False]


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("quality.sharpnes > 1", r"did you mean 'quality.sharpness'\? \(`vidcurate quality`"),
        ("video.height > 1", r"did you mean 'videos.height'\? \(`vidcurate probe` makes it\)"),
        ("captions.text == ''", "unknown table 'captions'"),
        ("quality.sharpness >", "expected a value"),
        ("quality.sharpness > 'much'", "is a string"),
        ("clips.duration_s", "expected a condition"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: str, fault: str) -> None:
    """Unknown names, clashing types and broken grammar are faults of the options."""
    with pytest.raises(ValidationError, match=fault):
        FilterConfig(rules=("clips.n_frames > 1", rule))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, video: Path) -> Path:
    """Clips and measurements of two videos, one half the size of the other."""
    root = tmp_path_factory.mktemp("filter")
    small = render(root / "small.mp4", [("testsrc2", 2.0)], size=(160, 90), audio=False)
    process(root / "out", {**SPLIT, "quality": {}}, video, small)
    return root / "out"


def test_rules_over_videos_and_clips(out: Path) -> None:
    """A rule over videos rejects all clips of one; one over scores, single clips."""
    rules = ("videos.display_height >= 100", "quality.freeze_share < 0.5")
    count = process(out, {"filter": {"rules": rules}})["filter"]
    assert (count.inputs, count.ok, count.rows) == (4, 2, 2)
    assert count.dropped == {rules[0]: 1, rules[1]: 1}
    kept = {clip.clip_id for clip in rows(out, KEPT)}
    assert kept == {i for i, (status, _) in done(out, KEPT).items() if status == "ok"}


def test_rules_over_source_and_scan(out: Path) -> None:
    """Where a video lies and how it was scanned can be ruled too; a fraction is a number."""
    rules = ("sources.size_bytes > 0 and scans.fault is null", "scans.frame_rate == 24")
    assert process(out, {"filter": {"rules": rules}})["filter"].rows == 4


def test_rules_that_reject_everything(out: Path) -> None:
    """Nothing kept is said with the rule that did it."""
    with pytest.raises(EmptyResultError, match=r"filter left none of 4 .*4 times: clips.n_frames"):
        process(out, {"filter": {"rules": ("clips.n_frames > 10000",)}})


def test_rules_over_what_is_there_already_reject_early() -> None:
    """Of rules on tables that are there, those without a percentile tell whom they will reject."""
    rules = ("clips.duration_s >= 2", "quality.sharpness > 5", "clips.duration_s > p90")
    early = certain_rejects({"clips": clips(4)}, FilterConfig(rules=rules))
    later = {"clips": clips(4), "quality": scores([9.0, 1.0, None, 9.0])}
    assert early.to_pylist() == ["c0"]
    assert certain_rejects(later, FilterConfig(rules=rules)).to_pylist() == ["c0", "c1"]
