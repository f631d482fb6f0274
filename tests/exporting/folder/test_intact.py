"""Exports against their own manifests, without their data sets."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import vidcurate
from tests.support.pipeline import process
from vidcurate.cli.commands.verify_export import verify_export
from vidcurate.errors import UsageError
from vidcurate.exporting.folder.intact import check_export
from vidcurate.exporting.folder.manifest import MANIFEST
from vidcurate.exporting.folder.marker import read_marker, write_marker

WHOLE: dict[str, dict[str, Any]] = {
    "split": {"min_clip_s": 1.0},
    "filter": {},
    "keyframes": {"count": 1},
    "export": {"preset": "ultrafast", "verify": False},
}


@pytest.fixture(scope="module")
def made(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export without its data set."""
    folder = tmp_path_factory.mktemp("made")
    process(folder / "out", WHOLE, video)
    shutil.move(folder / "out" / "export", folder / "export")
    shutil.rmtree(folder / "out")
    return folder / "export"


@pytest.fixture
def export(made: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return shutil.copytree(made, tmp_path / "export")


def test_a_copy_is_intact(export: Path) -> None:
    """Wherever it lies, also with what the tools of a hub add to it."""
    (export / ".cache" / "huggingface").mkdir(parents=True)
    for name in (".gitattributes", ".cache/huggingface/x.lock"):
        (export / name).touch()
    check = check_export(export)
    assert check.is_intact
    assert check.n_files == 3 + 3 + 4
    files = [f for f in export.rglob("*") if f.is_file() and not f.name.startswith(".vidcurate")]
    assert check.n_bytes == sum(file.stat().st_size for file in files)


def test_every_difference_is_named(export: Path) -> None:
    """A byte that turned, a clip that is gone and a file too many; exit code 3, also as JSON."""
    one, two, _ = sorted((export / "clips").iterdir())
    content = bytearray(one.read_bytes())
    content[len(content) // 2] ^= 1
    one.write_bytes(content)
    two.unlink()
    (export / "notes.txt").touch()
    ended = vidcurate("verify", str(export))
    assert ended.code == 3
    assert ended.out.splitlines() == [
        f"missing: clips/{two.name}",
        f"changed: clips/{one.name}",
        "additional: notes.txt",
    ]
    assert ended.err.endswith(f"in {export}: 1 missing, 1 changed, 1 additional\n")
    found = json.loads(vidcurate("verify", str(export), "--json", "-q").out)
    assert (found["intact"], found["missing"]) == (False, [f"clips/{two.name}"])
    assert (found["changed"], found["additional"]) == ([f"clips/{one.name}"], ["notes.txt"])


def test_a_file_behind_a_link_counts(export: Path, tmp_path: Path) -> None:
    """A hub's cache holds links to files; what they lead to is compared."""
    clip = next((export / "clips").iterdir())
    clip.rename(tmp_path / "blob")
    clip.symlink_to(tmp_path / "blob")
    assert check_export(export).is_intact
    clip.unlink()
    clip.symlink_to(tmp_path / "nothing")
    assert check_export(export).changed == (f"clips/{clip.name}",)


def test_what_is_no_export_is_refused(export: Path, tmp_path: Path) -> None:
    """Another folder, an unfinished export, and one without its manifest: exit code 2."""
    for sources in (None, [str(export), str(export)]):
        with pytest.raises(UsageError, match="only the folder of an export"):
            verify_export({"sources": sources})
    ended = vidcurate("verify", str(tmp_path))
    assert ended.code == 2
    assert ended.err.startswith(f"vidcurate: {tmp_path} is no export")
    marker = read_marker(export)
    assert marker is not None
    (export / MANIFEST).rename(tmp_path / "manifest")
    with pytest.raises(UsageError, match="is missing, which says what the export is"):
        check_export(export)
    shutil.copy(tmp_path / "manifest", export / MANIFEST)
    (export / MANIFEST).write_bytes((export / MANIFEST).read_bytes() + b"\n")
    with pytest.raises(UsageError, match="was changed"):
        check_export(export)
    write_marker(export, type(marker)(marker.dataset))
    with pytest.raises(UsageError, match="is not finished"):
        check_export(export)
