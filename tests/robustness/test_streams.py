"""stdout and stderr of any kind: a pipe without reader, encodings that lack characters; no home."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.command import COMMAND, ENVIRONMENT, vidcurate
from tests.support.videos import render

PLAIN_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two videos whose names are no ASCII; that of one is no UTF-8 either."""
    folder = tmp_path_factory.mktemp("videos")
    video = render(folder / "fílm 日本.mp4", [("testsrc2", 1)], size=(64, 64), audio=False)
    try:
        os.link(video, os.fsencode(folder) + b"/bad\xff.mp4")
    except OSError:
        pytest.skip("this file system takes no such name")
    return folder


@pytest.fixture(scope="module")
def dataset(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of the videos, with thousands of rows more than a pipe holds."""
    folder = tmp_path_factory.mktemp("dataset")
    names = folder / "many.txt"
    names.write_text("".join(f"/nowhere/{n}.mp4\n" for n in range(3000)), "utf-8")
    out = folder / "out"
    ended = vidcurate("split", videos, names, "-d", out, "--min-clip-s", "0.1", "--workers", "1")
    assert ended.code == 0, ended.err
    return out


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command",
    [
        "rows sources --failed -d {}",
        "status -d {}",
        "tune -d {} --rule clips.n_frames>1",
        "config",
        "run --help",
    ],
)
def test_a_reader_that_leaves_is_no_error(dataset: Path, command: str, unbuffered: str) -> None:
    """`… | head` ends with 0, or with 141 as other programs do, and stderr is empty."""
    running = subprocess.Popen(
        [*COMMAND, *command.format(dataset).split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**ENVIRONMENT, "PYTHONUNBUFFERED": unbuffered},
    )
    assert running.stdout
    running.stdout.close()
    _, said = running.communicate(timeout=60)
    assert said == b""
    assert running.returncode in (0, 141)


def test_names_do_not_depend_on_the_locale(tmp_path: Path, videos: Path) -> None:
    """Where Python takes names for ASCII, a video is found, opened, and named as anywhere else."""
    environment = {k: v for k, v in ENVIRONMENT.items() if k != "PYTHONIOENCODING"} | PLAIN_LOCALE
    ended = vidcurate(
        "probe", videos, "-d", tmp_path, "--workers", "1", "-q", environment=environment
    )
    assert (ended.code, ended.err) == (0, "")
    ended = vidcurate("rows", "sources", "-d", tmp_path, environment=environment)
    assert ended.out.isascii()
    assert [Path(row["path"]).name for row in ended.lines] == ["fílm 日本.mp4"]


@pytest.mark.parametrize("encoding", ["ascii:strict", "latin-1"])
def test_output_in_any_encoding(dataset: Path, encoding: str) -> None:
    """JSON is JSON, and tables are shown with what there is."""
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": encoding}
    ended = vidcurate("rows", "sources", "-d", dataset, environment=environment)
    assert [Path(row["path"]).name for row in ended.lines] == ["fílm 日本.mp4"]
    reported = subprocess.run(
        [*COMMAND, "status", "-d", str(dataset)], capture_output=True, check=True, env=environment
    )
    times = b"x" if encoding.startswith("ascii") else b"\xd7"
    assert b"ingest failed 3000 " + times in reported.stdout
    assert reported.stderr == b""


def test_without_a_home(tmp_path: Path, videos: Path) -> None:
    """No variable but PATH is needed."""
    bare = {k: os.environ[k] for k in ("PATH", "PYTHONPATH") if k in os.environ}
    ended = vidcurate("probe", videos, "-d", tmp_path, "--workers", "1", environment=bare)
    assert ended.code == 0, ended.err
