"""What holds for every layout; what is its own stands in the test named after it."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.layouts import files_below, pairs, written
from vidcurate.exporting.target import Sample
from vidcurate.exporting.targets import TargetName, target_of

LAYOUTS: tuple[TargetName, ...] = (
    "webdataset",
    "hf-videofolder",
    "sidecar",
    "csv",
    "jsonl",
    "fiftyone",
    "llama-factory",
    "ms-swift",
    "llava",
)
ONLY_CLIPS: tuple[TargetName, ...] = ("sidecar", "csv", "jsonl", "llama-factory", "llava")


@pytest.mark.parametrize("name", LAYOUTS)
def test_hard_captions_are_read_back(
    name: TargetName, tmp_path: Path, clips: Path, hard: list[Sample]
) -> None:
    """Quotes, emoji, words that mean null, numbers and ten thousand characters come back whole."""
    target = target_of(name)
    bundle = written(target, tmp_path / "out", hard, clips)
    assert target.name == name
    assert list(target.read(bundle)) == pairs(hard)
    assert "```" in (bundle.root / "HOWTO.md").read_text("utf-8")
    inside = bundle.root / "clips"
    wanted = {f"{s.stem}.mp4" for s in hard} | (
        {f"{s.stem}.txt" for s in hard} if name == "sidecar" else set()
    )
    if name in ONLY_CLIPS:
        assert {file.name for file in inside.iterdir()} == wanted


@pytest.mark.parametrize("name", LAYOUTS)
def test_written_again_the_bytes_are_the_same(
    name: TargetName, tmp_path: Path, clips: Path, hard: list[Sample]
) -> None:
    """Nothing but clips, captions and the place of the folder decides what is written."""
    target = target_of(name)
    out = tmp_path / "out"
    once = written(target, tmp_path / "a", hard, clips, out=out)
    again = written(target, tmp_path / "b", hard, clips, out=out)
    assert files_below(once.root) == files_below(again.root)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_clip_that_is_not_there_is_found(
    name: TargetName, tmp_path: Path, clips: Path, hard: list[Sample]
) -> None:
    """A folder that lacks a clip which it names is refused, and so is a tar file that does."""
    target = target_of(name)
    bundle = written(target, tmp_path / "out", hard, clips)
    media = sorted(f for f in bundle.root.rglob("*") if f.suffix in (".mp4", ".tar"))
    media[0].unlink()
    with pytest.raises(ValueError, match=hard[0].stem if name != "sidecar" else "clips/"):
        target.read(bundle)


@pytest.mark.parametrize("name", LAYOUTS)
def test_no_clips_make_a_folder_that_can_be_read(name: TargetName, tmp_path: Path) -> None:
    """Without a clip there is an empty list."""
    target = target_of(name)
    bundle = written(target, tmp_path / "out", [], tmp_path)
    assert list(target.read(bundle)) == []


@pytest.mark.parametrize("name", ["csv", "jsonl", "hf-videofolder", "fiftyone", "webdataset"])
def test_clips_without_captions_have_empty_ones(
    name: TargetName, tmp_path: Path, clips: Path, hard: list[Sample]
) -> None:
    """Layouts that do not need captions take clips that have none."""
    bare = [replace(sample, caption="", captions=()) for sample in hard[:2]]
    target = target_of(name)
    assert not target.needs_captions
    assert list(target.read(written(target, tmp_path / "out", bare, clips))) == pairs(bare)
