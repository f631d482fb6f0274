import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from tests.support.pipeline import done, process, rows, stored
from tests.support.videos import SHOTS, render
from vidcurate.cli.output import Quiet
from vidcurate.clips.clip_names import ClipNames
from vidcurate.clips.film_names import FilmNames
from vidcurate.clips.rank_correlation import spearman
from vidcurate.clips.weight_fit import FitQuality
from vidcurate.errors import UsageError
from vidcurate.records import CLIPS, QUALITY, SUITABILITY, Suitability
from vidcurate.stages.scores.suitability_options import PartsConfig, SuitabilityConfig
from vidcurate.stages.scores.suitability_parts import PARTS
from vidcurate.stages.scores.suitability_ratings import (
    Rating,
    open_ratings,
    opposed_raters,
    quality_text,
    read_ratings,
)
from vidcurate.store.dataset import Dataset
from vidcurate.store.row_lists import ListRow

SHORT: Mapping[str, Any] = {
    "cuts": {"detector": "fixed", "fixed_interval_s": 1.0},
    "split": {"min_clip_s": 0.9},
}


class Notes(Quiet):
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def note(self, text: str) -> None:
        """Keep a note."""
        self.told.append(text)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve clips of one video of a second each, rated by the formula."""
    root = tmp_path_factory.mktemp("rated") / "out"
    shots = [(shot, 2.0) for shot in SHOTS]
    video = render(root.parent / "three shots.mp4", shots, size=(160, 90), audio=False)
    process(root, {**SHORT, "suitability": {}}, video)
    return root


def planted(row: Suitability) -> float:
    """What people think of a clip: they look at clarity, and twice as much at motion."""
    assert row.clarity is not None
    assert row.motion is not None
    return 1 + (4 * row.clarity + 8 * row.motion) / 3


def write_ratings(file: Path, ratings: Sequence[Mapping[str, Any]]) -> str:
    """A CSV of ratings."""
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, dict.fromkeys(key for row in ratings for key in row))
        writer.writeheader()
        writer.writerows(ratings)
    return str(file)


def rate(out: Path, ratings: str, **options: Any) -> list[str]:
    """Fit the suitability of a data set's clips to ratings; what the user is told."""
    notes = Notes()
    process(out, {"suitability": {"ratings": ratings, **options}}, listener=notes)
    return [note for note in notes.told if note.startswith("suitability.ratings")]


def test_planted_ratings_are_ranked(out: Path, tmp_path: Path) -> None:
    """The fitted score orders all clips as people do, and the row and manifest say by what."""
    process(out, {"suitability": {}})
    truth = {row.clip_id: planted(row) for row in rows(out, SUITABILITY)}
    file = write_ratings(
        tmp_path / "ratings.csv",
        [{"clip_id": clip, "rating": round(points, 2)} for clip, points in truth.items()],
    )
    [told] = rate(out, file)
    found = rows(out, SUITABILITY)
    scores = np.array([row.score for row in found])
    wanted = np.array([truth[row.clip_id] for row in found])
    assert (spearman(scores.round(1), wanted.round(1)) or 0) >= 0.95
    assert np.abs(scores - wanted).max() < 0.05
    assert "12 rated clips: Spearman " in told
    assert "Pearson 1.00; held out in 5 folds of clips, as videos are too few: Spearman " in told
    assert "parts left out, as they were not measured: text, watermark" in told
    [formula] = {row.formula for row in found}
    assert "motion" in formula
    assert formula.endswith("within 1 and 5")
    [model] = {row.model for row in found}
    options = Dataset(out).manifest()["suitability"]["options"]
    assert f"ratings={model.removeprefix('ratings ')}" in options["fit"]
    assert any(entry.startswith("motion=2.6") for entry in options["fit"])


def test_a_fit_stays_until_the_list_changes(out: Path, tmp_path: Path) -> None:
    """The same list gives the same rows, a changed list another fit, a lost one keeps its own."""
    ids = sorted(row.clip_id for row in rows(out, CLIPS))
    listed = [{"clip_id": c, "rating": 1 + n % 5} for n, c in enumerate(ids)]
    quality = {row.clip_id: row for row in rows(out, SUITABILITY)}
    listed = [{"clip_id": c, "rating": 5 if (quality[c].motion or 0) > 0.5 else 2} for c in ids]
    file = write_ratings(tmp_path / "ratings.csv", listed)
    assert rate(out, file)
    fit = Dataset(out).manifest()["suitability"]["options"]["fit"]
    first = stored(out, SUITABILITY).folder
    assert rate(out, file, fit=fit) == []
    assert stored(out, SUITABILITY).folder == first
    write_ratings(tmp_path / "ratings.csv", [*listed[1:], {**listed[0], "rating": 4}])
    assert rate(out, file, fit=fit)
    assert stored(out, SUITABILITY).folder != first
    fit = Dataset(out).manifest()["suitability"]["options"]["fit"]
    (tmp_path / "ratings.csv").unlink()
    assert rate(out, file, fit=fit) == []


