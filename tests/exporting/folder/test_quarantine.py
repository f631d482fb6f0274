"""The quarantine holds exactly what failed last, and never takes away what is not its own."""

import json
from pathlib import Path

import pytest

from vidcurate.exporting.folder.quarantine import REASONS, Quarantined, update_quarantine


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with three clip files."""
    folder = tmp_path / "files"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.mp4").write_text(name, "utf-8")
    return folder


def failed(name: str, reason: str = "it hangs") -> Quarantined:
    """A clip's file that failed."""
    return Quarantined(name, "video", f"{name}.mp4", name * 64, reason)


def names(folder: Path) -> set[str]:
    """What a folder holds."""
    return {path.name for path in folder.iterdir()}


def test_it_holds_what_failed_with_the_reasons(tmp_path: Path, files: Path) -> None:
    """Each file is there under its name, and a line says why; what passes later is taken away."""
    folder = tmp_path / "quarantine"
    update_quarantine(folder, files, [failed("a"), failed("b", "nicht lesbar: ü")])
    assert names(folder) == {"a.mp4", "b.mp4", REASONS}
    lines = (folder / REASONS).read_text("utf-8").splitlines()
    assert [json.loads(line)["reason"] for line in lines] == ["it hangs", "nicht lesbar: ü"]
    (folder / "notes.txt").write_text("mine", "utf-8")
    update_quarantine(folder, files, [failed("b")])
    assert names(folder) == {"b.mp4", REASONS, "notes.txt"}
    update_quarantine(folder, files, [])
    assert names(folder) == {"notes.txt"}
    (folder / "notes.txt").unlink()
    update_quarantine(folder, files, [failed("a")])
    update_quarantine(folder, files, [])
    assert not folder.exists()


def test_a_file_that_is_gone_leaves_its_reason(tmp_path: Path, files: Path) -> None:
    """There is nothing to put aside, but the reason is told."""
    (files / "a.mp4").unlink()
    update_quarantine(tmp_path / "quarantine", files, [failed("a")])
    assert names(tmp_path / "quarantine") == {REASONS}


def test_an_unfinished_quarantine_is_made_good(tmp_path: Path, files: Path) -> None:
    """After a kill between two files the next run puts the rest there."""
    folder = tmp_path / "quarantine"
    update_quarantine(folder, files, [failed("a"), failed("b")])
    (folder / "b.mp4").unlink()
    update_quarantine(folder, files, [failed("a"), failed("b")])
    assert names(folder) == {"a.mp4", "b.mp4", REASONS}
