import json
from pathlib import Path

import pytest

from scripts.benchmarks import edits
from scripts.benchmarks.score_cuts import Passage, counted
from tests.support.videos import render


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A film of two shots, its cut and a made-up dissolve labelled, and one without labels."""
    for name in ("film.mp4", "other.mp4"):
        render(tmp_path / name, [("testsrc2", 2.0), ("smptehdbars", 2.0)], audio=False)
    labels = {
        "file": "film.mp4",
        "frames": 96,
        "cuts": [48],
        "jumps": [48],
        "gradual": [{"kind": "dissolve", "start": 70, "end": 75}],
        "uncertain": [{"start": 20, "end": 25}],
    }
    (tmp_path / edits.LABELS).write_text(json.dumps(labels) + "\n", "utf-8")
    return tmp_path


def test_labels_become_transitions(folder: Path) -> None:
    """A cut begins at the frame before it, a dissolve at the frame before its first blended one."""
    (film,) = edits.films_of([folder])
    assert film.truth == (Passage(47, 48, "jump"), Passage(69, 75, "dissolve"))
    assert (len(film.times), film.times[48]) == (96, 2.0)


def test_labels_are_of_one_film(folder: Path) -> None:
    """A film without labels is refused, and one with more frames than its labels are for."""
    with pytest.raises(SystemExit, match="has no labels"):
        edits.films_of([folder / "other.mp4"])
    (folder / "other.mp4").unlink()
    render(folder / "film.mp4", [("testsrc2", 1.0)], audio=False)
    with pytest.raises(SystemExit, match="24 frames, its labels are for 96"):
        edits.films_of([folder])


def test_what_is_in_doubt_counts_neither_way(folder: Path) -> None:
    """A find in an uncertain range is left out, one beyond it is a false alarm, a miss a miss."""
    (film,) = edits.films_of([folder])
    found = [Passage(n - 1, n, "cut") for n in (22, 27, 28, 48)]
    scored = counted(film.truth, film.uncertain, found)
    assert [one.end for one in scored] == [28, 48]
    errors = [(verdict, one.end) for verdict, one in edits.errors_of(film, scored)]
    assert errors == [("false", 28), ("missed", 75)]


def test_of_two_in_doubt_the_surer_counts(folder: Path) -> None:
    """An unsure alarm that comes first does not put a sure one of the same transition in doubt."""
    (film,) = edits.films_of([folder])
    sure, unsure = Passage(69, 74, "dissolve", 0.9), Passage(70, 71, "cut", 0.1)
    assert counted(film.truth, [(70, 75)], [unsure, sure]) == [sure]


def test_each_error_has_a_strip(folder: Path) -> None:
    """A strip shows an error with its verdict, frame and kind in its name."""
    (film,) = edits.films_of([folder])
    edits.write_strips(film, edits.errors_of(film, []), folder / "strips")
    names = sorted(file.name for file in (folder / "strips").iterdir())
    assert names == ["film-000048-missed-jump.png", "film-000075-missed-dissolve.png"]


def test_our_own_labels_are_in_order() -> None:
    """Transitions of the films labelled here lie in their films, apart from each other."""
    for line in edits.OWN_LABELS.read_text("utf-8").splitlines():
        row = json.loads(line)
        spans = sorted(
            [
                *((n, n) for n in row["cuts"]),
                *((one["start"], one["end"]) for one in row["gradual"]),
            ]
        )
        ends = [end for _, end in spans]
        assert all(first > end for (first, _), end in zip(spans[1:], ends, strict=False))
        assert all(0 < first <= end < row["frames"] for first, end in spans)
        assert set(row.get("jumps", [])) <= set(row["cuts"])
