"""Exports of one or several targets: built beside their places, read back, then moved there."""

import errno
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support.chat_server import Script
from tests.support.pipeline import names_below, process, state, states
from tests.support.targets import read_pairs, use_target, write_pairs
from tests.support.videos import render
from vidcurate.cli.output import Quiet
from vidcurate.errors import (
    DiskFullError,
    EmptyResultError,
    ExportFaultError,
    UsageError,
    raising_disk_full,
)
from vidcurate.exporting.folder.intact import check_export
from vidcurate.exporting.folder.losses import CLIP_LIST
from vidcurate.exporting.folder.manifest import MANIFEST
from vidcurate.exporting.target import Bundle
from vidcurate.exporting.training import Fate, FileFacts, Training
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.store.markers import EXPORT_MARKER

EXPORT = {"preset": "ultrafast", "verify": False, "rows_per_shard": 2}
WHOLE: dict[str, dict[str, Any]] = {
    "split": {"min_clip_s": 1.0},
    "quality": {},
    "filter": {},
    "keyframes": {"count": 1},
    "caption": {},
    "export": EXPORT,
}
BOTH = {**WHOLE, "export": {**EXPORT, "target": ("parquet", "sidecar")}}
PAIRS_ONLY = {**WHOLE, "export": {**EXPORT, "target": ("sidecar",)}}


class Notes(Quiet):
    """Remembers what a run says."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def note(self, text: str) -> None:
        """Remember a message."""
        self.said.append(text)


@pytest.fixture(scope="module")
def made(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of three clips with its Parquet."""
    out = tmp_path_factory.mktemp("made") / "out"
    process(out, WHOLE, video)
    return out


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return shutil.copytree(made, tmp_path / "out", copy_function=os.link)


def said(out: Path, options: dict[str, dict[str, Any]], *sources: Path) -> str:
    """What a run says of its exports."""
    notes = Notes()
    process(out, options, *sources, listener=notes)
    return notes.said[-1]


def listed(folder: Path) -> list[dict[str, Any]]:
    """What became of each clip."""
    return [json.loads(line) for line in (folder / CLIP_LIST).read_text("utf-8").splitlines()]


