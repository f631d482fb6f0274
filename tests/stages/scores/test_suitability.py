import dataclasses
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.support.pipeline import process, rows
from tests.support.tiny_suitability import save_network
from tests.support.videos import render
from vidcurate.errors import MediaError, UsageError
from vidcurate.records import SCORE_TABLES, SUITABILITY, Suitability
from vidcurate.stages.scores.suitability import SUITABILITY_STAGE, overall_score
from vidcurate.stages.scores.suitability_options import (
    PartsConfig,
    SuitabilityConfig,
    part_weights,
)
from vidcurate.stages.scores.suitability_parts import PARTS, REQUIRED, ScoreRange, part_score

EVEN = part_weights(PartsConfig())
share = st.floats(0, 1)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_made_of_real_columns(part: str) -> None:
    """Every part has its column in the row, and reads columns that its table has."""
    name, ramps = PARTS[part]
    (table,) = (t for t in SCORE_TABLES if t.name == name)
    assert {ramp.column for ramp in ramps} <= set(table.schema.names)
    assert part in {field.name for field in dataclasses.fields(Suitability)}


@pytest.mark.parametrize(("value", "at"), [(0.0, 1.0), (0.2, 1.0), (0.4, 0.5), (0.6, 0.0), (9, 0)])
def test_a_ramp_falls_where_less_is_better(value: float, at: float) -> None:
    """Between the bounds in proportion, beyond them all or nothing."""
    assert ScoreRange("dark_share", 0.6, 0.2).at(value) == pytest.approx(at)


def test_a_ramp_may_go_by_ratios() -> None:
    """Sharpness and speed count by how many times more: the middle is the geometric mean."""
    assert ScoreRange("sharpness", 10, 1000, log=True).at(100) == pytest.approx(0.5)
    assert ScoreRange("sharpness", 10, 1000, log=True).at(0) == 0


@given(st.dictionaries(st.sampled_from(sorted(PARTS)), share, min_size=1), share)
def test_the_score_rises_with_every_part(parts: dict[str, float], more: float) -> None:
    """It lies in 1..5, and a better part never lowers it."""
    score = overall_score(parts, EVEN)
    assert 1 <= score <= 5 + 1e-9
    for part, value in parts.items():
        assert overall_score({**parts, part: max(value, more)}, EVEN) >= score - 1e-9


def test_a_fatal_flaw_is_not_made_good() -> None:
    """All parts perfect is 5; one of nothing is 1 whatever the others, unless it does not count."""
    perfect = dict.fromkeys(PARTS, 1.0)
    assert overall_score(perfect, EVEN) == pytest.approx(5)
    flawed = {**perfect, "watermark": 0.0}
    assert overall_score(flawed, EVEN) == 1
    assert overall_score(flawed, EVEN | {"watermark": 0.0}) == pytest.approx(5)


def test_weights_shift_the_score() -> None:
    """The part that counts more decides more."""
    parts = {"clarity": 0.25, "motion": 1.0}
    assert overall_score(parts, EVEN) == pytest.approx(1 + 4 * 0.5)
    assert overall_score(parts, EVEN | {"clarity": 3.0}) < overall_score(
        parts, EVEN | {"motion": 3.0}
    )


def test_what_was_not_measured_is_left_out() -> None:
    """A missing table or number is no number, and none at all is a failure; NaN is one too."""
    assert part_score({}, *PARTS["text"]) is None
    assert part_score({"watermark": {"score": None}}, *PARTS["watermark"]) is None
    assert overall_score({"clarity": 0.25, "text": None}, EVEN) == pytest.approx(2)
    with pytest.raises(MediaError, match="no part that counts"):
        overall_score({"clarity": 1.0, "text": None}, EVEN | {"clarity": 0.0})
    with pytest.raises(MediaError, match=r"text\.overlay_area is not a number"):
        part_score({"text": {"overlay_area": float("nan")}}, *PARTS["text"])


def test_weights_of_nothing_are_refused() -> None:
    """One part at least must count."""
    nothing = {f"{part}_weight": 0.0 for part in PARTS}
    with pytest.raises(ValidationError, match="one weight at least"):
        SuitabilityConfig(**nothing)


def test_a_real_clip_is_judged_by_what_is_there(tmp_path: Path) -> None:
    """Quality and motion are made as needed; a table that is there takes part, others are named."""
    video = render(tmp_path / "video.mp4")
    process(tmp_path / "out", {"suitability": {}}, video)
    found = rows(tmp_path / "out", SUITABILITY)
    assert len(found) == 3
    needed = {part for part, (table, _) in PARTS.items() if table in {t.name for t in REQUIRED}}
    for row in found:
        assert 1 <= row.score <= 5
        assert set(row.missing) == set(PARTS) - needed
        assert row.clarity is not None
        assert (row.backend, row.model) == ("parts", "")
        assert row.formula.endswith("light 1, picture 1, motion 1, steadiness 1")
    bars = next(row for row in found if "static camera" in row.words)
    assert bars.motion == 0
    assert bars.score == 1
    options = {"speech": {"backend": "none"}, "consistency": {}, "suitability": {}}
    process(tmp_path / "out", options, video)
    again = rows(tmp_path / "out", SUITABILITY)
    assert {"consistency"} == set(found[0].missing) - set(again[0].missing)
    assert all(row.consistency is not None for row in again)


def test_a_network_scores_the_frames_of_the_source(tmp_path: Path) -> None:
    """Weights from a folder give their own number; another file in its place is another row."""
    pytest.importorskip("torch", reason="the extra 'models' is not installed")
    video = render(tmp_path / "video.mp4", [("testsrc2", 2.0)], audio=False)
    folder = save_network(tmp_path / "weights")
    options = {"backend": "vtss", "model": str(folder)}
    process(tmp_path / "out", {"split": {"min_clip_s": 1}, "suitability": options}, video)
    [row] = rows(tmp_path / "out", SUITABILITY)
    assert (row.backend, row.model, row.formula) == (
        "vtss",
        str(folder),
        "the network's own number",
    )
    assert math.isfinite(row.score)
    assert row.clarity is not None
    config = SuitabilityConfig(**options)
    before = SUITABILITY_STAGE.version.depends(config)
    save_network(folder, seed=6)
    assert SUITABILITY_STAGE.version.depends(config) != before
    with pytest.raises(UsageError, match="there are no weights"):
        process(tmp_path / "out", {"suitability": {**options, "model": "nowhere"}})
    with pytest.raises(ValidationError, match="backend vtss needs a model"):
        SuitabilityConfig(backend="vtss")
