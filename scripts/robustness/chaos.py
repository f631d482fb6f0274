"""Kill a run over real videos at many random moments, and prove that nothing was lost or changed.

The videos are run once in peace. Then the same run is made in another folder while its driver or
one of its workers is killed with SIGKILL again and again, and resumed each time. At the end every
table must hold the same rows, and every file that the rows name, clips among them, the same bytes.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidcurate.media.io.ffmpeg import find_ffmpeg
from vidcurate.store.dataset import Dataset, StoredTable

OPTIONS = {
    **{name: {} for name in ("ingest", "probe", "scan", "cuts", "quality", "filter")},
    "split": {"min_clip_s": 1, "max_clip_s": 8},
    **{name: {} for name in ("keyframes", "caption")},
    "export": {"media": "copy"},
}
# What a stage took is no fact about the video.
TIMES = {"seconds"}


@dataclass
class Chaos:
    """One disturbed run, and what was done to it."""

    folder: Path
    dice: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    wall_s: float = 0.0

    def run(self, videos: Path, config: Path, n_kills: int, longest_s: float) -> None:
        """Run until done, killing so many times on the way, after `longest_s` seconds at most."""
        while True:
            began = time.monotonic()
            self.attempts += 1
            driver = start(videos, config, self.folder)
            while self.kills.total() < n_kills and driver.poll() is None:
                wait_for(driver, self.dice.uniform(0, longest_s))
                self.kill(driver)
            code = driver.wait()
            self.wall_s += time.monotonic() - began
            if code == 0 and self.kills.total() >= n_kills:
                # A video whose worker was killed again and again has failed; killing has ended now.
                start(videos, config, self.folder, "--retry-failed").wait()
                return
            if code == 0:  # done too soon: begin anew, so that there is something to kill
                shutil.rmtree(self.folder)
            elif code != -signal.SIGKILL:
                sys.exit(f"the run ended with exit code {code} instead of being killed")

    def kill(self, driver: "subprocess.Popen[bytes]") -> None:
        """Kill the driver, or one of its worker processes, if they are still there."""
        workers = children(driver.pid)
        victim = self.dice.choice(["driver", *(["worker"] * bool(workers))])
        number = driver.pid if victim == "driver" else self.dice.choice(workers)
        if driver.poll() is None and killed(number):
            self.kills[victim] += 1
        if victim == "driver":
            driver.wait()


def main() -> None:
    """Run in peace and in chaos, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path, help="a video; its pieces are the videos of the run")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--pieces", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=15, help="length of a piece")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("demo/chaos"))
    given = parser.parse_args()
    shutil.rmtree(given.folder, ignore_errors=True)
    videos = given.folder / "videos"
    cut_pieces(given.video, videos, given.pieces, given.seconds)
    config = given.folder / "chaos.yaml"
    config.write_text(json.dumps(OPTIONS), "utf-8")  # JSON is YAML
    peace, chaos = given.folder / "peace", given.folder / "chaos"
    began = time.monotonic()
    if start(videos, config, peace).wait() != 0:
        sys.exit("the undisturbed run failed")
    peace_s = time.monotonic() - began
    disturbed = Chaos(chaos, random.Random(given.seed))  # noqa: S311 - dice, not secrets
    disturbed.run(videos, config, given.kills, peace_s / 3)
    began = time.monotonic()
    start(videos, config, chaos).wait()
    nothing_s = time.monotonic() - began
    report(disturbed, peace_s, nothing_s, list(differences(peace, chaos)))


def cut_pieces(video: Path, folder: Path, n_pieces: int, seconds: int) -> None:
    """Different stretches of a video as videos of their own, without encoding."""
    folder.mkdir(parents=True)
    for number in range(n_pieces):
        span = ("-ss", str(number * seconds), "-t", str(seconds))
        target = folder / f"piece{number}.mp4"
        tool = [find_ffmpeg().path, "-v", "error", "-y", *span, "-i", str(video), "-c", "copy"]
        subprocess.run([*tool, str(target)], check=True)


