"""`export --check`: what it shows and writes, how it ends, and that its forecast comes true."""

import json
from pathlib import Path
from typing import Any

import pytest

import vidcurate as vc
from tests.support.command import vidcurate
from tests.support.pipeline import process, rows, states
from tests.support.videos import SHOTS, render
from vidcurate.cli.render_check import show_check
from vidcurate.errors import UsageError
from vidcurate.records import EXPORTS

# Shots of 1, 2 and 3 s in a landscape video, of 2 s in a portrait one.
SPLIT = {"split": {"min_clip_s": 0.5}}
ASKED = ("--target", "sidecar", "--training-model", "wan", "--lengths", "17,33", "--shape")
SIZES = "192x112,112x192"
INLINE = ("--engine", "inline", "--quiet")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of four clips."""
    folder = tmp_path_factory.mktemp("check")
    shots = tuple(zip(SHOTS[:3], (1.0, 2.0, 3.0), strict=True))
    render(folder / "wide.mp4", shots, size=(320, 180), rate="24", audio=False)
    render(folder / "tall.mp4", [(SHOTS[3], 2.0)], size=(180, 320), rate="24", audio=False)
    process(folder / "out", {**SPLIT, "filter": {}}, folder)
    return folder / "out"


def test_it_shows_what_comes_of_every_clip(out: Path) -> None:
    """Clips of 1 s are left out, longer ones fill a length; no file is written."""
    before = states(out)
    ended = vidcurate("export", "-d", out, *ASKED, SIZES, "--check", "--json", *INLINE)
    assert (ended.code, ended.err) == (0, "")
    [said] = ended.lines
    [target] = said["targets"]
    assert (said["clips"], said["files"], target["kept"]) == (4, 3, 3)
    assert target["actions"]["dropped"] == 1
    [group] = target["groups"]
    assert group["reason"] == "fewer than 17 frames at 16 fps"
    assert [e["video"] for e in group["examples"]] == ["wide.mp4"]
    assert {(b["width"], b["height"]): b["clips"] for b in target["buckets"]} == {
        (192, 112): 2,
        (112, 192): 1,
    }
    assert target["captions"]["missing"] == 3
    after = states(out)
    assert not (out / "exports").exists()
    assert {name for name in after if name.startswith("clips/")} == {
        name for name in before if name.startswith("clips/")
    }


@pytest.mark.parametrize("columns", ["40", "120"])
def test_it_is_read_in_any_terminal(
    out: Path, columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bucket table keeps its first columns where there is little room."""
    monkeypatch.setenv("COLUMNS", columns)
    asked: dict[str, Any] = {
        "training_model": "wan",
        "lengths": (17, 33),
        "shape": SIZES.split(","),
    }
    show_check(vc.check_export(out, target=("sidecar",), **asked, engine="inline"))
    shown = capsys.readouterr().out
    assert "sidecar: 3 of 4 clips" in shown
    assert "1 × dropped by the export: fewer than 17 frames at 16 fps" in shown
    assert ("Gpixel" in shown) == (columns == "120")
    assert "no caption was made yet" in shown


def test_it_ends_with_3_where_no_clip_is_left(out: Path) -> None:
    """A length that no clip fills is an empty result, and the reason is said."""
    asked = ("--target", "sidecar", "--training-model", "wan")
    ended = vidcurate("export", "-d", out, *asked, "--check", *INLINE)
    assert ended.code == 3
    assert "no clip would be left for sidecar: fewer than 81 frames at 16 fps" in ended.err
    assert "dropped 4" in ended.out


def test_what_cannot_be_exported_is_refused_before_anything_runs(out: Path) -> None:
    """A length that the model cannot hold is wrong usage, in the check as in the export."""
    ended = vidcurate("export", "-d", out, *ASKED, SIZES, "--lengths", "20", "--check", *INLINE)
    assert ended.code == 2
    assert "4k+1" in ended.err
    with pytest.raises(UsageError, match="sidecar needs clip files"):
        vc.check_export(out, target=("sidecar",), media="none", engine="inline")


def test_the_forecast_comes_true(out: Path) -> None:
    """Sizes and lengths of the files that are written are those that were foretold.

    `shape auto` stands for the sizes that it chose, so that asking for them changes no file.
    """
    asked: dict[str, Any] = {
        "target": ("sidecar",),
        "training_model": "wan",
        "lengths": (17, 33),
        "shape": ("auto",),
        "pixels": 192 * 112,
        "preset": "ultrafast",
    }
    ds = vc.open(out)
    found = ds.check_export(**asked, engine="inline")
    [target] = found.targets
    assert len(found.sizes) == 2
    process(out, {**SPLIT, "filter": {}, "caption": {}, "export": {**asked, "verify": False}})
    written = sorted((row.width, row.height, row.n_frames) for row in rows(out, EXPORTS))
    assert len(written) == found.files == target.kept
    assert sum(n_frames for _, _, n_frames in written) == target.trained_frames
    assert {f"{width}x{height}" for width, height, _ in written} == set(found.sizes)
    options = json.loads((out / "manifest.json").read_text("utf-8"))["tables"]["exports"]["options"]
    assert options["shape"] == list(found.sizes)
    before = states(out / "exports")
    named = {**asked, "shape": found.sizes, "verify": False}
    process(out, {**SPLIT, "filter": {}, "caption": {}, "export": named})
    assert states(out / "exports") == before
    size = ds.check_export(**asked, engine="inline").size
    assert size is not None
    assert size.how.startswith("by a table")  # three clips say too little


def test_sizes_of_all_clips_are_not_chosen_from_a_part(out: Path) -> None:
    """A wave sees some videos at a time, so that shape auto is refused with it."""
    with pytest.raises(UsageError, match=r"export\.shape auto looks at all clips first"):
        vc.export(out, target=("sidecar",), shape=("auto",), pixels=20_000, wave=1, engine="inline")
    with pytest.raises(UsageError, match=r"set export\.pixels or export\.training_model"):
        vc.check_export(
            out,
            target=("sidecar",),
            training_model=None,
            pixels=None,
            shape=("auto",),
            engine="inline",
        )
