"""What is the user's stays the user's: an export replaces only what it wrote itself."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support.chat_server import Script
from tests.support.pipeline import names_below, process, rows, stored
from vidcurate.errors import DiskFullError, LossError, UsageError, raising_disk_full
from vidcurate.exporting.folder.links import link
from vidcurate.exporting.folder.manifest import (
    MANIFEST,
    FileEntry,
    end_hash,
    file_sha256,
    read_manifest,
    write_manifest,
)
from vidcurate.exporting.folder.marker import read_marker
from vidcurate.pipeline.discovery.found_files import drop_files
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.records import EXPORTS, KEYFRAMES
from vidcurate.store.dataset import Dataset
from vidcurate.store.markers import EXPORT_MARKER, LAYOUT

WHOLE: dict[str, dict[str, Any]] = {
    "split": {"min_clip_s": 1.0},
    "quality": {},
    "filter": {},
    "keyframes": {"count": 1},
    "caption": {},
    "export": {"preset": "ultrafast", "verify": False},
}


@pytest.fixture
def refusing(script: Script) -> dict[str, dict[str, Any]]:
    """Options by which every caption fails: a server that answers with nothing."""
    script.modes = ["empty"] * 99
    server = {"backend": "openai", "model": "eye", "base_url": script.url, "max_retries": 0}
    return {**WHOLE, "caption": server}


@pytest.fixture(scope="module")
def made(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set with its export."""
    out = tmp_path_factory.mktemp("made") / "out"
    process(out, WHOLE, video)
    return out


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return shutil.copytree(made, tmp_path / "out", copy_function=os.link)


def read(out: Path) -> Any:
    """The exported table."""
    return pq.read_table(out / "export" / "data")


def hub_export(folder: Path) -> None:
    """A data set as it lies on a hub: not ours, though it has a card and shards of our names."""
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text("mine", "utf-8")
    (folder / "data" / "train-00000-of-00001.parquet").write_bytes(b"PAR1")


def other_data_set(folder: Path) -> None:
    """The export of another data set."""
    hub_export(folder)
    mark = {"vidcurate": LAYOUT, "kind": "export", "dataset": "0" * 32, "finished": True}
    (folder / EXPORT_MARKER).write_text(json.dumps(mark), "utf-8")


def file_of_a_user(folder: Path) -> None:
    """A single file that happens to lie there."""
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work", "utf-8")


@pytest.mark.parametrize("make", [hub_export, other_data_set, file_of_a_user])
def test_what_another_wrote_is_refused(
    make: Callable[[Path], None], out: Path, tmp_path: Path
) -> None:
    """A folder without this data set's mark is refused before anything runs, and stays as it is."""
    folder = tmp_path / "theirs"
    make(folder)
    before = names_below(folder)
    with pytest.raises(UsageError, match="holds other things than an export of this data set"):
        process(out, {**WHOLE, "quality": {}, "keyframes": {"count": 2}, "export": {"out": folder}})
    assert names_below(folder) == before
    assert {len(row.keyframes) for row in rows(out, KEYFRAMES)} == {1}


@pytest.mark.parametrize(
    "name",
    [
        *("notes.txt", "clips/mine.mp4", "data/mine.parquet", ".git/config", ".gitattributes"),
        *("README.md", "croissant.json", "videos/mine/notes", ".vidcurate-clips.jsonl"),
    ],
)
def test_what_a_user_put_into_an_export_is_named(name: str, out: Path) -> None:
    """A file beside ours, and one of ours that was changed, are named and kept."""
    file = out / "export" / name
    file.parent.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)
    file.write_bytes(b"mine")
    with pytest.raises(UsageError, match=f"holds what its export did not write: {name}"):
        process(out, WHOLE)
    assert file.read_bytes() == b"mine"
    file.unlink()
    if name in ("README.md", "croissant.json"):
        shutil.rmtree(out / "export")
    process(out, WHOLE)
    assert read(out).num_rows == 3