def start(videos: Path, config: Path, dataset: Path, *more: str) -> "subprocess.Popen[bytes]":
    """A run as a user starts it."""
    command = ["run", str(videos), "-c", str(config), "-d", str(dataset), "-q", *more]
    return subprocess.Popen([sys.executable, "-m", "vidcurate", *command])


def wait_for(driver: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Wait so long, or until the run has ended."""
    until = time.monotonic() + seconds
    while driver.poll() is None and time.monotonic() < until:
        time.sleep(0.02)


def children(process_id: int) -> list[int]:
    """The worker processes of a driver; the helper that multiprocessing starts is not one."""
    ask = ["ps", "-A", "-o", "pid=,ppid=,args="]
    listing = subprocess.run(ask, capture_output=True, text=True, check=True).stdout
    rows = (line.split(None, 2) for line in listing.splitlines())
    return [
        int(number)
        for number, parent, command in rows
        if int(parent) == process_id and "spawn_main" in command
    ]


def killed(process_id: int) -> bool:
    """Kill a process; whether it was still there."""
    try:
        os.kill(process_id, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def stored_tables(root: Path) -> Iterator[tuple[str, StoredTable[Path]]]:
    """Every table of a data set."""
    for name, entry in Dataset(root).manifest().items():
        yield name, StoredTable(root / name / entry["fingerprint"])


def differences(peace: Path, chaos: Path) -> Iterator[str]:
    """What differs between two data sets, in words."""
    one, other = dict(stored_tables(peace)), dict(stored_tables(chaos))
    if one.keys() != other.keys():
        yield f"tables {sorted(one)} and {sorted(other)}"
    for name in one.keys() & other.keys():
        for what, read in (("rows", rows_of), ("outcomes", outcomes_of), ("files", files_of)):
            first, second = read(one[name]), read(other[name])
            if first != second:
                yield f"{what} of {name}: {len(first)} and {len(second)}, or their content"
    if bytes_under(peace / "export" / "clips") != bytes_under(chaos / "export" / "clips"):
        yield "the exported clips"


def rows_of(stored: StoredTable[Path]) -> list[str]:
    """All rows as sorted JSON lines, without what they took."""
    tables = [stored.folder / part for part in stored.parts()]
    return sorted(line for path in tables for line in json_lines(path))


def json_lines(path: Path) -> Iterator[str]:
    """The rows of one Parquet file."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - the comparison alone needs it

    for row in pq.ParquetFile(path).read().to_pylist():
        yield json.dumps(without_times(row), sort_keys=True, default=str)


def without_times(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without the columns that say how long something took."""
    return {name: value for name, value in row.items() if name not in TIMES}


def outcomes_of(stored: StoredTable[Path]) -> list[str]:
    """What became of each input."""
    done = stored.done().select(["id", "status", "reason"]).to_pylist()
    return sorted(json.dumps(row) for row in done)


def files_of(stored: StoredTable[Path]) -> dict[str, str]:
    """The files that the rows name; what a kill left half-written is not one."""
    return bytes_under(stored.files)


def bytes_under(folder: Path) -> dict[str, str]:
    """Each whole file in a folder, with the hash of its bytes."""
    files = [p for p in sorted(folder.glob("**/*")) if p.is_file() and p.suffix != ".partial"]
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def report(chaos: Chaos, peace_s: float, nothing_s: float, found: Sequence[str]) -> None:
    """Print what was done and found; exit with 1 if anything differs."""
    again_s = chaos.wall_s - peace_s - (chaos.attempts - 1) * nothing_s
    print(f"killed {chaos.kills['driver']} times the driver, {chaos.kills['worker']} a worker")
    print(f"undisturbed {peace_s:.0f} s; {chaos.attempts} attempts {chaos.wall_s:.0f} s, of which")
    print(f"a start with nothing to do takes {nothing_s:.1f} s: {again_s:.0f} s of work done again")
    if found:
        sys.exit("DIFFERENT: " + "; ".join(found))
    print("all rows, outcomes and files are the same")


if __name__ == "__main__":
    main()
