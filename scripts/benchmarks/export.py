"""Measures writing clip files beside bare ffmpeg with the same settings: time, and bytes by mode.

Ways take turns, and the median of their rounds is told. Bare ffmpeg runs once a clip with one
thread, as many at once as there are workers, and proves nothing of what it wrote. Ours is the whole
command, from its start to the finished data set.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import imageio_ffmpeg

BARE, PLAIN, PROVED = "bare ffmpeg", "encode", "encode, verified"
OTHER_WAYS: Mapping[str, Sequence[str]] = {
    "smart, verified": ("--media", "smart"),
    "copy, verified": ("--media", "copy", "--inexact", "keep"),
}
SPLIT = {"min_clip_s": 2, "max_clip_s": 20}


@dataclass(frozen=True, slots=True)
class Measured:
    """What one way took: seconds passed, seconds of all processes, and bytes of clip files."""

    seconds: float
    cpu_s: float
    size_bytes: int
    n_files: int


def vidcurate(*arguments: str) -> str:
    """What a command prints on stdout."""
    command = [sys.executable, "-m", "vidcurate", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def prepare(videos: Sequence[Path], dataset: Path) -> list[Mapping[str, Any]]:
    """Find the clips; return their rows, each with the path of its video."""
    config = dataset.with_suffix(".yaml")
    stages = ("ingest", "probe", "scan", "cuts", "split", "filter")
    options = {stage: SPLIT if stage == "split" else {} for stage in stages}
    config.write_text(json.dumps(options), "utf-8")
    vidcurate("run", *map(str, videos), "-c", str(config), "-d", str(dataset), "--quiet")
    paths = {row["video_id"]: row["path"] for row in rows("sources", dataset)}
    return [{**clip, "path": paths[clip["video_id"]]} for clip in rows("kept", dataset)]


def rows(table: str, dataset: Path) -> list[Mapping[str, Any]]:
    """The rows of a table."""
    return [json.loads(row) for row in vidcurate("rows", table, "-d", str(dataset)).splitlines()]


def measure(work: Callable[[], None], files: Path) -> Measured:
    """Measure some work, and what it left in a folder of clips."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    work()
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    sizes = [file.stat().st_size for file in files.glob("*.mp4")]
    return Measured(seconds, cpu_s, sum(sizes), len(sizes))


def bare(clips: Sequence[Mapping[str, Any]], preset: str, workers: int, folder: Path) -> Measured:
    """Encode the clips by ffmpeg alone."""
    folder.mkdir()

    def encode(numbered: tuple[int, Mapping[str, Any]]) -> None:
        number, clip = numbered
        span = ("-ss", f"{clip['start_s']:.6f}", "-t", f"{clip['duration_s']:.6f}")
        command = [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "fatal", "-nostdin", "-threads", "1", *span),
            *("-i", clip["path"], "-threads", "1", "-c:v", "libx264", "-crf", "18"),
            *("-preset", preset, "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "192k"),
            *("-movflags", "+faststart", str(folder / f"{number}.mp4")),
        ]
        subprocess.run(command, check=True)

    def work() -> None:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(encode, enumerate(clips)))

    return measure(work, folder)


def ours(
    dataset: Path, preset: str, workers: int, folder: Path, options: Sequence[str]
) -> Measured:
    """Export a copy of the data set."""
    shutil.copytree(dataset, folder)
    arguments = ("-d", str(folder), "--preset", preset, "--workers", str(workers), "--quiet")
    work = partial(vidcurate, "export", *arguments, *options)
    return measure(lambda: print(work(), end=""), folder / "export" / "clips")


def report(found: Mapping[str, Sequence[Measured]], video_s: float) -> None:
    """Print a line for each way."""
    titles = ("files", "seconds", "cpu s", "clips/s", "x real time", "of bare", "cpu of bare", "MB")
    print(f"{'':18}" + "".join(f"{title:>12}" for title in titles))
    base = {name: median(getattr(m, name) for m in found[BARE]) for name in ("seconds", "cpu_s")}
    for way, rounds in found.items():
        seconds, cpu_s = (median(getattr(m, name) for m in rounds) for name in ("seconds", "cpu_s"))
        n_files, size = rounds[0].n_files, rounds[0].size_bytes / 1e6
        print(
            f"{way:18}{n_files:>12}{seconds:>12.1f}{cpu_s:>12.1f}{n_files / seconds:>12.2f}"
            f"{video_s / seconds:>12.2f}{seconds / base['seconds']:>12.2f}"
            f"{cpu_s / base['cpu_s']:>12.2f}{size:>12.1f}"
        )


def main() -> None:
    """Export the clips of some videos in each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--preset", default="medium")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only-encode", action="store_true", help="leave copy and smart out")
    given = parser.parse_args()
    ways: dict[str, Sequence[str]] = {PLAIN: ("--no-verify",), PROVED: ()}
    ways |= {} if given.only_encode else OTHER_WAYS
    found: dict[str, list[Measured]] = {name: [] for name in (BARE, *ways)}
    with tempfile.TemporaryDirectory() as name:
        dataset = Path(name) / "dataset"
        clips = prepare(given.videos, dataset)
        video_s = sum(clip["duration_s"] for clip in clips)
        print(f"{len(given.videos)} videos, {len(clips)} clips, {video_s:.0f} s", flush=True)
        for number, way in product(range(given.rounds), found):
            folder = Path(name) / f"{number}"
            settings = given.preset, given.workers, folder
            one = bare(clips, *settings) if way == BARE else ours(dataset, *settings, ways[way])
            shutil.rmtree(folder)
            found[way].append(one)
            print(f"round {number + 1}, {way}: {one.seconds:.1f} s", file=sys.stderr, flush=True)
        report(found, video_s)


if __name__ == "__main__":
    main()