def test_a_clip_that_was_changed_or_replaced_by_a_link_is_named(out: Path, tmp_path: Path) -> None:
    """A clip of another size, and a link to a file or folder of the user's, stay as they are."""
    clip = next((out / "export" / "clips").iterdir())
    content = clip.read_bytes()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine.mp4").write_bytes(content)
    for change in ("longer", "link", "folder"):
        clip.unlink()
        if change == "longer":
            clip.write_bytes(content + b"\0")
        else:
            clip.symlink_to(tmp_path / ("mine.mp4" if change == "link" else "mine"))
        with pytest.raises(UsageError, match=rf"clips/{clip.name} \(changed\)"):
            process(out, WHOLE)
        assert clip.is_symlink() or clip.read_bytes() == content + b"\0"
    assert (tmp_path / "mine.mp4").read_bytes() == content


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_without_its_manifest_an_export_stays(damage: str, out: Path) -> None:
    """Where nothing says which files are ours, none is taken for ours."""
    manifest = out / "export" / MANIFEST
    content = manifest.read_bytes()
    manifest.unlink()
    if damage == "changed":
        # As if a user's file were one of ours.
        (out / "export" / "mine").write_bytes(b"mine")
        entry = b'{"name":"mine","bytes":4,"sha256":"","end":""}\n'
        manifest.write_bytes(content + entry)
    before = names_below(out / "export")
    with pytest.raises(UsageError, match=r"vidcurate-manifest\.jsonl (was changed|is missing)"):
        process(out, WHOLE)
    assert names_below(out / "export") == before


def test_what_is_added_while_an_export_is_replaced_stays(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that comes into the old export after it was checked is kept beside the new one."""
    real = Path.rename

    def add_and_rename(folder: Path, target: Path) -> Path:
        if folder == out / "export":
            (folder / "clips" / "late.mp4").write_bytes(b"mine")
        return real(folder, target)

    monkeypatch.setattr(Path, "rename", add_and_rename)
    process(out, WHOLE)
    [old] = out.glob(".export.*.old")
    assert names_below(old) == sorted([EXPORT_MARKER, MANIFEST, "clips/late.mp4"])
    monkeypatch.setattr(Path, "rename", real)
    process(out, WHOLE)
    assert (old / "clips" / "late.mp4").read_bytes() == b"mine"
    assert "clips/late.mp4" not in names_below(out / "export")


def test_an_export_that_cannot_be_moved_leaves_the_old_one(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the last step fails, what was taken away is put back."""
    real = Path.rename
    before = names_below(out / "export")

    def refuse_new(folder: Path, target: Path) -> Path:
        if folder.suffix == ".partial":
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(target))
        return real(folder, target)

    monkeypatch.setattr(Path, "rename", refuse_new)
    with pytest.raises(OSError, match="Input/output"):
        process(out, WHOLE)
    assert names_below(out / "export") == before
    assert not list(out.glob(".export*"))


def test_an_export_without_a_mark_is_not_replaced(out: Path) -> None:
    """A folder that nothing says is ours is refused, also in the data set's own folder."""
    (out / "export" / EXPORT_MARKER).unlink()
    with pytest.raises(UsageError, match="holds other things"):
        process(out, WHOLE)


def test_an_export_of_the_first_version_is_refused(out: Path) -> None:
    """One line says which version made it and what to do; the export stays as it is."""
    marker = out / "export" / EXPORT_MARKER
    old = {**json.loads(marker.read_text("utf-8")), "vidcurate": 1}
    marker.unlink()  # other tests have the same file by a hard link
    marker.write_text(json.dumps(old), "utf-8")
    with pytest.raises(
        UsageError, match=r"export was made by vidcurate 0\.1, .* a new folder, by "
    ):
        process(out, WHOLE)
    assert json.loads(marker.read_text("utf-8")) == old


def test_places_that_cannot_be_replaced(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file and a mount point are named at the start; behind a link its target is replaced."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file: name a folder"):
        process(out, {**WHOLE, "export": {"out": tmp_path / "file"}})
    (tmp_path / "big disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "big disk")
    options = {**WHOLE, "export": {**WHOLE["export"], "out": tmp_path / "link"}}
    for _ in range(2):
        process(out, options)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "big disk" / "README.md").exists()
    monkeypatch.setattr(Path, "is_mount", lambda path: path.name == "big disk")
    with pytest.raises(UsageError, match="is a mount point"):
        process(out, options)


def test_what_a_kill_leaves_is_tidied(out: Path, refusing: dict[str, dict[str, Any]]) -> None:
    """Half-built folders of this data set go, others stay; an export taken away is put back."""
    for name, dataset in (("0" * 8, read_marker(out / "export")), ("1" * 8, None)):
        folder = out / f".export.{name}.partial"
        (folder / "clips").mkdir(parents=True)
        if dataset is None:
            (folder / "mine.txt").touch()
        else:
            shutil.copy(out / "export" / EXPORT_MARKER, folder / EXPORT_MARKER)
    (out / "export").rename(out / f".export.{'2' * 8}.old")
    with pytest.raises(LossError, match="3 captions"):
        process(out, refusing)
    assert read(out)["caption"].null_count == 0
    assert [p.name for p in out.glob(".export.*")] == [f".export.{'1' * 8}.partial"]


