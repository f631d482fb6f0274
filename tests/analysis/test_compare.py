import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.command import vidcurate
from tests.support.pipeline import process
from vidcurate.analysis.compare import (
    Difference,
    Side,
    by_cause,
    differences,
    lost_clips,
    most_overlapping,
)
from vidcurate.records import CLIPS, QUALITY

Spans = Sequence[tuple[str, int, int]]
SHARP, SHARPER = "quality.sharpness >= 10", "quality.sharpness >= 20"


def clips(spans: Spans) -> pa.Table:
    """Clips of videos, in ticks of a tenth of a second."""
    rows = [
        {
            "clip_id": f"{video}-{start}-{end}",
            "video_id": video,
            "start_pts": start,
            "end_pts": end,
            "time_base": {"num": 1, "den": 10},
            "start_s": start / 10,
            "end_s": end / 10,
            "duration_s": (end - start) / 10,
            "n_frames": end - start,
        }
        for video, start, end in spans
    ]
    return pa.Table.from_pylist(rows, schema=CLIPS.schema)


def side(
    spans: Spans,
    *,
    left_out: Mapping[str, str] | None = None,
    unjudged: Sequence[str] = (),
    rules: Sequence[str] = (),
    sharpness: float = 15.0,
) -> Side:
    """A data set with these clips, all kept but those left out for a reason."""
    every = clips(spans)
    videos = sorted({video for video, _, _ in spans})
    reasons = left_out or {}
    lost = pc.is_in(every["clip_id"], pa.array([*reasons, *unjudged], pa.string()))
    plain = {f.name: 0 if pa.types.is_integer(f.type) else 0.0 for f in QUALITY.schema}
    scores = [
        {**plain, "clip_id": clip, "video_id": "", "sharpness": sharpness}
        for clip in every["clip_id"].to_pylist()
    ]
    tables = {"clips": every, "quality": pa.Table.from_pylist(scores, schema=QUALITY.schema)}
    said = pa.table({"id": list(reasons), "reason": list(reasons.values())})
    return Side(
        videos=pa.table(
            {
                "video_id": pa.array(videos, pa.string()),
                "path": pa.array([f"{video}.mp4" for video in videos], pa.string()),
            }
        ),
        clips=every,
        kept=every.filter(pc.invert(lost)),
        left_out=said.cast(pa.schema({"id": pa.string(), "reason": pa.string()})),
        rules=rules,
        tables={"clips": CLIPS, "quality": QUALITY},
        read=tables.__getitem__,
        manifest={},
    )


def reported(here: Side, there: Side) -> list[tuple[str, str, str | None, str | None]]:
    """Clip, cause, reason and counterpart of what is gone."""
    names = ("clip_id", "cause", "reason", "counterpart")
    return [tuple(row[name] for name in names) for row in lost_clips(here, there).to_pylist()]


def test_the_same_clips_are_not_gone() -> None:
    """A data set has lost nothing against itself."""
    same = side([("a", 0, 10), ("b", 0, 10)])
    assert reported(same, same) == []
    assert by_cause(lost_clips(same, same)) == []


def test_a_new_rule_and_a_changed_score_are_told_apart() -> None:
    """A rule that only the other has is the cause; of a rule of both, it is the score."""
    before = side([("a", 0, 10), ("a", 10, 20)], rules=(SHARP,))
    after = side(
        [("a", 0, 10), ("a", 10, 20)],
        left_out={"a-0-10": SHARPER, "a-10-20": f"a number is missing for: {SHARP}"},
        rules=(SHARP, SHARPER),
        sharpness=5.0,
    )
    found = lost_clips(before, after).to_pylist()
    assert [(row["cause"], row["reason"]) for row in found] == [
        ("rule", SHARPER),
        ("score", f"a number is missing for: {SHARP}"),
    ]
    assert found[0]["here"] == {"quality.sharpness": 15.0}
    assert found[0]["there"] == {"quality.sharpness": 5.0}


def test_a_quota_is_no_rule() -> None:
    """A clip that the other left out for a reason that no rule gives was over a quota there."""
    spans = [("a", 0, 10)]
    there = side(spans, left_out={"a-0-10": "over the quota of 5"}, rules=(SHARP,))
    assert reported(side(spans), there) == [
        ("a-0-10", "quota", "over the quota of 5", "a-0-10"),
    ]


def test_a_clip_that_a_person_rejected_went_in_review() -> None:
    """With the reason that was given, or without one; a rule of that name is none."""
    spans = [("a", 0, 10), ("a", 10, 20)]
    there = side(spans, left_out={"a-0-10": "review: logo", "a-10-20": "review"}, rules=(SHARP,))
    assert reported(side(spans), there) == [
        ("a-0-10", "review", "review: logo", "a-0-10"),
        ("a-10-20", "review", "review", "a-10-20"),
    ]


def test_an_overlapping_clip_is_the_same_cut_anew() -> None:
    """Of overlapping clips that which shares most is the counterpart; its fate is the cause."""
    before = side([("a", 0, 10), ("a", 20, 40)])
    after = side(
        [("a", 0, 4), ("a", 4, 10), ("a", 19, 40)],
        left_out={"a-19-40": SHARP},
        rules=(SHARP,),
    )
    assert reported(before, after) == [
        ("a-0-10", "re-cut", None, "a-4-10"),
        ("a-20-40", "rule", SHARP, "a-19-40"),
    ]


