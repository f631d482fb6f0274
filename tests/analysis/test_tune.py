import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.command import vidcurate
from tests.support.pipeline import process
from vidcurate.analysis.making import USAGE_COLUMNS
from vidcurate.analysis.tune import Tuning, score_columns, tune
from vidcurate.errors import UsageError
from vidcurate.pipeline.resolve import resolve
from vidcurate.rules import evaluate_rules, parse
from vidcurate.stages.registry import STAGES
from vidcurate.store.dataset import Dataset

Scores = Sequence[float | None]


def beside(x: Scores, y: Scores | None = None) -> tuple[pa.Table, pa.Table]:
    """Clips c0, c1 and so on of a second each, and two scores beside them."""
    n = len(x)
    clips = {
        "clip_id": pa.array([f"c{i}" for i in range(n)], pa.string()),
        "video": pa.array([f"f{i}.mp4" for i in range(n)], pa.string()),
        "start_s": pa.array(range(n), pa.float64()),
        "end_s": pa.array(range(1, n + 1), pa.float64()),
    }
    scores = {"t.x": pa.array(x, pa.float64()), "t.y": pa.array(y or x, pa.float64())}
    return pa.table(clips), pa.table(scores)


def tuned(x: Scores, *rules: str, y: Scores | None = None, keep: float | None = None) -> Tuning:
    """What rules over two scores do."""
    return tune(*beside(x, y), [parse(rule) for rule in rules], keep=keep)


def test_what_each_rule_removes() -> None:
    """A clip that breaks two rules counts for both, but for neither as removed only by it."""
    found = tuned([1, 2, 3, None], "t.x >= 2", "t.y < 9 and t.x > 1", y=[1, 9, 1, 1])
    assert [(r.removes, r.only_it) for r in found.rules] == [(1, 0), (2, 1)]


def test_unmeasured_clips_are_told_from_bad_ones() -> None:
    """A clip without a number is not kept, but breaks no rule, unless another part decides."""
    found = tuned([1, 3, None, None], "t.x >= 2", "t.x >= 2 and t.y > 0", y=[1, 1, 1, 0])
    assert [(r.removes, r.unmeasured) for r in found.rules] == [(1, 2), (2, 1)]
    assert (found.clips, found.kept) == (4, 1)


def test_a_clip_that_was_spared_a_score_is_removed_by_what_it_breaks() -> None:
    """What a dear stage did not measure says nothing for its rule, nor against another one."""
    found = tuned([1, 3, 3], "t.x >= 2", "t.y < 1", y=[None, 0, 2])
    assert [(r.removes, r.only_it) for r in found.rules] == [(1, 1), (1, 1)]


def test_the_distribution_of_a_score() -> None:
    """Percentiles are exact, missing values are told, and every value is in some bin."""
    (found,) = tuned([*range(101), None, float("nan")], "t.x >= 30").scores
    assert (found.score, found.values, found.missing) == ("t.x", 101, 2)
    assert found.percentiles["p1"] == 1
    assert found.percentiles["p95"] == 95
    assert (found.bin_edges[0], found.bin_edges[-1]) == (1, 99)
    assert sum(found.bin_counts) == 101


def test_percentiles_are_values_that_clips_have() -> None:
    """Between two clips there is no clip: nothing is interpolated."""
    (found,) = tuned([1, 2, 10, 100], "t.x >= 2").scores
    assert set(found.percentiles.values()) == {1, 2, 10, 100}


@pytest.mark.parametrize(
    ("values", "edges", "counts"),
    [([0.0] * 7, (0, 0), (7,)), ([0.0] * 199 + [6.0], (0, 6), (199, 1))],
)
def test_bins_reach_from_value_to_value(
    values: list[float], edges: tuple[float, float], counts: tuple[int, ...]
) -> None:
    """A column of zeros has one bin at 0, and a rare value among them is not hidden."""
    (found,) = tuned(values, "t.x >= 0").scores
    assert (found.bin_edges[0], found.bin_edges[-1]) == edges
    assert tuple(count for count in found.bin_counts if count) == counts


