"""Objects in the words of pathlib, against a real S3 server; places by name."""

import os
import pickle
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.s3_server import reached
from vidcurate.errors import BusyError, StorageError
from vidcurate.pipeline.discovery.sources import add_files
from vidcurate.pipeline.inputs import FOUND
from vidcurate.records import FILES, FoundFile
from vidcurate.store.dataset import Dataset
from vidcurate.store.lock import is_abandoned, own_facts, refuse_if_held, writing
from vidcurate.store.storage import (
    Remote,
    bytes_below,
    copy,
    folders_in,
    location,
    names_in,
    put,
    remove,
    require_bucket,
    sibling,
)


@pytest.fixture
def folder(s3_address: dict[str, str], tmp_path: Path) -> Iterator[Remote]:
    """A folder in a bucket, of its own."""
    with reached(s3_address):
        yield Remote(f"bucket/{tmp_path.name}")


def test_places_by_name(tmp_path: Path) -> None:
    """An address is a bucket's, also as pathlib folds it; all else is a path, made absolute."""
    assert location("s3://b/x/") == location(Path("s3://b/x")) == Remote("b/x")
    assert str(location("s3://b/x")) == "s3://b/x"
    assert location("x") == Path("x").absolute()
    assert location(tmp_path) == tmp_path
    with pytest.raises(StorageError, match="names no bucket"):
        location("s3://")
    assert sibling(tmp_path, "s3://b/x") == sibling(Remote("c"), "s3://b/x") == Remote("b/x")
    assert sibling(Remote("b"), "x") == Remote("b/x")
    assert sibling(Remote("b"), "/x") == sibling(tmp_path, "/x") == Path("/x")
    parts = Remote("b/x/y.MP4")
    assert (parts.name, parts.suffix, parts.parent) == ("y.MP4", ".MP4", Remote("b/x"))
    assert pickle.loads(pickle.dumps(parts)) == parts  # noqa: S301 - as engines send it


def test_objects_are_files(folder: Remote, tmp_path: Path) -> None:
    """An object is written, read, listed, copied and removed; a folder is there while it holds one.

    Facts are those of a plain file.
    """
    file = folder / "f" / "a.txt"
    assert not folder.exists()
    assert folder.below() == names_in(folder) == {}
    assert bytes_below(folder) == 0
    file.write_bytes(b"abc")
    assert (folder.is_dir(), folder.is_file(), file.is_file()) == (True, False, True)
    assert (file.read_text("utf-8"), file.stat().st_size) == ("abc", 3)
    assert stat.S_ISREG(file.stat().st_mode)
    with file.open("rb") as opened:
        opened.seek(1)
        assert opened.read(1) == b"b"
    copy(file, folder / "b.txt")
    copy(file, tmp_path / "c.txt")
    put(tmp_path / "c.txt", folder / "f" / "é %20+?.txt")
    assert list(folder.below()) == ["b.txt", "f/a.txt", "f/é %20+?.txt"]
    assert list(names_in(folder)) == ["b.txt"]
    assert folders_in(folder) == [folder / "f"]
    assert bytes_below(folder) == 9
    remove(folder / "f")
    assert list(folder.below()) == ["b.txt"]


def test_what_is_not_there(folder: Remote) -> None:
    """A missing object is FileNotFoundError; a missing bucket is told."""
    for read in (folder.stat, folder.open, folder.read_bytes, folder.unlink):
        with pytest.raises(FileNotFoundError):
            read()
    folder.unlink(missing_ok=True)
    require_bucket(folder)
    with pytest.raises(StorageError, match="s3://nobucket is not there"):
        require_bucket(Remote("nobucket/x"))
    with pytest.raises(StorageError, match=r"^s3://nobucket/x: .*does not exist"):
        Remote("nobucket/x").write_bytes(b"")


def test_an_upload_that_fails_is_told(folder: Remote, tmp_path: Path) -> None:
    """An upload that the storage refuses when it is completed is no upload."""
    (tmp_path / "part").write_bytes(b"rows")
    with pytest.raises(StorageError, match="nobucket"):
        put(tmp_path / "part", Remote("nobucket/part"))
    put(tmp_path / "part", folder / "part")
    assert (folder / "part").read_bytes() == b"rows"


def test_what_was_found_last_has_the_last_word(folder: Remote) -> None:
    """A file that is found anew in the same second comes after, and every listing is another."""
    dataset = Dataset(folder)
    shelf, seen = dataset.shelf(FILES, FOUND), []
    add_files(dataset, [FoundFile(f"{n}-0", f"/{n}", {}, None) for n in range(500)])
    for n_try in range(1, 4):
        seen.append(shelf.listing())
        add_files(dataset, [FoundFile(f"7-{n_try}", "/7", {}, None)])
        assert shelf.index("file_id")["file_id"].to_pylist()[-1] == f"7-{n_try}"
    assert len({tuple(listing) for listing in seen}) == len(seen)


def lock_text(**facts: object) -> bytes:
    """A lock as it lies in a data set."""
    import json  # noqa: PLC0415 - of this function only

    return json.dumps({**own_facts(), **facts}).encode()


def test_one_writer_at_a_time(folder: Remote) -> None:
    """A lock is refused to others while it is held, and gone afterwards."""
    ours = f"{folder} is being written by process {os.getpid()} "
    with writing(folder):
        with pytest.raises(BusyError, match=ours), writing(folder):
            pass
        assert (folder / "lock").exists()
    assert not (folder / "lock").exists()


def test_whose_lock_is_free(folder: Remote) -> None:
    """A dead process's lock is free on its own machine; any is that has not been refreshed."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert is_abandoned(lock_text(pid=ended.pid))
    assert not is_abandoned(lock_text())
    assert not is_abandoned(lock_text(pid=ended.pid, host=f"not-{socket.gethostname()}"))
    assert not is_abandoned(b"no lock of ours")
    lock = folder / "lock"
    lock.write_bytes(lock_text(host="elsewhere"))
    with pytest.raises(BusyError, match="on elsewhere since"):
        refuse_if_held(lock)
    refuse_if_held(lock, stale_s=-1)
    lock.write_bytes(lock_text(pid=ended.pid))
    with writing(folder):
        lock.write_bytes(lock_text(host="elsewhere"))
    assert lock.exists(), "another's lock is not ours to remove"
