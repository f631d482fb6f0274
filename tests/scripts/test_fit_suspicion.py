import json
import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from scripts.benchmarks.edits import films_of
from scripts.training import compose_videos as compose
from scripts.training import encode_films
from scripts.training.encodings import WEB_ENCODINGS, Grid
from tests.support.still_shots import still_shots

FRAMES = 220


def test_one_command_trains_what_the_package_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From composed films to three networks of finite weights."""
    pytest.importorskip("torch", reason="the extra 'models' is not installed")
    from scripts.training import fit_suspicion  # noqa: PLC0415 - needs torch

    films = [tmp_path / f"video-{number}.mp4" for number in range(3)]
    for number, file in enumerate(films):
        compose.compose(still_shots(), file, FRAMES, (3, number), compose.WEB)
    made = tmp_path / "packets.npz"
    command = ["fit_suspicion", str(made), "--composed", *map(str, films)]
    monkeypatch.setattr(sys, "argv", command)
    fit_suspicion.main()
    with np.load(made, allow_pickle=False) as arrays:
        names = {name.split("_")[0] for name in arrays.files}
        assert all(np.isfinite(arrays[name]).all() for name in arrays.files)
    assert names == {"spike", "key", "blend"}


def keys_of(file: Path) -> list[int]:
    """The frames of a film that are keyframes, in the order of time."""
    with av.open(str(file)) as container:
        packets = [(p.pts, p.is_keyframe) for p in container.demux(video=0) if p.pts is not None]
    return [number for number, (_, is_key) in enumerate(sorted(packets)) if is_key]


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_grid_of_keyframes_is_kept(codec: str, tmp_path: Path) -> None:
    """Composed films have keyframes where a grid puts them."""
    style = replace(compose.WEB, codecs={codec: 1.0}, keyframes=((None, 30),), scene_cuts=(False,))
    file = tmp_path / "film.mp4"
    compose.compose(still_shots(), file, 100, (1, 1), style)
    keys = keys_of(file)
    assert set(range(0, 100, 30)) <= set(keys)


def test_pieces_ask_for_no_keyframe_soon_after_a_shot_has_begun() -> None:
    """A grid of pieces is kept but for keyframes that are early, and those that a shot spares."""
    grid = Grid(np.random.default_rng(0), 128, in_pieces=True)
    begun = {640: 635, 1280: 1280, 1920: 1900}
    last, asked = -1, []
    for number in range(3000):
        last = begun.get(number, last)
        if grid.asks(number, last):
            asked.append(number)
    steps = np.diff(asked)
    assert np.mean(steps == 128) > 0.5
    assert steps.max() <= 256
    strict = Grid(np.random.default_rng(0), 50, in_pieces=False)
    assert [n for n in range(160) if strict.asks(n, n - 1)] == [0, 50, 100, 150]
    spared = Grid(np.random.default_rng(0), 128, in_pieces=True, due=10)
    assert not spared.asks(10, 3)


def test_labelled_films_are_encoded_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each encoding has all frames, its own keyframes, and the labels of the film."""
    source, made = tmp_path / "source", tmp_path / "made"
    source.mkdir()
    film = source / "film.mp4"
    truth = compose.compose(still_shots(), film, FRAMES, (3, 1), compose.WEB)
    cuts = [int(str(one["end"])) for one in truth.transitions if one["kind"] == "cut"]
    labels = {"file": "film.mp4", "frames": truth.n_frames, "cuts": cuts}
    row = json.dumps(labels | {"gradual": [], "uncertain": []})
    (source / "labels.jsonl").write_text(row + "\n", "utf-8")
    monkeypatch.setattr(sys, "argv", ["encode_films", str(made), str(source)])
    encode_films.main()
    films = films_of([made])
    assert [one.path.stem for one in films] == sorted(f"film-{name}" for name in WEB_ENCODINGS)
    assert all(len(one.times) == truth.n_frames for one in films)
    assert all([p.end for p in one.truth] == cuts for one in films)
    assert set(range(0, truth.n_frames, 96)) <= set(keys_of(made / "film-grid.mkv"))
    assert all(key % 250 == 0 for key in keys_of(made / "film-blind.mkv"))