def test_each_target_has_a_folder(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several targets lie beside each other in the data set, or in the folder that is named."""
    use_target(monkeypatch)
    lines = said(out, BOTH).splitlines()
    assert [line.partition(" (")[0] for line in lines] == [
        f"3 clips in {out / 'export'}",
        f"3 clips in {out / 'export-sidecar'}",
    ]
    clips = list((out / "export-sidecar" / "clips").iterdir())
    assert len(clips) == 3
    assert all(file.samefile(out / "export" / "clips" / file.name) for file in clips)
    place = {**EXPORT, "target": ("parquet", "sidecar"), "out": tmp_path / "both"}
    process(out, {**WHOLE, "export": place})
    assert sorted(path.name for path in (tmp_path / "both").iterdir()) == ["parquet", "sidecar"]
    assert check_export(tmp_path / "both" / "sidecar").is_intact


def test_each_split_has_its_place(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Splits are folders, or stand in file names; where all train the folder itself holds them."""
    use_target(monkeypatch)
    (tmp_path / "b.mp4").write_bytes(video.read_bytes() + b"\0")
    text = f"path,part\n{video},train\n{tmp_path / 'b.mp4'},test\n"
    (tmp_path / "videos.csv").write_text(text, "utf-8")
    out = tmp_path / "out"
    parts = {"split_column": "part", "keep_together": "videos"}
    process(out, {**BOTH, "partition": parts}, tmp_path / "videos.csv")
    names = [name for name in names_below(out / "export") if name.startswith(("data", "videos"))]
    assert names == [
        *(f"data/{split}-0000{n}-of-00002.parquet" for split in ("test", "train") for n in (0, 1)),
        *(f"videos/{split}-00000-of-00001.parquet" for split in ("test", "train")),
    ]
    card = (out / "export" / "README.md").read_text("utf-8")
    assert "  - split: test\n    path: data/test-*.parquet\n" in card
    pairs = out / "export-sidecar"
    assert sorted(p.name for p in pairs.iterdir() if p.is_dir()) == ["test", "train"]
    for split in ("train", "test"):
        clips = listed(pairs)
        stems = {clip["clip_id"] for clip in clips if clip["split"] == split}
        assert {file.stem for file in (pairs / split / "clips").iterdir()} == stems
        assert len(stems) == 3
    before = {n: s for n, s in states(pairs).items() if ".vidcurate" not in n}
    process(out, {**BOTH, "partition": parts})
    assert {n: s for n, s in states(pairs).items() if ".vidcurate" not in n} == before
    process(out, {**BOTH, "partition": {}})
    assert sorted(p.name for p in pairs.iterdir() if p.is_dir()) == ["clips"]


def test_what_a_target_would_drop_is_left_out_and_named(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clip that its trainer drops is counted with the reason, and stays in its list."""
    short = render(tmp_path / "short.mp4", [("testsrc2", 1.5)])
    limit = 1.8

    def fate(facts: FileFacts, _training: Training) -> Fate:
        is_short = facts.n_frames / facts.fps < limit
        return Fate("dropped", reason="too short") if is_short else Fate("whole")

    use_target(monkeypatch, fate=fate, model="wan", models=("wan",))
    own = {**EXPORT, "target": ("sidecar",), "shape": ("320x176",), "lengths": (17,)}
    options = {**WHOLE, "export": own}
    line = said(tmp_path / "out", options, video, short)
    assert f"3 clips in {tmp_path / 'out' / 'export-sidecar'} (README.md); 1 clip left out" in line
    assert f"(1 × too short), named in {CLIP_LIST}" in line
    reasons = [clip["left_out"] for clip in listed(tmp_path / "out" / "export-sidecar")]
    assert sorted(reasons) == ["", "", "", "too short"]
    limit = 9
    with pytest.raises(EmptyResultError, match="would hold none of 4 clips: 4 × too short"):
        process(tmp_path / "out", options)


def test_clips_without_captions_are_left_out(
    out: Path, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where captions are needed and some failed the others are exported; with none nothing is."""
    use_target(monkeypatch)
    script.modes = ["empty"] * 2
    server = {"backend": "openai", "model": "eye", "base_url": script.url, "max_retries": 0}
    line = said(out, {**PAIRS_ONLY, "caption": server})
    assert "1 clip in" in line
    assert "2 clips left out (2 × no caption)" in line
    script.modes = ["empty"] * 3
    server["model"] = "blind"
    with pytest.raises(EmptyResultError, match=r"3 × no caption; make captions first"):
        process(out, {**PAIRS_ONLY, "caption": server}, run_options=RunOptions(allow_loss=True))


def test_captions_are_asked_for_before_anything_runs(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target that needs captions, or files, says so at the start, with the command to run."""
    use_target(monkeypatch)
    bare = {"split": WHOLE["split"], "export": {**EXPORT, "target": ("sidecar",)}}
    with pytest.raises(UsageError, match=r"sidecar needs captions.*vidcurate caption -d"):
        process(tmp_path / "out", bare, video)
    assert not (tmp_path / "out" / "clips").exists()
    no_files = {**WHOLE, "export": {"media": "none", "target": ("sidecar",)}}
    with pytest.raises(UsageError, match=r"sidecar needs clip files: set export\.media"):
        process(tmp_path / "out", no_files, video)


def shifted(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Each clip with the caption of the next."""
    pairs = read_pairs(bundle)
    stems, captions = zip(*pairs, strict=True)
    return list(zip(stems, [f"{c}." for c in captions], strict=True))


def refused(_bundle: Bundle) -> Sequence[tuple[str, str]]:
    """What a trainer says that cannot read a folder."""
    raise ValueError("no metadata.csv")


@pytest.mark.parametrize(
    ("read", "fault"),
    [
        (shifted, "is in one and not in the other"),
        (refused, "sidecar cannot read what was written: no metadata.csv"),
        (lambda bundle: read_pairs(bundle)[1:], "reads 2 clips of 3 written"),
    ],
)
def test_what_a_trainer_reads_otherwise_is_not_exported(
    read: Any, fault: str, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong caption, a clip too few, or an error of the reader leaves every old export."""
    use_target(monkeypatch)
    process(out, BOTH)
    before = states(out)
    use_target(monkeypatch, read=read)
    with pytest.raises(ExportFaultError, match=fault):
        process(out, BOTH)
    assert {n: s for n, s in states(out).items() if n.startswith("export")} == {
        n: s for n, s in before.items() if n.startswith("export")
    }
    assert not list(out.glob(".export*"))


def test_an_extension_leaves_what_is_there(
    video: Path, out: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """New clips go behind those that are there; full shards keep their number, bytes and inode."""
    use_target(monkeypatch)
    process(out, BOTH)
    export = out / "export"
    first, _last = sorted((export / "data").iterdir())
    ids = pq.read_table(export / "data")["clip_id"].to_pylist()
    kept = state(first), first.read_bytes()
    before = states(export)
    # By its name the new video's clips would come first.
    other = tmp_path / "a new one.mp4"
    other.write_bytes(video.read_bytes() + b"\0" * 16)
    process(out, BOTH, other)
    shards = sorted((export / "data").iterdir())
    assert [shard.name for shard in shards] == [f"train-0000{n}-of-00003.parquet" for n in range(3)]
    assert (state(shards[0]), shards[0].read_bytes()) == kept
    table = pq.read_table(export / "data")
    assert table["clip_id"].to_pylist()[:3] == ids
    assert table.num_rows == 6
    assert pq.read_table(shards[1]).num_rows == 2
    clips = {n: s for n, s in states(export).items() if n.startswith(("clips", "keyframes"))}
    assert clips.items() >= {n: s for n, s in before.items() if n.startswith("clips")}.items()
    assert check_export(export).is_intact
    lines = (out / "export-sidecar" / "list.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)[0] for line in lines][:3] == ids


def test_an_export_that_is_made_again_is_the_same(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an export in which nothing is new no file gets another inode, time or content."""
    use_target(monkeypatch)
    process(out, BOTH)
    before = {n: s for n, s in states(out).items() if n.startswith("export")}
    process(out, BOTH)
    after = {n: s for n, s in states(out).items() if n.startswith("export")}
    marks = (MANIFEST, EXPORT_MARKER)
    changed = [n for n in after if before[n] != after[n] and Path(n).name not in marks]
    assert changed == []


def test_a_disk_that_is_full_leaves_the_old_export(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no room in the middle of a shard, nothing is changed or left behind."""
    before = states(out / "export")
    names = names_below(out)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    options = {**WHOLE, "export": {**EXPORT, "rows_per_shard": 3}}
    with pytest.raises(DiskFullError), raising_disk_full(out):
        process(out, options)
    assert states(out / "export") == before
    assert {n for n in names_below(out) if "counts/" not in n} == {
        n for n in names if "counts/" not in n
    }


def write_twice(bundle: Bundle) -> None:
    """Two clips under one name, as stems that are not unique would have it."""
    for sample in bundle.samples():
        bundle.place(sample, "clips/one.mp4")


def test_a_name_that_is_taken_harms_no_clip(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is never written through the name of another clip's, with or without hard links."""
    files = {f: f.read_bytes() for f in (out / "export" / "clips").iterdir()}
    use_target(monkeypatch, write=write_twice)
    with pytest.raises(FileExistsError):
        process(out, PAIRS_ONLY)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(FileExistsError):
        process(out, PAIRS_ONLY)
    assert {f: f.read_bytes() for f in files} == files


def test_another_target_does_not_replace_an_export(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder in an export is refused, since it would be foreign there."""
    use_target(monkeypatch, write=write_pairs)
    nested = {**EXPORT, "target": ("sidecar",), "out": out / "export" / "pairs"}
    with pytest.raises(UsageError, match=r"lies in the export .*: name a folder outside"):
        process(out, {**WHOLE, "export": nested})
    several = {**EXPORT, "target": ("parquet", "sidecar"), "out": out / "export"}
    with pytest.raises(UsageError, match=r"lies in the export"):
        process(out, {**WHOLE, "export": several})