def test_the_clips_next_to_a_limit() -> None:
    """The three nearest clips of each side, nearest first, with times and values."""
    (found,) = tuned([50, 10, 20, 30, 40, None, 60], "t.x > 30").scores
    (limit,) = found.limits
    assert [(c.clip_id, c.value) for c in limit.inside] == [("c4", 40), ("c0", 50), ("c6", 60)]
    assert [(c.clip_id, c.value) for c in limit.outside] == [("c3", 30), ("c2", 20), ("c1", 10)]
    first = limit.inside[0]
    assert (first.video, first.start_s, first.end_s) == ("f4.mp4", 4, 5)
    assert limit.kept_share == pytest.approx(3 / 6)


def test_both_limits_of_a_span_and_a_percentile() -> None:
    """A chain has two limits; that of a percentile is told as a number."""
    found = tuned([1, 2, 3, 4], "1.5 <= t.x <= 3", "t.y >= p50")
    limits = [(limit.condition, limit.value) for score in found.scores for limit in score.limits]
    assert limits == [("t.x >= 1.5", 1.5), ("t.x <= 3", 3), ("t.y >= p50", 2.5)]


def test_an_expression_is_a_score() -> None:
    """What a rule compares is shown, not what it is made of; other numbers it reads come after."""
    found = tuned([1, 2], "t.x / t.y >= 0.5")
    assert [score.score for score in found.scores] == ["t.x / t.y"]
    found = tuned([1, 2], "t.x >= 1 and t.y == 2")
    assert [score.score for score in found.scores] == ["t.x", "t.y"]


def test_one_limit_keeps_the_wanted_share() -> None:
    """The limit of a single rule lies at the percentile that keeps the share."""
    found = tuned(list(range(100)), "t.x > 5", keep=0.3).keep_target
    assert found is not None
    assert found.kept_share == pytest.approx(0.3)
    (rule,) = found.rules
    assert 69 < float(rule.removeprefix("t.x >= ")) <= 70


def test_several_limits_share_a_percentile() -> None:
    """Of independent scores each limit removes the same share, whichever side it is on."""
    dice = np.random.default_rng(3)
    x, y = dice.random(4000).tolist(), dice.random(4000).tolist()
    found = tuned(x, "t.x >= 0.9", "not t.y > 0.1", y=y, keep=0.25).keep_target
    assert found is not None
    assert found.percentile == pytest.approx(50, abs=2)
    assert found.kept_share == pytest.approx(0.25, abs=0.001)


def test_many_equal_values_do_not_stop_the_others() -> None:
    """A score that is mostly 0 keeps its zeros, and the others are tightened further."""
    zeros = [0.0] * 95 + [1.0] * 5
    found = tuned(list(range(100)), "t.x >= 5", "t.y < 0.5", y=zeros, keep=0.2).keep_target
    assert found is not None
    assert 0.2 <= found.kept_share <= 0.21


def test_a_share_that_cannot_be_reached() -> None:
    """What is no limit is left as it is, even if it keeps less than is wanted."""
    found = tuned([1, 2, 3, 4], "t.x >= 2 and t.y == 1", keep=0.9).keep_target
    assert found is not None
    assert (found.percentile, found.kept_share) == (0, 0.25)


@given(
    st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=40),
    st.floats(0.01, 1.0),
)
def test_the_rules_proposed_keep_what_is_said(x: list[float | None], keep: float) -> None:
    """Rules read back from their text keep just the share told, and no less than can be had."""
    found = tuned(x, "t.x >= 0 or t.y is null", "-5 < t.y", keep=keep).keep_target
    assert found is not None
    table = beside(x)[1]
    verdicts = evaluate_rules([parse(rule) for rule in found.rules], table)
    n_kept = sum(
        failed is None and undecided is None
        for failed, undecided in zip(
            verdicts.first_failed.to_pylist(), verdicts.undecided.to_pylist(), strict=True
        )
    )
    assert found.kept_share == n_kept / len(x)
    most = sum(value is not None for value in x) / len(x)
    assert found.kept_share >= min(keep, most)


