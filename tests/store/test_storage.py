"""Objects in the words of pathlib, against a real S3 server; places by name."""

import json
import os
import pickle
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from obstore.store import MemoryStore

from tests.support.s3_server import reached
from vidcurate.errors import BusyError, MissingExtraError, StorageError
from vidcurate.pipeline.discovery.found_files import add_files
from vidcurate.pipeline.scope import FOUND
from vidcurate.records import FILES, FoundFile
from vidcurate.store import lock as lock_module
from vidcurate.store import storage
from vidcurate.store.dataset import Dataset
from vidcurate.store.lock import is_abandoned, own_facts, refuse_if_held, take_lock, writing
from vidcurate.store.storage import (
    Location,
    Remote,
    aws_profile,
    bytes_below,
    connection,
    copy,
    list_files,
    list_folders,
    location,
    obstore,
    put,
    remove,
    require_bucket,
    resolve_name,
)


def lock_text(**facts: object) -> bytes:
    """A lock as it lies in a data set."""
    return json.dumps({**own_facts(), **facts}).encode()


@pytest.fixture
def folder(s3_address: dict[str, str], tmp_path: Path) -> Iterator[Remote]:
    """A folder in a bucket, of its own."""
    with reached(s3_address):
        yield Remote(f"bucket/{tmp_path.name}")


@pytest.fixture(params=["s3", "gs", "az"])
def any_folder(
    request: pytest.FixtureRequest, folder: Remote, monkeypatch: pytest.MonkeyPatch
) -> Remote:
    """A folder of each kind of storage; Google's and Azure's are stood in for by one in memory."""
    if request.param != "s3":
        stand_in = MemoryStore()
        monkeypatch.setattr(storage, "connection", lambda _scheme, _bucket: stand_in)
    return Remote(folder.key, request.param)


def test_places_by_name(tmp_path: Path) -> None:
    """An address is a bucket's, also as pathlib folds it; all else is a path, made absolute."""
    assert location("s3://b/x/") == location(Path("s3://b/x")) == Remote("b/x")
    assert str(location("s3://b/x")) == "s3://b/x"
    assert location("x") == Path("x").absolute()
    assert location(tmp_path) == tmp_path
    assert location("gs://b/x") == Remote("b/x", "gs")
    assert location(Path("az://b/x")) == Remote("b/x", "az")
    assert str(location("az://b/x") / "y") == "az://b/x/y"
    with pytest.raises(StorageError, match="gs:// names no bucket"):
        location("gs://")
    with pytest.raises(StorageError, match="s3:// names no bucket"):
        location("s3://")
    assert resolve_name(tmp_path, "gs://b/x") == Remote("b/x", "gs")
    assert (
        resolve_name(tmp_path, "s3://b/x") == resolve_name(Remote("c"), "s3://b/x") == Remote("b/x")
    )
    assert resolve_name(Remote("b"), "x") == Remote("b/x")
    assert resolve_name(Remote("b"), "/x") == resolve_name(tmp_path, "/x") == Path("/x")
    parts = Remote("b/x/y.MP4")
    assert (parts.name, parts.suffix, parts.parent) == ("y.MP4", ".MP4", Remote("b/x"))
    assert pickle.loads(pickle.dumps(parts)) == parts  # noqa: S301 - as engines send it


def test_objects_are_files(any_folder: Remote, tmp_path: Path) -> None:
    """An object is written, read, listed, copied and removed; a folder is there while it holds one.

    Its stat is that of a plain file.
    """
    folder = any_folder
    file = folder / "f" / "a.txt"
    assert not folder.exists()
    assert folder.below() == list_files(folder) == {}
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
    assert list(list_files(folder)) == ["b.txt"]
    assert list_folders(folder) == [folder / "f"]
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
    with pytest.raises(StorageError, match="there is no bucket s3://nobucket"):
        require_bucket(Remote("nobucket/x"))
    with pytest.raises(StorageError, match=r"^s3://nobucket/x: there is no bucket"):
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
    stored, seen = dataset.stored(FILES, FOUND), []
    add_files(dataset, [FoundFile(f"{n}-0", f"/{n}", {}, None) for n in range(500)])
    for n_try in range(1, 4):
        seen.append(stored.listing())
        add_files(dataset, [FoundFile(f"7-{n_try}", "/7", {}, None)])
        assert stored.index("file_id")["file_id"].to_pylist()[-1] == f"7-{n_try}"
    assert len({tuple(listing) for listing in seen}) == len(seen)