def test_clips_are_named_by_film_and_span_and_parquet_is_read(out: Path, tmp_path: Path) -> None:
    """A span that covers a clip to nine tenths is that clip; others are listed with the reason."""
    motion = {row.clip_id: row.motion or 0 for row in rows(out, SUITABILITY)}
    listed = [
        {
            "film": "three shots",
            "start_s": clip.start_s + 0.01,
            "end_s": clip.end_s,
            "rating": 1 + 4 * motion[clip.clip_id],
        }
        for clip in rows(out, CLIPS)
    ]
    lost = [{**listed[0], "end_s": 5.0}, {**listed[0], "film": "thre shots"}]
    pq.write_table(pa.Table.from_pylist([*listed, *lost]), tmp_path / "ratings.parquet")
    [told] = rate(out, str(tmp_path / "ratings.parquet"))
    assert "12 rated clips" in told
    assert "2 of 14 ratings not used: row 13: no clip of three shots in clips " in told
    assert "no film here has the path or name 'thre shots': did you mean three shots" in told


def test_raters_who_differ_are_named(out: Path, tmp_path: Path) -> None:
    """The mean of several ratings counts; far ones and a rater of the other order are told."""
    motion = {row.clip_id: row.motion or 0 for row in rows(out, SUITABILITY)}
    listed = [
        {"clip_id": clip, "rater": rater, "rating": 1 + 4 * (value if rater != "cy" else 1 - value)}
        for clip, value in motion.items()
        for rater in ("ann", "ben", "cy")
    ]
    [told] = rate(out, write_ratings(tmp_path / "ratings.csv", listed))
    assert "12 clips have several ratings, whose mean counts" in told
    assert "they differ by 2 points or more" in told
    assert "against the order of the others rate cy (Spearman -" in told
    assert opposed_raters([Rating("a", 1, "x"), Rating("a", 5, "y")]) == ""


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        ([3.0] * 12, "all 12 clips are rated 3: there is nothing to fit"),
        ([1.0, 5.0] * 4, "8 clips are rated, and a fit needs 10"),
        ([0, 6, 3, "good", "nan"], r"row \d: rating is '0', row 3: rating is '6', row 5: .*'good'"),
    ],
)
def test_ratings_that_decide_nothing_are_refused(
    out: Path, tmp_path: Path, ratings: Sequence[Any], message: str
) -> None:
    """Too few, equal and impossible ratings end the run with what is wrong, before any row."""
    ids = [row.clip_id for row in rows(out, CLIPS)]
    listed = [{"clip_id": c, "rating": r} for c, r in zip(ids, ratings, strict=False)]
    with pytest.raises(UsageError, match=message):
        rate(out, write_ratings(tmp_path / "ratings.csv", listed))


def test_ratings_against_every_part_or_of_no_clip_are_refused(out: Path, tmp_path: Path) -> None:
    """Where better parts have worse ratings nothing is fitted, nor where no clip here is rated."""
    process(out, {"suitability": {}})
    listed = [
        {"clip_id": row.clip_id, "rating": 5 - 4 * (row.motion or 0)}
        for row in rows(out, SUITABILITY)
    ]
    others = {f"{part}_weight": 0 for part in PARTS if part != "motion"}
    with pytest.raises(UsageError, match="no part rises with the ratings"):
        rate(out, write_ratings(tmp_path / "against.csv", listed), **others)
    (tmp_path / "empty.csv").write_text("clip_id,rating\n")
    with pytest.raises(UsageError, match=r"empty\.csv has no rows"):
        rate(out, str(tmp_path / "empty.csv"))
    lost = write_ratings(tmp_path / "lost.csv", [{"clip_id": "nowhere", "rating": 3}])
    with pytest.raises(UsageError, match="row 2: no clip in clips has the id"):
        rate(out, lost)