@pytest.mark.parametrize(
    "number", ["ENOSYS", "EACCES", "EINVAL", "EROFS", "EIO", "EXDEV", "EPERM", "ENOTSUP", "EMLINK"]
)
def test_without_hard_links_files_are_copied(
    number: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a file system says that knows no links, its export has copies."""

    def refuse(*_: object) -> None:
        raise OSError(getattr(errno, number), os.strerror(getattr(errno, number)))

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a").write_bytes(b"clip")
    link(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"clip"


def test_a_full_disk_is_no_want_of_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No copy is begun where a link did not fit."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a").touch()
    with pytest.raises(DiskFullError), raising_disk_full(tmp_path):
        link(tmp_path / "a", tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_good_captions_are_not_given_up_for_failures(
    out: Path, refusing: dict[str, dict[str, Any]]
) -> None:
    """Where each new caption fails an export stays, says what it would lose, and obeys."""
    before = read(out)["caption"]
    with pytest.raises(LossError, match=r"would lose 3 captions; .*add --allow-loss") as raised:
        process(out, refusing)
    assert raised.value.exit_code == 3
    assert read(out)["caption"].equals(before)
    process(out, refusing, run_options=RunOptions(allow_loss=True))
    assert read(out)["caption"].null_count == 3


def test_clips_that_fail_are_lost_and_those_that_rules_reject_go(out: Path) -> None:
    """A damaged file is a loss; fewer clips by a tighter rule are what was asked for."""
    damaged = min(stored(out, EXPORTS).files.iterdir())
    damaged.unlink()
    damaged.write_bytes(b"damaged")
    with pytest.raises(LossError, match=r"would lose 1 clip \(export or verify failed\)"):
        process(out, {**WHOLE, "export": {"preset": "ultrafast"}})
    fewer = {**WHOLE, "filter": {"rules": ("clips.start_s > 1",)}}
    process(out, fewer)
    assert read(out).num_rows == 2


def test_a_video_that_is_gone_takes_no_clips_along(video: Path, tmp_path: Path) -> None:
    """A video whose content has changed, and one that a limit leaves out, are named as losses."""
    other, out = tmp_path / "b.mp4", tmp_path / "out"
    other.write_bytes(video.read_bytes() + b"\0" * 16)
    process(out, WHOLE, video, other)
    with pytest.raises(LossError, match=r"would lose 3 clips \(their videos were replaced"):
        process(out, WHOLE, run_options=RunOptions(limit=1))
    other.write_bytes(b"no video")
    with pytest.raises(LossError, match=r"would lose 3 clips \(their videos were replaced"):
        process(out, WHOLE, other)
    assert read(out).num_rows == 6
    process(out, WHOLE, other, run_options=RunOptions(allow_loss=True))
    assert read(out).num_rows == 3


def test_clips_of_a_dropped_video_go(video: Path, tmp_path: Path) -> None:
    """Whoever drops a video has asked for an export without its clips."""
    other, out = tmp_path / "b.mp4", tmp_path / "out"
    other.write_bytes(video.read_bytes() + b"\0" * 16)
    process(out, WHOLE, video, other)
    drop_files(Dataset(out), lambda file: file.path == str(other))
    process(out, WHOLE)
    assert read(out).num_rows == 3


def test_columns_that_nothing_makes_any_more_are_lost(out: Path) -> None:
    """A score whose stage this data set has no more is named."""
    shard = next((out / "export" / "data").iterdir())
    table = pq.read_table(shard)
    mark = json.loads((out / "export" / EXPORT_MARKER).read_text("utf-8"))
    for name in ("speech_ratio", "licence"):
        table = table.append_column(name, [["x"] * table.num_rows])
    shard.unlink()
    pq.write_table(table, shard)
    entries = read_manifest(out / "export", mark["manifest"])
    name = f"data/{shard.name}"
    entries[name] = FileEntry(name, shard.stat().st_size, file_sha256(shard), end_hash(shard))
    (out / "export" / MANIFEST).unlink()
    mark["manifest"] = write_manifest(out / "export", entries.values())
    (out / "export" / EXPORT_MARKER).unlink()
    (out / "export" / EXPORT_MARKER).write_text(json.dumps(mark), "utf-8")
    with pytest.raises(LossError, match=r"would lose 2 columns \(speech_ratio, licence\)"):
        process(out, WHOLE)
