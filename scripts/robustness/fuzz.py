"""Probes and scans randomly damaged videos in workers that may die; says what broke, and its seed.

    python scripts/robustness/fuzz.py [--count N] [--seed N] [--video NAME ...] [--keep FOLDER]

A video that is refused by a MediaError is as it should be, whatever is wrong with it. Any other
exception is a fault of ours. A worker that dies, hangs or takes too much memory is a fault of
FFmpeg, which costs a run one row; the numbers make the same file again:
`--seed N --count 1`, with --keep to look at it.
"""

import argparse
import multiprocessing
import random
import resource
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as OutOfTime
from dataclasses import dataclass
from pathlib import Path

from pebble import ProcessExpired, ProcessPool

from scripts.robustness.bad_damage import mutated
from scripts.robustness.bad_videos import VIDEOS as BAD_VIDEOS
from scripts.robustness.bad_videos import make_videos
from vidcurate.errors import MediaError
from vidcurate.media.io.probe import probe_video
from vidcurate.media.scan.scanner import ScanOptions, scan_video
from vidcurate.records import VIDEOS

LONGEST_S = 60
MEMORY_BYTES = 4 << 30
READ, REFUSED = "read", "refused"


@dataclass(frozen=True, slots=True)
class Trial:
    """One damaged video: which, and the seed of the damage."""

    video: str
    seed: int


def main() -> None:
    """Try so many videos, count what came of them, and name every fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000, help="how many videos")
    parser.add_argument("--seed", type=int, default=1, help="of the first; then one more each")
    parser.add_argument(
        "--video", action="append", choices=sorted(BAD_VIDEOS), help="only of these"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="write the damaged videos here and keep them")
    options = parser.parse_args()
    names = tuple(options.video or BAD_VIDEOS)
    numbers = range(options.seed, options.seed + options.count)
    trials = [Trial(names[number % len(names)], number) for number in numbers]
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        make_videos(folder / "sound")
        for trial, result in run(trials, folder, options.workers, keep=bool(options.keep)):
            counts[result.splitlines()[0]] += 1
            if result not in (READ, REFUSED):
                again = f"--seed {trial.seed} --count 1" + "".join(
                    f" --video {n}" for n in options.video or ()
                )
                print(f"{trial.video} ({again}): {result}", flush=True)
    print(", ".join(f"{count} {result}" for result, count in counts.most_common()))
    sys.exit(bool(counts.keys() - {READ, REFUSED}))


def run(
    trials: Sequence[Trial], folder: Path, workers: int, *, keep: bool
) -> Iterator[tuple[Trial, str]]:
    """What became of each trial, in order."""
    context = multiprocessing.get_context("spawn")
    with ProcessPool(workers, max_tasks=200, initializer=limit_memory, context=context) as pool:
        todo: list[tuple[Trial, Future[str]]] = [
            (trial, pool.schedule(attempt, args=[trial, folder, keep], timeout=LONGEST_S))
            for trial in trials
        ]
        for trial, future in todo:
            yield trial, result_of(future)


def limit_memory() -> None:
    """An end to what this worker may take."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def result_of(future: "Future[str]") -> str:
    """What became of a trial, also of one whose worker did not survive it."""
    try:
        return future.result()
    except OutOfTime:
        return f"HANG: more than {LONGEST_S} s"
    except ProcessExpired as expired:
        code = expired.exitcode or 0
        return f"CRASH: {signal.Signals(-code).name if code < 0 else f'exit code {code}'}"


def attempt(trial: Trial, folder: Path, keep: bool) -> str:  # noqa: FBT001 - sent to a worker
    """Damage a video as its seed says, then probe and scan it."""
    sound = folder / "sound" / trial.video
    path = folder / f"{trial.seed}-{trial.video}"
    dice = random.Random(trial.seed)  # noqa: S311 - the same seed gives the same damage
    path.write_bytes(mutated(sound.read_bytes(), dice))
    try:
        read(path, folder / str(trial.seed))
    except MediaError:
        return REFUSED
    except Exception as error:  # noqa: BLE001 - the point of a fuzzer
        lines = traceback.format_exc().splitlines()
        return "\n".join((f"FAULT {type(error).__name__}: {error}", *lines))
    finally:
        if not keep:
            path.unlink()
    return READ


def read(path: Path, out: Path) -> None:
    """What a run does with a video first: its facts as a row, and its signals."""
    VIDEOS.to_arrow([probe_video(path, "video")])
    frames, samples = (out.with_suffix(f".{part}.arrow") for part in ("frames", "samples"))
    try:
        scan_video(path, ScanOptions(), frames_file=frames, samples_file=samples)
    finally:
        frames.unlink(missing_ok=True)
        samples.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
