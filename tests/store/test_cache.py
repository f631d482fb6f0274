"""Local copies of remote files: fetched once, bounded, and whole."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.s3_server import reached
from vidcurate.store.cache import cache_folder, local_copy, make_room, staging_folder, upload_folder
from vidcurate.store.storage import Remote


@pytest.fixture
def folder(s3_address: dict[str, str], tmp_path: Path) -> Iterator[Remote]:
    """A folder in a bucket, and an empty cache."""
    with reached({**s3_address, "VIDCURATE_CACHE": str(tmp_path / "cache")}):
        yield Remote(f"bucket/{tmp_path.name}")


def test_a_file_is_fetched_once(folder: Remote, tmp_path: Path) -> None:
    """A copy is used again until its object changes; a path on a disk stays what it is."""
    assert local_copy(tmp_path) == tmp_path
    video = folder / "a video.mp4"
    assert not local_copy(video).exists()
    video.write_bytes(b"one")
    first = local_copy(video)
    inode = first.stat().st_ino
    assert (first.read_bytes(), first.suffix) == (b"one", ".mp4")
    assert local_copy(video).stat().st_ino == inode
    video.write_bytes(b"other")
    assert local_copy(video).read_bytes() == b"other"
    assert sorted(p.name for p in first.parent.iterdir()) == sorted(
        {first.name, local_copy(video).name}
    )


def test_what_was_used_longest_ago_goes(tmp_path: Path) -> None:
    """Room is made by age of use, never of what is in use, and no more than is needed."""
    for name, age_s in (("old", 9000), ("older", 9999), ("new", 5), ("less old", 8000)):
        (tmp_path / name).write_bytes(b"12345")
        used = time.time() - age_s
        os.utime(tmp_path / name, (used, used))
    make_room(tmp_path, 20)
    assert len(list(tmp_path.iterdir())) == 4
    make_room(tmp_path, 12)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["less old", "new"]
    make_room(tmp_path, 0)
    assert [p.name for p in tmp_path.iterdir()] == ["new"]


def test_files_on_their_way_up(folder: Remote) -> None:
    """What a stage leaves is uploaded and removed, but for unfinished files; dead ones' go."""
    no_pid = 2**22 + 1  # above what Linux gives out
    dead = cache_folder() / "staging" / socket.gethostname() / str(no_pid)
    dead.mkdir(parents=True)
    own = staging_folder()
    (own / "a.jpg").write_bytes(b"a")
    (own / ".b.jpg.partial").write_bytes(b"b")
    upload_folder(own, folder)
    assert list(folder.below()) == ["a.jpg"]
    assert list(own.iterdir()) == []
    assert not dead.exists()
    (own / "left").write_bytes(b"c")
    assert list(staging_folder().iterdir()) == []


def test_a_row_is_not_charged_for_a_fetch(folder: Remote) -> None:
    """The clock that kills a stuck row goes on after a fetch where it stood before."""
    (folder / "a").write_bytes(b"a")
    signal.setitimer(signal.ITIMER_REAL, 500)
    try:
        local_copy(folder / "a")
        left_s, _ = signal.getitimer(signal.ITIMER_REAL)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    assert 400 < left_s <= 500
