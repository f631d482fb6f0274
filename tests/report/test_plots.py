import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from tests.support.command import vidcurate
from tests.support.pipeline import process
from vidcurate.analysis.tune import ClipScores
from vidcurate.errors import MissingExtraError, UsageError
from vidcurate.report.plots import COLOURS, LimitLine, file_names, plot_scores, score_plots
from vidcurate.rules import parse


def scores(*values: float | None, rules: tuple[str, ...] = ("t.x >= 2",)) -> ClipScores:
    """Clips of one score, and another that is its double."""
    x = pa.array(values, pa.float64())
    clips = pa.table({"clip_id": pa.array([f"c{i}" for i in range(len(values))], pa.string())})
    y = pa.array([None if v is None else 2 * v for v in values], pa.float64())
    columns = pa.table({"t.x": x, "t.y": y, "clips.video_id": pa.array(["v"] * len(values))})
    return ClipScores(clips, columns, tuple(map(parse, rules)), ())


def picture(file: Path) -> np.ndarray:
    """The pixels of a PNG, as RGB."""
    found = cv2.imread(str(file))
    assert found is not None
    return np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB))


def n_pixels(file: Path, colour: str) -> int:
    """How many pixels have just a colour."""
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((picture(file) == rgb).all(axis=2).sum())


def test_clips_are_counted_by_what_all_rules_do() -> None:
    """A clip that another rule rejects is no kept one, and one without a number is neither."""
    found = scores(1, 2, 3, 4, None, rules=("t.x >= 2", "t.y < 8"))
    x, y = score_plots(found)
    assert (x.score, y.score) == ("t.x", "t.y")
    sums = {group: sum(counts) for group, counts in x.histogram.counts.items()}
    assert sums == {"kept": 2, "rejected": 2, "undecided": 0}
    assert x.histogram.missing == 1
    assert x.limits == (LimitLine(">= 2", 2.0),)


def test_a_percentile_is_drawn_where_it_is() -> None:
    """It is told with the number that it is over all clips."""
    (x,) = score_plots(scores(1, 2, 3, rules=("t.x >= p50",)))
    assert x.limits == (LimitLine(">= p50 (now 2)", 2.0),)


def test_a_picture_shows_kept_and_rejected_clips(tmp_path: Path) -> None:
    """Both colours are there; without a rejected clip only that of kept ones is."""
    (file,) = plot_scores(scores(1, 1, 2, 3, 4), tmp_path / "both.png")
    assert n_pixels(file, COLOURS["kept"]) > 1000
    assert n_pixels(file, COLOURS["rejected"]) > 1000
    (file,) = plot_scores(scores(2, 3, 4), tmp_path / "kept.png")
    assert n_pixels(file, COLOURS["rejected"]) == 0


def test_a_folder_gets_a_file_a_score(tmp_path: Path) -> None:
    """Files are named by their scores; a file holds all scores."""
    found = scores(1, 2, 3, rules=("t.x >= 2", "t.y / t.x < 3"))
    files = plot_scores(found, tmp_path / "plots")
    assert [file.name for file in files] == ["t.x.png", "t.y_t.x.png"]
    (one,) = plot_scores(found, tmp_path / "one.png")
    assert picture(one).shape[0] > 1.5 * picture(files[0]).shape[0]


def test_file_names_are_all_different() -> None:
    """Also where letter case or what no name may hold is all that differs."""
    assert file_names(["t.x", "T.x", "t.x / 2", "t.x * 2", "../.."]) == [
        "t.x.png",
        "T.x-2.png",
        "t.x_2.png",
        "t.x_2-2.png",
        "score.png",
    ]


@pytest.mark.parametrize("values", [(), (None, None), (5.0,), (1e-9, 1e12), (float("inf"), 1.0)])
def test_odd_values_are_drawn(tmp_path: Path, values: tuple[float | None, ...]) -> None:
    """Nothing, one value, values far apart and endless ones all give a picture."""
    (file,) = plot_scores(scores(*values), tmp_path / "odd.png")
    assert picture(file).shape[2] == 3


def test_a_dollar_sign_is_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    r"""What matplotlib would take for a formula, and fail at, is drawn as it is."""
    monkeypatch.setattr("vidcurate.report.plots.axis_text", lambda _plot: r"$\frac{ <script>")
    (file,) = plot_scores(scores(1, 2), tmp_path / "hostile.png")
    assert picture(file).any()


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    """Another format, a folder that is not there, and too many scores for one picture."""
    some = scores(1, 2)
    for place, fault in [
        (tmp_path / "plot.svg", "is no PNG"),
        (tmp_path / "no" / "plot.png", "is not a folder"),
    ]:
        with pytest.raises(UsageError, match=fault):
            plot_scores(some, place)
    many = scores(1, 2, rules=tuple(f"t.x + {n} >= 2" for n in range(13)))
    with pytest.raises(UsageError, match="13 scores are too many for one picture: name a folder"):
        plot_scores(many, tmp_path / "plot.png")
    nothing = scores(1, 2, rules=("t.x is not null",))
    assert len(list(score_plots(nothing))) == 1


def test_a_missing_library_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without matplotlib the message says what to install."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vidcurate\[report\]'"):
        plot_scores(scores(1, 2), tmp_path / "plot.png")


def test_the_command_draws_and_names_the_files(tmp_path: Path, video: Path) -> None:
    """The scores of the data set's rules are drawn, and the file is a PNG."""
    options = {
        "split": {"min_clip_s": 1.0},
        "quality": {},
        "filter": {"rules": ("quality.freeze_share < 0.5",)},
    }
    process(tmp_path / "data", options, video)
    file = tmp_path / "plot.png"
    drawn = vidcurate("tune", "-d", tmp_path / "data", "--plot", file, "--json")
    assert drawn.code == 0, drawn.err
    assert drawn.lines[0]["plots"] == [str(file)]
    assert file.read_bytes().startswith(b"\x89PNG")
