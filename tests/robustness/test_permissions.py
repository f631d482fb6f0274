"""Folders that cannot be written to, and file systems without locks: one line, or it goes on."""

import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.command import ENVIRONMENT, Ended, vidcurate
from vidcurate.errors import location_fault
from vidcurate.store.lock import own_facts

# A file system without locks, as NFS without a lock daemon, some of Lustre, and FUSE.
NO_LOCKS = """
import errno, fcntl, os

def flock(file, operation):
    number = int(os.environ["NO_LOCKS"])
    raise OSError(number, os.strerror(number))

fcntl.flock = flock
"""
HOLD = """
import sys, time
from pathlib import Path
from vidcurate.store.lock import writing

with writing(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""
# Several commands in one process, which is quicker: [code, stdout, stderr] of each.
SEVERAL = """
import contextlib, io, json, sys
from vidcurate.cli.app import main

told = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["vidcurate", *arguments]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    told.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(told))
"""
# Root may do anything, unless it gives that up.
AS_A_USER = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner", "--")


def several(*commands: Sequence[str | Path], bound: bool = False) -> list[Ended]:
    """Run commands one after another, also as somebody whom permissions bind."""
    user = AS_A_USER if bound and not os.geteuid() else ()
    given = json.dumps([[str(word) for word in command] for command in commands])
    done = subprocess.run(
        [*user, sys.executable, "-c", SEVERAL, given],
        capture_output=True,
        check=True,
        env=ENVIRONMENT,
        timeout=120,
    )
    return [Ended(*reported) for reported in json.loads(done.stdout)]


@pytest.fixture(scope="module")
def made(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of one video."""
    root = tmp_path_factory.mktemp("made") / "data"
    assert vidcurate("filter", video, "-d", root, "--engine", "inline", "-q").code == 0
    return root


@pytest.fixture
def read_only(made: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it in which nothing can be written."""
    if not os.geteuid() and shutil.which("setpriv") is None:
        pytest.skip("permissions do not bind root, and there is no setpriv")
    root = tmp_path / "data"
    shutil.copytree(made, root)
    for path in (*root.rglob("*"), root):
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield root
    for path in (root, *root.rglob("*")):
        path.chmod(0o755)


def is_one_line(ended: Ended, *words: str | Path) -> bool:
    """Whether a command ended with 2 and one line with these words."""
    lines = ended.err.splitlines()
    assert ended.code == 2, ended.err
    assert len(lines) == 1, ended.err
    assert lines[0].startswith("vidcurate: ")
    return all(str(word) in lines[0] for word in words)


def test_what_can_be_read_can_be_looked_at(read_only: Path) -> None:
    """Commands that look need not write; commands that write say where they cannot."""
    root = ("-d", read_only)
    looks = [("status", *root), ("rows", "kept", *root), ("tune", *root)]
    writes = [(name, *root) for name in ("filter", "ingest", "clean", "estimate")]
    ends = several(*looks, ("diff", read_only, read_only), *writes, bound=True)
    for looked in ends[: -len(writes)]:
        assert looked.code == 0, looked.err
        assert looked.out
    for refused in ends[-len(writes) :]:
        assert is_one_line(refused, read_only, "Permission denied")


def test_what_is_no_folder_is_no_data_set(video: Path, tmp_path: Path) -> None:
    """A file as -d, a path through a file, or one that cannot be made ends with one line."""
    names = (("filter", video), ("status",), ("rows", "clips"), ("clean",))
    for ended in several(*((*name, "-d", root) for name in names for root in (video, video / "x"))):
        assert is_one_line(ended, video, "is a file")
    (tmp_path / "lock").mkdir()
    cannot = {tmp_path / ("x" * 300): "File name too long", tmp_path: "lock", Path("/proc/x"): ""}
    for ended, words in zip(
        several(*(("ingest", video, "-d", root) for root in cannot)), cannot.values(), strict=True
    ):
        assert is_one_line(ended, words)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ESTALE, errno.ENAMETOOLONG])
def test_an_error_of_a_place_names_it(number: int) -> None:
    """What the system says of a place becomes a line; what may be our own fault does not."""
    fault = location_fault(OSError(number, os.strerror(number), "/data/x"))
    assert fault is not None
    assert fault.startswith(f"/data/x: {os.strerror(number)}: ")
    assert location_fault(OSError(errno.ENOENT, os.strerror(errno.ENOENT), "/data/x")) is None


@pytest.fixture
def without_locks(tmp_path: Path) -> dict[str, str]:
    """The environment of a command on a file system without locks."""
    shim = tmp_path / "shim"
    shim.mkdir()
    (shim / "sitecustomize.py").write_text(NO_LOCKS, "utf-8")
    paths = [str(shim), os.environ.get("PYTHONPATH", "")]
    return {
        **ENVIRONMENT,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "NO_LOCKS": str(errno.ENOLCK),
        "VIDCURATE_CACHE": str(tmp_path / "cache"),
    }


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EIO])
def test_without_locks_a_run_goes_on(
    number: int, video: Path, tmp_path: Path, without_locks: dict[str, str]
) -> None:
    """After a line that says so, and nothing is left of the guard."""
    environment = {**without_locks, "NO_LOCKS": str(number)}
    arguments = ("ingest", video, "-d", tmp_path / "data", "--engine", "inline", "-q")
    ended = vidcurate(*arguments, environment=environment)
    assert ended.code == 0, ended.err
    assert ended.err.startswith("warning: the file system of ")
    assert ended.err.count("\n") == 1
    assert os.strerror(number) in ended.err
    assert not (tmp_path / "data" / "lock").exists()


def test_without_locks_there_is_one_writer(
    video: Path, tmp_path: Path, without_locks: dict[str, str]
) -> None:
    """A second writer is refused; one that was killed, or that does not refresh, is not in the way.

    How old the guard is the file system's own clock says, not this machine's.
    """
    root, lock = tmp_path / "data", tmp_path / "data" / "lock"
    arguments = ("ingest", video, "-d", root, "--engine", "inline", "-q")
    hold = [sys.executable, "-c", HOLD, str(root)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(hold, env=without_locks, text=True, **pipes) as other:  # type: ignore[call-overload]
        try:
            assert other.stdout.readline() == "held\n"
            refused = vidcurate(*arguments, environment=without_locks)
            assert refused.code == 2
            assert f"{root} is being written by process {other.pid} on " in refused.err
        finally:
            other.send_signal(signal.SIGKILL)
    assert vidcurate(*arguments, environment=without_locks).code == 0
    lock.write_text(json.dumps({**own_facts(), "host": f"not-{socket.gethostname()}"}), "utf-8")
    assert vidcurate(*arguments, environment=without_locks).code == 2
    os.utime(lock, (0, 0))
    assert vidcurate(*arguments, environment=without_locks).code == 0