def test_a_share_needs_a_limit() -> None:
    """Without a limit to move there is no way to a share."""
    with pytest.raises(UsageError, match="no rule has a limit"):
        tuned([1], "t.x is not null", keep=0.5)


def test_nothing_to_look_at() -> None:
    """No clip, or no value at all, gives empty results, not errors."""
    assert tuned([], "t.x >= 1", keep=0.5).keep_target is not None
    (found,) = tuned([None, None], "t.x >= p10").scores
    assert (found.values, found.missing, found.bin_counts) == (0, 2, ())
    assert found.limits[0].value is None
    assert found.limits[0].kept_share == 0


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, video: Path) -> Path:
    """Three clips with measurements, of which one rule keeps two."""
    root = tmp_path_factory.mktemp("tune") / "data"
    options: dict[str, Any] = {
        "split": {"min_clip_s": 1.0},
        "quality": {},
        "filter": {"rules": ("quality.freeze_share < 0.5",)},
    }
    process(root, options, video)
    return root


def test_the_command_takes_the_rules_of_the_data_set(data: Path) -> None:
    """Without a rule those of the filter are shown, as one JSON object, and nothing is written."""
    before = sorted(data.rglob("*"))
    (found,) = vidcurate("tune", "-d", data, "--json", "--keep", "50%").lines
    assert [rule["rule"] for rule in found["rules"]] == ["quality.freeze_share < 0.5"]
    assert found["kept"] == 2
    assert found["keep_target"]["wanted_share"] == 0.5
    assert sorted(data.rglob("*")) == before


def test_the_command_shows_other_rules_and_all_scores(data: Path) -> None:
    """A rule given replaces those of the data set; --all adds every numeric score."""
    shown = vidcurate("tune", "-d", data, "--rule", "clips.duration_s > 9", "--all")
    assert "0 of 3 clips pass" in shown.out
    assert "clips.duration_s > 9 by itself keeps 0.0%" in shown.out
    assert "quality.sharpness: 3 of 3 clips have a value" in shown.out
    assert "freeze_share < 0.5" not in shown.out


def test_a_data_set_without_rules(video: Path, tmp_path: Path) -> None:
    """An empty list of rules keeps every clip, which is said, and shows all scores."""
    config = tmp_path / "empty.yaml"
    config.write_text("split: {min_clip_s: 1}\nquality:\nfilter:\n  rules: []\n", "utf-8")
    made = vidcurate("run", video, "-c", config, "-d", tmp_path / "data", "--engine", "inline")
    assert made.code == 0, made.err
    shown = vidcurate("tune", "-d", tmp_path / "data", "--json")
    assert "there is no rule, so every clip is kept" in shown.err
    assert shown.lines[0]["kept"] == shown.lines[0]["clips"] == 3
    assert json.dumps(shown.lines[0]).count("quality.") > 10


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--rule", ""], "expected a value"),
        (["--rule", "quality.sharpnes > 1"], "did you mean 'quality.sharpness'"),
        (["--rule", "bounds.n_cuts_inside == 0"], "no table 'bounds' here"),
        (["--keep", "much"], "--keep muchis not a share of clips"),
        (["--keep", "0%"], "--keep 0%is not a share of clips"),
        (["--keep", "30"], "--keep 30is not a share of clips"),
    ],
)
def test_what_the_command_refuses(data: Path, arguments: list[str], fault: str) -> None:
    """What cannot be done is told in a line, with exit code 2."""
    ended = vidcurate("tune", "-d", data, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert fault in ended.err
    assert "Traceback" not in ended.err


def test_what_a_model_took_is_no_score(tmp_path: Path) -> None:
    """Requests, tokens and seconds of a table of scores are not among its scores."""
    plan = resolve(Dataset(tmp_path), STAGES, ("sounds",), {})
    names = {column for table, column in score_columns(plan) if table == "sounds"}
    assert {"speech_share", "top_probability"} <= names
    assert not names & {*USAGE_COLUMNS}
