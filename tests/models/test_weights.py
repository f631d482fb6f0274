import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vidcurate.errors import UsageError
from vidcurate.models.weights import WeightsFile, cached_file, check_sha256, fetch_weights

CONTENT = b"numbers" * 1000
HASH = hashlib.sha256(CONTENT).hexdigest()


class Quiet(SimpleHTTPRequestHandler):
    """A file server that writes no log."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of a server that has the file head.pth."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "head.pth").write_bytes(CONTENT)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, named as the XDG base directories are."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_weights_are_fetched_once(served: str, cache: Path, tmp_path: Path) -> None:
    """The file lies in the cache after the first time, and no network is needed after."""
    weights = WeightsFile("head.pth", f"{served}/head.pth", HASH.upper())
    file = fetch_weights(weights)
    assert file == cache / "vidcurate" / "weights" / "head.pth"
    assert file.read_bytes() == CONTENT
    (tmp_path / "served" / "head.pth").unlink()
    assert fetch_weights(weights) == file


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without XDG_CACHE_HOME the cache is ~/.cache."""
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = tmp_path / ".cache" / "vidcurate" / "weights" / "a.pth"
    assert cached_file(WeightsFile("a.pth", "", "")) == expected


def test_a_user_without_a_home_has_a_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in a container whose user is a mere number, of whom the system knows no home."""

    def none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", none)
    monkeypatch.setenv("VIDCURATE_CACHE", str(tmp_path))
    assert cached_file(WeightsFile("a.pth", "", "")).is_relative_to(tmp_path)


def test_another_file_is_refused_and_not_kept(served: str, cache: Path) -> None:
    """What comes with another hash is named by both hashes, and nothing of it stays."""
    with pytest.raises(
        UsageError, match=f"{served}/head.pth have sha256 {HASH} and not {'0' * 64}"
    ):
        fetch_weights(WeightsFile("head.pth", f"{served}/head.pth", "0" * 64))
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_a_damaged_file_in_the_cache_is_refused(served: str) -> None:
    """A file that was put into the cache by hand must have the hash too."""
    weights = WeightsFile("head.pth", f"{served}/head.pth", HASH)
    fetch_weights(weights).write_bytes(CONTENT[:-1])
    with pytest.raises(UsageError, match=f"and not {HASH}: fetch them again"):
        fetch_weights(weights)


@pytest.mark.parametrize("address", ["{served}/other.pth", "http://127.0.0.1:1/head.pth"])
def test_no_network_is_an_error_with_a_remedy(served: str, address: str, cache: Path) -> None:
    """Without the file or a server the address, the hash and the place for the file are named."""
    url = address.format(served=served)
    with pytest.raises(UsageError, match=f"cannot fetch {url}") as raised:
        fetch_weights(WeightsFile("head.pth", url, HASH))
    assert f"sha256 {HASH}, at {cache}/vidcurate/weights/head.pth" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_files_are_known_by_their_hash(tmp_path: Path) -> None:
    """A file passes by its SHA-256 in either case of letters."""
    file = tmp_path / "a"
    file.write_bytes(CONTENT)
    check_sha256(file, HASH.upper())
    with pytest.raises(UsageError, match=str(file)):
        check_sha256(file, HASH[::-1])
