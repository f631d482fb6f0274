import json
import sys
from pathlib import Path

import numpy as np
import pytest

from scripts.benchmarks.score_cuts import Passage
from scripts.training.footage import (
    Film,
    film,
    labels_of,
    part_of,
    pattern_films,
    read_labels,
    source_of,
)
from scripts.training.judge_detector import Judged, fit_calibration, judged, report
from tests.support.videos import SHOTS, render
from vidcurate.errors import MediaError
from vidcurate.media.shots.learned import DILATIONS, weights, weights_from

PLAIN = ("-c:v", "libx264", "-preset", "ultrafast")


def named(part: str, number: int) -> str:
    """The number-th source, by name, whose videos serve a part."""
    names = (f"source{n}" for n in range(1000))
    return [name for name in names if part_of(f"{name}__a.mp4") == part][number]


def test_all_videos_of_a_source_serve_one_part() -> None:
    """A source is a name up to two underscores; its clips and its numbered scenes stay together."""
    assert source_of("zoo__bear.mp4") == source_of("zoo__wolf.tail.webm") == "zoo"
    assert source_of("film-Scene-001.mp4") == source_of("film-Scene-020.mp4") == "film"
    parts = [part_of(f"{n}.mp4") for n in range(2000)]
    shares = [parts.count(part) / 2000 for part in ("train", "tune", "test")]
    assert shares == pytest.approx([0.70, 0.12, 0.18], abs=0.03)


def test_labels_become_transitions() -> None:
    """First frames of shots become cuts; a gradual one begins at the last frame before it."""
    row = {
        "cuts": [28],
        "gradual": [{"kind": "dissolve", "start": 4, "end": 9}],
        "uncertain": [{"start": 12, "end": 14}],
    }
    found = labels_of(row)
    assert found.transitions == (Passage(3, 9, "dissolve"), Passage(27, 28, "cut"))
    assert found.uncertain == ((12, 14),)


def test_labels_without_a_file(tmp_path: Path) -> None:
    """A folder of single shots alone has no labels."""
    assert read_labels(tmp_path / "labels.jsonl") == {}


def test_film_comes_from_the_cache(tmp_path: Path) -> None:
    """A film that was read once is read again without its video."""
    video = render(tmp_path / "a__b.mp4", [(SHOTS[0], 0.4)], audio=False, encode=PLAIN)
    labels = labels_of({"cuts": [], "gradual": [], "uncertain": []})
    first = film(video, labels, tmp_path / "cache")
    video.unlink()
    again = film(video, labels, tmp_path / "cache")
    assert np.array_equal(first.pictures, again.pictures)
    assert again.rate == 24.0


def test_labels_of_other_frames_are_refused(tmp_path: Path) -> None:
    """Labels that counted other frames than are decoded would teach wrong cuts."""
    video = render(tmp_path / "a__b.mp4", [(SHOTS[0], 0.5)], audio=False, encode=PLAIN)
    row = {"frames": 12, "cuts": [6], "gradual": [], "uncertain": []}
    assert len(film(video, labels_of(row), tmp_path / "cache").pictures) == 12
    with pytest.raises(MediaError, match="labels are of 13 frames, and 12 were decoded"):
        film(video, labels_of(row | {"frames": 13}), tmp_path / "cache")


def test_patterns_move_and_are_no_transition() -> None:
    """Each test pattern is a film of its own, in which something moves, the same each time."""
    films, again = pattern_films(), pattern_films()
    assert len({one.name for one in films}) == len(films)
    for one, same in zip(films, again, strict=True):
        assert one.transitions == ()
        assert (one.pictures[0] != one.pictures[-1]).any()
        assert np.array_equal(one.pictures, same.pictures)


def test_a_piece_has_the_transitions_inside_of_it() -> None:
    """One that is cut off counts as unsure, and what lies outside is not there."""
    pytest.importorskip("torch", reason="the extra 'models' is not installed")
    from scripts.training.train_detector import piece  # noqa: PLC0415 - needs torch

    numbers = np.arange(400, dtype=np.uint16)
    pictures = np.stack([numbers >> 8, numbers & 255], axis=1).astype(np.uint8)
    spans = [(n, n + 9, "wipe") for n in range(5, 390, 20)]
    n_whole = n_broken = 0
    for seed in range(40):
        found, whole, broken = piece(np.random.default_rng(seed), pictures, spans)
        first = int(found[0, 0]) * 256 + int(found[0, 1])
        last = first + len(found) - 1
        assert [(a + first, b + first) for a, b, _ in whole] == [
            (a, b) for a, b, _ in spans if a >= first and b <= last
        ]
        mixed = {k for a, b, _ in spans for k in range(a + 1, b)}
        told = {k for a, b, _ in whole for k in range(a + 1, b)}
        told |= {k for a, b in broken for k in range(a, b + 1)}
        assert {k - first for k in mixed if first <= k <= last} <= told
        n_whole, n_broken = n_whole + len(whole), n_broken + len(broken)
    assert n_whole
    assert n_broken


