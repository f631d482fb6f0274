"""Measures what a scan on Ray costs over the same scan by processes of this machine."""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg

MARK = "VIDCURATE_BENCH"
LOOK_EVERY_S = 0.5
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def copies_of(video: Path, n: int, folder: Path) -> None:
    """Copies of a video that are videos of their own: the same streams under another comment."""
    program = imageio_ffmpeg.get_ffmpeg_exe()
    for number in range(n):
        copy = folder / f"{number}{video.suffix}"
        head = [program, "-v", "error", "-nostdin", "-i", f"file:{video}"]
        tail = ["-map", "0", "-c", "copy", "-metadata", f"comment={number}", f"file:{copy}"]
        subprocess.run([*head, *tail], check=True)


def seconds(videos: Path, engine: Sequence[str]) -> tuple[float, float]:
    """Wall time of a scan on an engine as a whole command, and CPU time of all its processes."""
    mark = uuid.uuid4().hex
    spent: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as dataset:
        command = [sys.executable, "-m", "vidcurate", "scan", str(videos), "-d", dataset, "-q"]
        start = time.perf_counter()
        running = subprocess.Popen([*command, *engine], env={**os.environ, MARK: mark})
        while running.poll() is None:
            spent |= cpu_seconds(mark)
            time.sleep(LOOK_EVERY_S)
        elapsed = time.perf_counter() - start
    if running.returncode:
        sys.exit(f"{' '.join(command)} ended with {running.returncode}")
    return elapsed, sum(spent.values())


def cpu_seconds(mark: str) -> dict[int, float]:
    """CPU time so far of each process that has a mark in its environment, as all of a run's do.

    Ray's processes are no children of the command, so that the system does not add them up.
    """
    found = {}
    wanted = f"{MARK}={mark}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (process / "environ").read_bytes():
                facts = (process / "stat").read_text("utf-8").rsplit(")", 1)[1].split()
                found[int(process.name)] = (int(facts[11]) + int(facts[12])) / TICKS_PER_S
        except OSError:  # it has ended, or is another user's
            continue
    return found


def bench(videos: Path, workers: int, rounds: int, address: str | None) -> None:
    """Print the ratios of times, the engines taking turns.

    Wall times tell only on a machine that does nothing else; CPU times also on a busy one.
    """
    at = ["--address", address] if address else []
    engines = {"local": ["--engine", "local"], "ray": ["--engine", "ray", *at]}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
    for number in range(rounds):
        turn = engines if number % 2 == 0 else reversed(engines)
        for name in turn:
            times[name].append(seconds(videos, [*engines[name], "--workers", str(workers)]))
            wall, cpu = times[name][-1]
            print(f"  round {number + 1}: {name:5} {wall:.1f} s, CPU {cpu:.1f} s", flush=True)
    for place, kind in enumerate(("wall", "CPU")):
        pairs = zip(times["ray"], times["local"], strict=True)
        ratios = [ray[place] / local[place] for ray, local in pairs]
        middle = statistics.median(ratios)
        print(f"  {kind:4} ray / local {middle:.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


def main() -> None:
    """Bench copies of one video."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("--copies", type=int, default=8)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--address", help="a cluster that is up; default: started by the command")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copies_of(arguments.video, arguments.copies, Path(folder))
        print(f"{arguments.video.name} x {arguments.copies}, {arguments.workers} workers")
        bench(Path(folder), arguments.workers, arguments.rounds, arguments.address)


if __name__ == "__main__":
    main()
