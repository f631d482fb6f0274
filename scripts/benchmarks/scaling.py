"""How much faster two workers scan than one, in one run, on the same videos: copies of a whole one.

Where other programs take the cores, wall time says little; then the CPU time does, of which two
workers should take no more than one.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from scripts.benchmarks.ray import copies_of


class Took(NamedTuple):
    """Wall and CPU seconds of one scan."""

    wall_s: float
    cpu_s: float


def main() -> None:
    """Scan copies of a video with one worker and with two, in turn, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--copies", type=int, default=8)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        videos = Path(name) / "videos"
        videos.mkdir()
        copies_of(given.video, given.copies, videos)
        rounds = [
            [scan(videos, Path(name) / "data", workers) for workers in (1, 2)]
            for _ in range(given.rounds)
        ]
    for one, two in rounds:
        print(f"1 worker {one.wall_s:.1f} s, CPU {one.cpu_s:.1f} s; ", end="")
        print(f"2 workers {two.wall_s:.1f} s, CPU {two.cpu_s:.1f} s; ", end="")
        print(f"{one.wall_s / two.wall_s:.2f} times as fast")
    faster = median(one.wall_s / two.wall_s for one, two in rounds)
    dearer = median(two.cpu_s / one.cpu_s for one, two in rounds)
    print(f"median: {faster:.2f} times as fast for {dearer:.2f} of the CPU time")
    print(f"{given.copies} videos, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


def scan(videos: Path, data: Path, workers: int) -> Took:
    """What the scan stage alone takes; what comes before it is done first."""
    shutil.rmtree(data, ignore_errors=True)
    command = [sys.executable, "-m", "vidcurate"]
    options = [str(videos), "-d", str(data), "--quiet", "--workers", str(workers)]
    subprocess.run([*command, "probe", *options], check=True)
    wall_s, cpu_s = time.perf_counter(), cpu_seconds()
    subprocess.run([*command, "scan", *options], check=True)
    return Took(time.perf_counter() - wall_s, cpu_seconds() - cpu_s)


def cpu_seconds() -> float:
    """CPU seconds of all processes started so far, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