def test_what_has_no_counterpart() -> None:
    """A clip that only touches others, a video that is not there, a clip that waits for rules."""
    before = side([("a", 10, 20), ("b", 0, 10), ("c", 0, 10)])
    after = side([("a", 0, 10), ("a", 20, 30), ("c", 0, 10)], unjudged=["c-0-10"])
    assert reported(before, after) == [
        ("a-10-20", "no clip there", None, None),
        ("b-0-10", "no such video", None, None),
        ("c-0-10", "not judged", None, "c-0-10"),
    ]
    assert lost_clips(before, side([]))["cause"].to_pylist() == ["no such video"] * 3


def test_causes_are_counted() -> None:
    """The most frequent cause comes first."""
    before = side([("a", 0, 10), ("b", 0, 10), ("b", 20, 30), ("b", 30, 40)])
    after = side([("b", 1, 10), ("b", 20, 29)])
    counts = [(row["cause"], row["count_all"]) for row in by_cause(lost_clips(before, after))]
    assert counts[0] == ("re-cut", 2)
    assert sorted(counts[1:]) == [("no clip there", 1), ("no such video", 1)]


def test_a_tie_goes_to_the_shorter_clip() -> None:
    """The very same span comes before a longer one that holds it."""
    others = [("a", 0, 90), ("a", 10, 20), ("a", 5, 25)]
    assert most_overlapping(clips([("a", 10, 20)]), clips(others)).to_pylist() == [1]


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(-5, 30), st.integers(1, 20))),
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(-5, 30), st.integers(1, 20))),
)
def test_the_likest_is_the_one_that_shares_most(
    some: list[tuple[str, int, int]], others: list[tuple[str, int, int]]
) -> None:
    """What is found over all clips at once is what looking at each pair finds."""
    ours = [(video, start, start + length) for video, start, length in some]
    theirs = [(video, start, start + length) for video, start, length in others]

    def shared(clip: tuple[str, int, int], other: tuple[str, int, int]) -> int:
        common = min(clip[2], other[2]) - max(clip[1], other[1])
        return max(0, common) if clip[0] == other[0] else 0

    found = most_overlapping(clips(ours), clips(theirs)).to_pylist()
    most = [max((shared(clip, other) for other in theirs), default=0) for clip in ours]
    assert [
        0 if place is None else shared(clip, theirs[place])
        for clip, place in zip(ours, found, strict=True)
    ] == most


def test_options_that_differ() -> None:
    """Only options that decide rows are compared; a stage that one side lacks is named whole."""
    entry: dict[str, Any] = {
        "stage": "split",
        "version": 1,
        "options": {"min_clip_s": 1.0, "workers": random.random()},  # noqa: S311 - any number
        "decides": ["min_clip_s"],
    }
    longer = {**entry, "options": {"min_clip_s": 2.0, "workers": 0}}
    scan = {"stage": "scan", "version": 2, "options": {}, "decides": []}
    first = side([])
    one = Side(**{**vars(first), "manifest": {"clips": entry}})
    two = Side(**{**vars(first), "manifest": {"clips": longer, "scans": scan}})
    assert differences(one, one) == []
    assert differences(one, two) == [
        Difference("split.min_clip_s", 1.0, 2.0),
        Difference("scan", None, True),
    ]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, video: Path) -> tuple[Path, Path]:
    """The same video twice: all clips, without a filter; and cut and filtered otherwise."""
    root = tmp_path_factory.mktemp("diff")
    process(root / "a", {"split": {"min_clip_s": 1.0}, "quality": {}}, video)
    rules = ("quality.freeze_share < 0.5", "clips.start_s < 3")
    options: dict[str, Any] = {"split": {"max_clip_s": 1.2, "min_clip_s": 0.1}, "quality": {}}
    process(root / "b", {**options, "filter": {"rules": rules}}, video)
    return root / "a", root / "b"


def test_the_command(two: tuple[Path, Path]) -> None:
    """Both directions are told, with the options that made them so."""
    (found,) = vidcurate("diff", *two, "--json").lines
    assert found["first"]["kept"] == found["first"]["clips"] == 3
    assert found["kept_by_both"] == 0
    options = {option["option"] for option in found["options"]}
    assert {"split.max_clip_s", "split.min_clip_s", "filter.rules"} <= options
    assert [row["cause"] for row in found["left"]] == ["re-cut", "re-cut", "rule"]
    assert {row["cause"] for row in found["entered"]} == {"re-cut"}
    shown = vidcurate("diff", *two).out
    assert "2 × re-cut" in shown
    assert "1 × rule: quality.freeze_share < 0.5" in shown


def test_what_is_no_data_set(two: tuple[Path, Path], tmp_path: Path) -> None:
    """A folder without a data set is named, with exit code 2."""
    ended = vidcurate("diff", two[0], tmp_path)
    assert ended.code == 2
    assert "holds no data set" in ended.err
