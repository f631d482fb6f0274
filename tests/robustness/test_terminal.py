"""The command as people use it: typed into a shell on a terminal, with Ctrl-C and Ctrl-Z."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import last_counts, vidcurate
from tests.support.terminal import CTRL_C, CTRL_Z, Terminal, below, state, terminal
from tests.support.videos import slow_videos

N_VIDEOS = 3
# Ctrl-C twice ends within seconds; tests run beside others.
SECONDS = 20.0
STAGES = "ingest: {{}}\nprobe: {{}}\nscan: {{metrics: [{metric}]}}\ncuts: {{detector: {metric}}}\n"
JOB = (
    STAGES + "split: {{min_clip_s: 0.5}}\nquality: {{}}\nfilter: {{rules: [clips.n_frames > 1]}}\n"
    "export: {{preset: ultrafast}}\n"
)
COLOURS = re.compile(r"\x1b\[[0-9;]*(3[0-9]|4[0-9]|9[0-7])m")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of videos, each of which takes a while."""
    return slow_videos(tmp_path_factory.mktemp("videos"), N_VIDEOS)


@pytest.fixture
def window() -> Iterator[Terminal]:
    """A terminal of the usual size."""
    with terminal() as opened:
        yield opened


def worker_of(window: Terminal) -> int:
    """The process that scans: the one with a group of its own; wait until there is one."""
    found: list[int] = []

    def look() -> list[int]:
        pids = window.processes()
        command = {p for p in pids if p == os.getpgid(p)}
        found[:] = sorted(p for p in command if not below(p) and len(pids) > 1)
        return found

    window.until(look)
    return found[-1]


@pytest.mark.parametrize(
    ("metric", "columns", "environment"),
    [
        ("learned", 80, {}),
        ("content", 20, {"NO_COLOR": "1"}),
        ("content", 80, {"TERM": "dumb"}),
    ],
)
def test_the_job_runs_to_its_end(
    tmp_path: Path, video: Path, metric: str, columns: int, environment: dict[str, str]
) -> None:
    """Nothing that a worker starts waits for the terminal; each stage is one line on it.

    A terminal that cannot draw is given plain lines, and NO_COLOR is heeded.
    """
    config = tmp_path / "my.yaml"
    config.write_text(JOB.format(metric=metric), "utf-8")
    with terminal(columns, environment=environment) as window:
        window.start("run", video, "-d", tmp_path / "out", "-c", config)
        window.until_shown("scan")
        window.resize(columns - 1)
        assert window.ended() == 0, window.shown
        shown = window.shown
    if environment.get("TERM") == "dumb":
        assert "\x1b" not in shown
        assert "scan: 1 to do" in shown
    else:
        assert shown.count("\x1b[?25h") == shown.count("\x1b[?25l") == 1
        assert bool(COLOURS.search(shown)) == ("NO_COLOR" not in environment)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
        bars = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "\n", plain).splitlines()
        drawn = [line.rstrip() for line in bars if re.match(r"\w+ +(━+ )?\d+/\d+", line)]
        assert drawn
        assert max(map(len, drawn)) <= columns
    assert last_counts(tmp_path / "out")["failed"] == 0


def test_ctrl_c_ends_after_the_batches_in_hand(
    tmp_path: Path, videos: Path, window: Terminal
) -> None:
    """One press: no row is lost, nothing is left running, and the same command goes on."""
    command = ("scan", videos, "-d", tmp_path / "out", "--workers", "1")
    window.start(*command)
    window.until(lambda: any(tmp_path.glob("out/scans/*/files/*")))
    window.type(CTRL_C)
    assert window.ended() == 130
    assert "interrupted; the same command goes on: vidcurate scan" in window.shown
    assert "Traceback" not in window.shown
    assert window.processes() == []
    counts = last_counts(tmp_path / "out")
    assert (counts["failed"], counts["ok"] > 0) == (0, True)
    window.start(*command)
    assert window.ended() == 0
    assert last_counts(tmp_path / "out")["ok"] == N_VIDEOS


@pytest.mark.parametrize("waves", [(), ("--wave", "1")])
def test_ctrl_c_twice_ends_within_seconds(
    tmp_path: Path, videos: Path, window: Terminal, waves: tuple[str, ...]
) -> None:
    """Even where a worker is stopped and never answers."""
    config = tmp_path / "my.yaml"
    config.write_text(STAGES.format(metric="learned"), "utf-8")
    window.start(
        "run", videos, "-d", tmp_path / "out", "-c", config, "--workers", "1", "-q", *waves
    )
    window.until(lambda: any(tmp_path.glob("out/scans/*/files/*")))
    os.kill(worker_of(window), signal.SIGSTOP)
    window.type(CTRL_C)
    window.until_shown("once more stops at once")
    window.type(CTRL_C)
    assert window.ended(SECONDS) == 130
    assert "Traceback" not in window.shown
    window.until(lambda: not window.processes(), SECONDS)
    assert last_counts(tmp_path / "out")["failed"] == 0


def test_ctrl_c_ends_a_start(tmp_path: Path, window: Terminal) -> None:
    """While sources are read from the terminal one press ends the command."""
    window.start("ingest", "-", "-d", tmp_path / "out")
    window.until((tmp_path / "out" / "lock").exists)
    window.type(CTRL_C)
    assert window.ended(SECONDS) == 130
    assert "Traceback" not in window.shown


def test_ctrl_z_suspends_all_until_it_goes_on(
    tmp_path: Path, videos: Path, window: Terminal
) -> None:
    """No process of a suspended run computes; `fg` lets it go on to its end."""
    window.start("scan", videos, "-d", tmp_path / "out")
    worker = worker_of(window)
    window.until(lambda: any(tmp_path.glob("out/scans/*/files/*")))
    window.type(CTRL_Z)
    window.until_shown("Stopped")
    window.until(lambda: state(worker) == "T")
    window.type("fg\n")
    window.until(lambda: "Z" not in state(worker) and state(worker) != "T")
    window.until(lambda: not window.processes())
    counts = last_counts(tmp_path / "out")
    assert (counts["ok"], counts["failed"]) == (N_VIDEOS, 0)


def test_a_terminal_that_is_closed_ends_the_run(tmp_path: Path, videos: Path) -> None:
    """It ends as by SIGTERM: no process is left, no row has failed, the same command goes on."""
    command = ("scan", videos, "-d", tmp_path / "out", "--workers", "1")
    with terminal() as window:
        window.start(*command)
        window.until(lambda: any(tmp_path.glob("out/scans/*/files/*")))
        started = window.processes()
        assert len(started) > 1
        window.close()
        end = time.monotonic() + SECONDS
        while any(state(pid) not in ("", "Z") for pid in started):
            assert time.monotonic() < end
            time.sleep(0.05)
    counts = last_counts(tmp_path / "out")
    assert (counts["failed"], counts["ok"] > 0) == (0, True)
    assert counts["ok"] + counts["pending"] == N_VIDEOS
    assert vidcurate(*command).code == 0
