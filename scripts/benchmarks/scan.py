"""Measures what a scan costs against decoding the same videos and doing nothing with them.

`scan_films` makes a 1080p60, a 4K and a 10-bit film to measure it on.
"""

import argparse
import functools
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import imageio_ffmpeg

from scripts.benchmarks.accounting import Places, counting
from vidcurate.media.io.container import open_video
from vidcurate.media.io.decode import Faults, Shrinker, decode_video
from vidcurate.media.scan import samples, scanner
from vidcurate.media.scan.files import read_samples
from vidcurate.media.scan.scanner import ScanOptions, VideoScan, scan_video
from vidcurate.media.scan.signals import SignalMeter
from vidcurate.media.shots.learned import LearnedDetector
from vidcurate.media.visual.camera import FlowMeter

Work = Callable[[Path], object]

DECODE, REST = "decode", "the loop, opening, writing"
STAGES: Mapping[str, Places] = {
    DECODE: [(scanner, "decode_video")],
    "small pictures": [(Shrinker, "shrink")],
    "luma signals": [(SignalMeter, "add"), (SignalMeter, "take")],
    "detector": [(LearnedDetector, name) for name in ("add", "take", "finish")],
    "choice of samples": [(samples.Sampler, "step"), (samples.Sampler, "take")],
    "proxies": [(samples, name) for name in ("as_rgb", "upright", "jpeg")],
    "sharpness, light, bars": [(samples, "native_luma"), (samples, "measure")],
    "colours": [(samples, n) for n in ("coarse_pixels", "colourfulness", "colour_shares")],
    "flow": [(FlowMeter, "between"), (samples, "flow_speed")],
    "camera": [(samples, "camera_motion")],
}


def ffmpeg_decode(video: Path) -> None:
    """Decode a video's video with ffmpeg on one thread and drop the frames."""
    program = shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()
    head = [program, "-v", "quiet", "-nostdin", "-threads", "1", "-i", f"file:{video}"]
    # Frames pass as they are: repeating or dropping some of a VFR video is not part of decoding.
    tail = ["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "null", "-"]
    subprocess.run([*head, *tail], check=True)


def pyav_decode(video: Path) -> None:
    """Decode a video's video with PyAV on one thread and drop the frames."""
    with open_video(video) as (container, stream):
        for _ in decode_video(container, stream, Faults()):
            pass


def scan(video: Path, options: ScanOptions) -> tuple[VideoScan, int, int]:
    """Scan a video; also the bytes of its proxies, and this process's peak memory in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        samples_file = Path(folder) / "samples.arrow"
        found = scan_video(video, options, Path(folder) / "frames.arrow", samples_file)
        proxies = read_samples(samples_file, ("jpeg",))["jpeg"].nbytes
    return found, proxies, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def cpu_seconds(work: Work, video: Path) -> float:
    """CPU time of doing one thing to a video, by this process and by the programs it runs."""
    before = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    work(video)
    after = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    total = sum(usage.ru_utime + usage.ru_stime for usage in after)
    return total - sum(usage.ru_utime + usage.ru_stime for usage in before)


def seconds(pool: ProcessPoolExecutor, work: Work, videos: Sequence[Path]) -> tuple[float, float]:
    """Wall time of doing one thing to all videos in the pool, and its CPU time."""
    start = time.perf_counter()
    cpu = sum(pool.map(functools.partial(cpu_seconds, work), videos))
    return time.perf_counter() - start, cpu


def report_stages(pool: ProcessPoolExecutor, videos: Sequence[Path], options: ScanOptions) -> None:
    """Print where the CPU time of a scan goes, stage by stage, as shares of a bare decode."""
    list(pool.map(functools.partial(scan, options=options), videos[:1]))  # first calls are slower
    bare = sum(pool.map(functools.partial(cpu_seconds, pyav_decode), videos))
    counted: defaultdict[str, float] = defaultdict(float)
    for found in pool.map(functools.partial(stage_seconds, options), videos):
        for stage, spent in found.items():
            counted[stage] += spent
    print(f"  {'bare decode by PyAV':28} {bare:8.2f} s")
    lines = sorted(counted.items(), key=lambda line: -line[1])
    for stage, spent in [*lines, ("scan", sum(counted.values()))]:
        print(f"  {stage:28} {spent:8.2f} s {spent / bare:7.1%}")


def stage_seconds(options: ScanOptions, video: Path) -> dict[str, float]:
    """CPU seconds of one scan by stage; measuring them adds a few microseconds a frame."""
    with counting(STAGES, REST) as accounts:
        scan(video, options)
    return dict(accounts.seconds)


def report_video(pool: ProcessPoolExecutor, video: Path, options: ScanOptions) -> None:
    """Print what one video's scan found and left."""
    start = time.perf_counter()
    found, proxies, peak = pool.submit(scan, video, options).result()
    elapsed = time.perf_counter() - start
    rate = proxies / 1e6 * 3600 / found.duration_s
    print(
        f"  {found.n_frames} frames, {found.n_samples} samples, {found.n_frames / elapsed:.0f} "
        f"frames/s alone, proxies {rate:.0f} MB/hour, worker's peak memory {peak} MiB"
    )


def bench(
    videos: Sequence[Path], options: ScanOptions, workers: int, rounds: int, *, by_stage: bool
) -> None:
    """Print the ratios of times, the ways of working taking turns in each round.

    PyAV's libraries and those of the ffmpeg program may be of two versions.

    Wall times tell only on a machine that does nothing else; CPU times also on a busy one.
    """
    works: dict[str, Work] = {
        "ffmpeg": ffmpeg_decode,
        "PyAV": pyav_decode,
        "scan": functools.partial(scan, options=options),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        # The workers' imports are no part of the measurement: a run starts them once.
        list(pool.map(time.sleep, [0.1] * workers * 4))
        for number in range(rounds):
            for name, work in works.items():
                times[name].append(seconds(pool, work, videos))
            ratio = times["scan"][-1][0] / times["ffmpeg"][-1][0]
            print(f"  round {number + 1} of {rounds}: scan / ffmpeg {ratio:.2f}", flush=True)
        report_video(pool, videos[0], options)
        if by_stage:
            report_stages(pool, videos, options)
    for place, kind in enumerate(("wall", "CPU")):
        spent = {name: [pair[place] for pair in pairs] for name, pairs in times.items()}
        for name, values in spent.items():
            line = f"  {kind:4} {name:6} {spread(values)} s"
            for bare in ("ffmpeg", "PyAV") if name == "scan" else ():
                ratios = [a / b for a, b in zip(values, spent[bare], strict=True)]
                line += f"; over {bare} {spread(ratios)}"
            print(line)


def spread(values: Sequence[float]) -> str:
    """Write the median of some rounds, and the least and the most."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def main() -> None:
    """Bench each video by itself, a copy of it for every worker."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--copies", type=int, help="times each video is read; default: workers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--metrics", nargs="*", default=ScanOptions().metrics)
    parser.add_argument("--by-stage", action="store_true", help="also where the scan's time goes")
    parser.add_argument("--together", action="store_true", help="all videos as one batch of work")
    arguments = parser.parse_args()
    options = ScanOptions(metrics=tuple(arguments.metrics))
    copies = arguments.copies or arguments.workers
    groups = [arguments.videos] if arguments.together else [[video] for video in arguments.videos]
    for group in groups:
        names = ", ".join(video.name for video in group)
        print(f"{names} ({copies} times, {arguments.workers} workers)", flush=True)
        bench(
            *(group * copies, options, arguments.workers, arguments.rounds),
            by_stage=arguments.by_stage,
        )


if __name__ == "__main__":
    main()