def doubtful(n_films: int, share_right: float) -> list[Judged]:
    """Films with one alarm each, of which the network says 0.9 and a share is right."""
    pictures = np.zeros((100, 3, 18, 32), np.uint8)
    alarms = (Passage(49, 50, "cut", 0.9),)
    right, wrong = (Passage(49, 50, "cut"),), (Passage(9, 10, "cut"),)
    return [
        Judged(
            Film(f"{n}", pictures, 25.0, right if n < n_films * share_right else wrong, ()), alarms
        )
        for n in range(n_films)
    ]


def test_calibration_says_what_share_is_right() -> None:
    """Alarms of 0.9 of which six in ten are right are given a confidence near 0.6."""
    films = doubtful(50, 0.6)
    spread = [*films, *(Judged(f.film, (Passage(70, 71, "cut", 0.01),)) for f in films)]
    scale, offset = fit_calibration(spread)
    assert 1.0 / (1.0 + np.exp(-scale * np.log(9.0) - offset)) == pytest.approx(0.6, abs=0.02)


def test_a_transition_in_an_uncertain_span_may_be_found() -> None:
    """Labels may name a fade of which they leave open whether it is two: found, it is right."""
    rng = np.random.default_rng(1)
    one, other = (rng.integers(16, 235, (1, 3, 6, 8)).repeat(3, 2).repeat(4, 3) for _ in range(2))
    pictures = np.concatenate([one.repeat(150, 0), other.repeat(150, 0)]).astype(np.uint8)
    cut, unsure = Passage(149, 150, "cut"), ((140, 160),)
    alarms = [
        [a.end for a in judged(Film("f", pictures, 25.0, truth, unsure), weights()).alarms]
        for truth in ((cut,), ())
    ]
    assert 150 in alarms[0]
    assert not any(140 <= end <= 161 for end in alarms[1])


def test_report_has_both_means() -> None:
    """F1 is told as the mean over films and of all together."""
    said = report(doubtful(4, 0.5), (1.0, 0.0))
    assert "mean F1 over films with transitions 0.500" in said
    assert "micro 0.500 (P 0.500, R 0.500)" in said


def test_one_command_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a folder of footage to weights and a calibration that the package can run."""
    pytest.importorskip("torch", reason="the extra 'models' is not installed")
    from scripts.training import train_detector  # noqa: PLC0415 - needs torch

    footage = tmp_path / "footage"
    shots = [(shot, 3.0) for shot in SHOTS]
    for part, numbers in (("train", (0, 1)), ("tune", (2, 3)), ("test", (4, 5))):
        for number in numbers:
            file = footage / f"{named(part, number)}__shot.mp4"
            render(file, [shots[number]], size=(64, 36), audio=False, encode=PLAIN)
    edited = render(
        footage / f"{named('train', 6)}__edited.mp4",
        [shots[0], shots[1]],
        size=(64, 36),
        audio=False,
        encode=PLAIN,
    )
    row = {"file": edited.name, "cuts": [72], "gradual": [], "uncertain": []}
    (footage / "labels.jsonl").write_text(json.dumps(row), "utf-8")
    made = tmp_path / "shots.npz"
    small = ["--videos", "2", "--frames", "120", "--judged", "1", "--networks", "2"]
    short = ["--steps", "4", "--tuned-steps", "3", "--processes", "1"]
    command = ["train_detector", str(made), str(footage), *small, *short, "--cache", str(tmp_path)]
    for more in ([], ["--everything"]):
        monkeypatch.setattr(sys, "argv", [*command, *more])
        train_detector.main()
        with np.load(made, allow_pickle=False) as arrays:
            ensemble = weights_from(arrays)
        made.unlink()
        assert [len(one.layers) for one in ensemble.networks] == [len(DILATIONS)] * 2
        one, other = (network.entry[0] for network in ensemble.networks)
        assert not np.array_equal(one, other)
        assert np.isfinite(ensemble.calibration).all()
