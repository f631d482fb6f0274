"""Signals and full disks, as the command meets them."""

import errno
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import (
    Ended,
    kill_group,
    last_counts,
    start,
    stopped,
    vidcurate,
    wait_until,
)
from tests.support.videos import slow_videos
from vidcurate.errors import MediaError, is_disk_full
from vidcurate.media.io.ffmpeg import disk_full_cause

N_VIDEOS = 3


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of videos, each of which takes a while."""
    return slow_videos(tmp_path_factory.mktemp("videos"), N_VIDEOS)


def goes_on(command: tuple[str | Path, ...]) -> Ended:
    """The same command again, which ends well."""
    ended = vidcurate(*command)
    assert ended.code == 0, ended.err
    return ended


@pytest.mark.parametrize("to_all", [True, False])
def test_sigterm_ends_after_the_batches_in_hand(
    tmp_path: Path, videos: Path, *, to_all: bool
) -> None:
    """SIGTERM, to the command or to all its processes, ends as Ctrl-C does: no row has failed."""
    out = tmp_path / "out"
    command = ("scan", videos, "-d", out, "--workers", "1")

    def terminate(running: subprocess.Popen[bytes]) -> None:
        workers = subprocess.check_output(["pgrep", "-P", str(running.pid)], text=True).split()
        for pid in [running.pid, *map(int, workers)] if to_all else [running.pid]:
            os.kill(pid, signal.SIGTERM)

    stopped(command, tmp_path, lambda: any(out.glob("scans/*/files/*")), terminate)
    counts = last_counts(out)
    assert (counts["failed"], counts["ok"] > 0) == (0, True)
    assert counts["ok"] + counts["pending"] == N_VIDEOS
    goes_on(command)
    assert last_counts(out)["ok"] == N_VIDEOS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_twice_stops_at_once(tmp_path: Path, videos: Path, number: signal.Signals) -> None:
    """The second signal kills the workers; what they had in hand is pending, and nothing failed."""
    out = tmp_path / "out"
    command = ("scan", videos, "-d", out, "--workers", "2")
    running = start(command, tmp_path)
    log = tmp_path / "log"
    try:
        assert wait_until(lambda: bool(list(out.glob("scans/*/files/*"))), running)
        os.kill(running.pid, number)
        assert wait_until(lambda: "once more stops at once" in log.read_text("utf-8"), running)
        workers = subprocess.check_output(["pgrep", "-P", str(running.pid)], text=True).split()
        os.kill(running.pid, number)
        assert running.wait(timeout=60) == 130
    finally:
        if running.poll() is None:
            kill_group(running)
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        time.sleep(0.01)
    said = log.read_text("utf-8")
    assert "interrupted; the same command goes on: vidcurate scan " in said
    assert "Traceback" not in said
    counts = last_counts(out)
    assert (counts["failed"], counts["ok"]) == (0, 0)
    goes_on(command)
    assert last_counts(out)["ok"] == N_VIDEOS


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 300 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "none", disk], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("this user may not mount a disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk_stops_and_the_same_command_goes_on(small_disk: Path, videos: Path) -> None:
    """A full disk is one line that names it; no video has failed, and nothing half-done counts."""
    out, config = small_disk / "out", small_disk.parent / "my.yaml"
    command = ("run", videos, "-d", out, "-c", config)
    config.write_text(
        "scan: {}\nsplit: {min_clip_s: 1}\nfilter: {rules: [clips.n_frames > 1]}\n"
        "export: {preset: ultrafast}\n",
        "utf-8",
    )
    ended = vidcurate(*command)
    assert ended.code == 2, ended.err
    [line] = [line for line in ended.err.splitlines() if line.startswith("vidcurate: ")]
    assert "no space left on the disk of " in line
    assert str(small_disk) in line
    assert "run the same command again" in line
    assert "Traceback" not in ended.err
    subprocess.run(["mount", "-o", "remount,size=50m", small_disk], check=True)
    [reported] = vidcurate("status", "-d", out, "--json").lines
    assert [stage["failed"] for stage in reported["stages"]] == [0] * len(reported["stages"])
    goes_on(command)
    [reported] = vidcurate("status", "-d", out, "--json").lines
    assert reported["stages"][-1]["ok"] == reported["stages"][-1]["inputs"] == N_VIDEOS


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_known_by_its_number(number: int) -> None:
    """A used-up quota is a full disk too; words, such as a video's name, are none."""
    words = os.strerror(number)
    error = MediaError("ffmpeg failed")
    error.__cause__ = OSError(number, words)
    assert is_disk_full(OSError(number, "in any language"))
    assert is_disk_full(error)
    assert not is_disk_full(OSError(errno.EIO, os.strerror(errno.EIO)))
    assert not is_disk_full(MediaError(f"cannot read {words}.mp4"))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_ffmpeg_tells_of_a_full_disk(number: int) -> None:
    """By its exit code, and where that is 1, as before version 6.1, by the end of a line."""
    words = os.strerror(number)
    for exit_code, said in ((256 - number, ""), (1, f"av_interleaved_write_frame(): {words}\nBye")):
        found = disk_full_cause(exit_code, said)
        assert found is not None
        assert is_disk_full(found)
    assert disk_full_cause(1, f"{words}.mp4: Invalid data found when processing input") is None