def test_a_large_object_is_read_as_far_as_it_is_asked_for(folder: Remote, tmp_path: Path) -> None:
    """What is read of a large object, from any place, is what was uploaded in several pieces."""
    content = np.random.default_rng(0).bytes(40_000_000)
    (tmp_path / "file").write_bytes(content)
    put(tmp_path / "file", folder / "file")
    with (folder / "file").open() as opened:
        assert opened.seek(-3, os.SEEK_END) == len(content) - 3
        assert opened.read() == content[-3:]
        assert opened.seek(12_345_678) == 12_345_678
        assert opened.read(2_000_000) == content[12_345_678:14_345_678]
        assert opened.tell() == 14_345_678
    copy(folder / "file", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user without keys in the environment; gives the folder of AWS's files."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return tmp_path


def test_a_profile_of_aws_gives_keys_and_region(
    no_keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without keys in the environment those of the profile are taken; without any file, none."""
    assert aws_profile() == {}
    keys = "[work]\naws_access_key_id = mine\naws_secret_access_key = a\n"
    (no_keys / "credentials").write_text(keys, "utf-8")
    (no_keys / "config").write_text("[profile work]\nregion = eu-north-1\n", "utf-8")
    monkeypatch.setenv("AWS_PROFILE", "work")
    found = aws_profile()
    assert found["region"] == "eu-north-1"
    assert found["credential_provider"]()["access_key_id"] == "mine"
    monkeypatch.setitem(sys.modules, "obstore.auth.boto3", None)
    with pytest.raises(MissingExtraError, match=r"boto3 is not installed.*vidcurate\[aws\]"):
        aws_profile()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    assert aws_profile() == {}


def test_object_storage_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the client the error says how to install it."""
    obstore.cache_clear()
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vidcurate\[storage\]'"):
        Remote("bucket/x").read_bytes()


def test_an_account_that_is_not_named_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Azure's containers need an account, whose variable the message asks for."""
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(StorageError, match=r"^az://box: set AZURE_STORAGE_ACCOUNT_NAME"):
        connection("az", "box")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "mine")
    assert "mine" in str(connection("az", "box"))
    connection.cache_clear()


def test_an_object_is_written_on_a_condition(any_folder: Remote) -> None:
    """Of those who would write over one version only the first does."""
    file = any_folder / "file"
    assert file.write_if(b"one", None)
    assert not file.write_if(b"two", None)
    content, version = file.read_version()
    assert content == b"one"
    assert file.write_if(b"two", version)
    assert not file.write_if(b"three", version)
    assert file.read_bytes() == b"two"


@pytest.mark.parametrize("stale", [b"", lock_text(host="elsewhere")], ids=["absent", "stale"])
def test_of_many_who_take_a_free_lock_one_has_it(
    folder: Remote, monkeypatch: pytest.MonkeyPatch, stale: bytes
) -> None:
    """All see that a lock is free before any writes; one gets it, the others are told whose it is.

    That is so for a lock that is not there and for one that was not refreshed. The storage is in
    memory, since the test server compares and writes in two steps.
    """
    stand_in = MemoryStore()
    monkeypatch.setattr(storage, "connection", lambda _scheme, _bucket: stand_in)
    n_writers = 8
    if stale:
        (folder / "lock").write_bytes(stale)
    together = threading.Barrier(n_writers)

    def is_free(lock: Location, text: bytes) -> None:
        assert (lock, text) == (folder / "lock", stale)
        together.wait(60)

    monkeypatch.setattr(lock_module, "refuse_if_held", is_free)
    texts = [lock_text(token=n) for n in range(n_writers)]

    def taken(text: bytes) -> bool:
        try:
            take_lock(folder / "lock", text)
        except BusyError as error:
            return f"written by process {os.getpid()}" not in str(error)
        return True

    with ThreadPoolExecutor(n_writers) as threads:
        winners = [text for text, won in zip(texts, threads.map(taken, texts), strict=True) if won]
    assert winners == [(folder / "lock").read_bytes()]


def test_a_storage_without_conditions_still_has_a_guard(
    folder: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can be written on a condition, a lock is written and looked at again."""

    def refuse(*_: object) -> bool:
        raise NotImplementedError

    monkeypatch.setattr(Remote, "write_if", refuse)
    with writing(folder):
        with pytest.raises(BusyError), writing(folder):
            pass
        assert (folder / "lock").exists()


def test_a_writer_that_lost_its_lock_is_interrupted(
    folder: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that another took for dead stops, and says whose the data set is now."""
    monkeypatch.setattr(lock_module, "REFRESH_S", 0.05)
    notes: list[str] = []

    def wait_with_a_lock() -> None:
        with writing(folder, notes.append):
            (folder / "lock").write_bytes(lock_text(host="elsewhere"))
            threading.Event().wait(60)

    # A process that a script started in the background ignores Ctrl-C otherwise.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            wait_with_a_lock()
    finally:
        signal.signal(signal.SIGINT, handler)
    assert "is now of process" in notes[0]
    assert (folder / "lock").exists(), "another's lock is not ours to remove"


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
        refuse_if_held(lock, lock.read_bytes())
    refuse_if_held(lock, lock.read_bytes(), stale_s=-1)
    lock.write_bytes(lock_text(pid=ended.pid))
    with writing(folder):
        lock.write_bytes(lock_text(host="elsewhere"))
    assert lock.exists(), "another's lock is not ours to remove"