def test_a_clip_without_a_fitted_part_fails(out: Path) -> None:
    """A sum without a part would be another number, so the row fails and says what to measure."""
    process(out, {"suitability": {"fit": ("base=1", "motion=1.5", "clarity=0.25")}})
    found = rows(out, SUITABILITY)
    for row in found:
        assert row.score == pytest.approx(1 + 1.5 * (row.motion or 0) + 0.25 * (row.clarity or 0))
    with pytest.raises(Exception, match="the fit needs watermark, which was not measured"):
        process(out, {"suitability": {"fit": ("base=1", "watermark=1")}})
    assert {status for status, _ in done(out, SUITABILITY).values()} == {"failed"}


def test_a_clip_with_a_number_that_is_none_is_left_out(out: Path) -> None:
    """NaN among the parts of a rated clip takes that clip out of the fit, by name."""
    from vidcurate.stages.scores.suitability_ratings import rated_clips  # noqa: PLC0415

    clips = stored(out, CLIPS).read(None, CLIPS.schema)
    quality = stored(out, QUALITY).read(None, QUALITY.schema).to_pylist()
    quality[0]["noise"] = math.nan

    class View:
        """The tables of the data set, one number of which is broken."""

        def has(self, table: Any) -> bool:
            return bool(table == QUALITY)

        def scan(self, _table: Any, _columns: Sequence[str]) -> pa.Table:
            return pa.Table.from_pylist(quality, QUALITY.schema)

    ratings = [Rating(row["clip_id"], 3.0, "") for row in quality]
    rated, notes = rated_clips(ratings, clips, View(), ["clarity", "motion"])  # type: ignore[arg-type]
    assert len(rated.clip_ids) == 11
    assert rated.names == ["clarity"]
    assert any(f"{quality[0]['clip_id']}: quality.noise is not a number" in n for n in notes)


def test_options_that_contradict_are_refused() -> None:
    """Weights beside ratings, and formulas that are none, are said to be so."""
    for options, message in (
        ({"ratings": "r.csv", "motion_weight": 3}, "motion_weight may only be 0"),
        ({"ratings": "r.pdf"}, "is no list that can be read"),
        ({"fit": ("motion=1",)}, "fit needs base=NUMBER"),
        ({"fit": ("base=1", "beauty=1")}, "'beauty', which is none of"),
        ({"fit": ("base=1", "motion=-1")}, "weights of parts of 0 or more"),
        ({"fit": ("base=x",)}, "base=x, which is not a number"),
    ):
        with pytest.raises(ValidationError, match=message):
            SuitabilityConfig(**options)
    assert isinstance(SuitabilityConfig().backend, PartsConfig)


def test_a_row_that_cannot_be_read_is_listed() -> None:
    """A line that is no JSON, and one without a clip, are named beside those that count."""
    finder = ClipNames("clips", FilmNames.of([]), {"a": "v"}, {})
    found, unplaced = read_ratings(
        "r.jsonl",
        [
            ListRow(1, {"Rating ": "4", "clip_id": "a"}),
            ListRow(2, fault="row 2 is not JSON"),
            ListRow(3, {"rating": 4}),
        ],
        finder,
    )
    assert found == [Rating("a", 4.0, "")]
    assert unplaced[0] == "row 2 is not JSON"
    assert "row 3: it needs a clip_id, or film" in unplaced[1]


def test_a_clip_that_is_still_to_be_rated_is_listed() -> None:
    """An empty cell is no rating, and no fault of the list."""
    finder = ClipNames("clips", FilmNames.of([]), {"a": "v", "b": "v"}, {})
    rows = [
        ListRow(2, {"rating": "4", "clip_id": "a"}),
        ListRow(3, {"rating": " ", "clip_id": "b"}),
    ]
    found, unplaced = read_ratings("r.csv", rows, finder)
    assert found == [Rating("a", 4.0, "")]
    assert unplaced == ["row 3: it has no rating"]


def test_a_fit_that_says_less_than_the_mean_is_told() -> None:
    """A held-out error that is not below the mean's is said to be worth nothing."""
    quality = FitQuality(40, 0.7, 0.63, 0.57, error=0.82, mean_error=0.74, by_video=True)
    assert "0.74, so the parts do not tell what the raters look at" in quality_text(quality)
    assert quality_text(replace(quality, error=0.5)).endswith("mean alone has 0.74")


def test_another_list_that_is_not_there_is_no_reason_to_keep_a_fit(tmp_path: Path) -> None:
    """A list that is gone keeps its fit; the name of another one, mistyped, does not."""
    fit = ("base=1", "motion=1", "list=mine.csv", "ratings=78f272165d25")
    for name, option in (("mine.csv", ""), ("mime.csv", "suitability.ratings")):
        config = SuitabilityConfig.model_validate({"ratings": str(tmp_path / name), "fit": fit})
        assert open_ratings(config) == option
