"""Peak memory of a whole run, of its driver and of its largest worker, over few videos and many.

Memory should be that of the videos in hand, however many there are.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

CONFIG = Path(__file__).parents[2] / "configs" / "quickstart.yaml"
LOOK_EVERY_S = 0.25
MB = 1e6
MARK = "VIDCURATE_BENCH"


@dataclass
class Peaks:
    """The most memory seen at once, in bytes: of the driver, of any one process it started."""

    driver: int = 0
    worker: int = 0
    together: int = 0


def main() -> None:
    """Run pieces of a video, a few and then all, and print the peaks of each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("--videos", type=int, nargs="+", default=[10, 25, 50])
    parser.add_argument("--seconds", type=int, default=30, help="how much of the video each is")
    given = parser.parse_args()
    print(f"{'videos':>6}{'driver MB':>12}{'worker MB':>12}{'together MB':>13}{'seconds':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for count in given.videos:
            videos = Path(folder) / f"{count} videos"
            videos.mkdir()
            make_videos(given.video, videos, count, given.seconds)
            began = time.perf_counter()
            peaks = watched(videos, Path(folder) / f"{count}")
            figures = (peaks.driver / MB, peaks.worker / MB, peaks.together / MB)
            print(
                f"{count:>6}{figures[0]:>12.0f}{figures[1]:>12.0f}{figures[2]:>13.0f}"
                f"{time.perf_counter() - began:>10.0f}",
                flush=True,
            )


def make_videos(video: Path, folder: Path, count: int, seconds: int) -> None:
    """Pieces of a video that begin at different keyframes, each a video of its own content."""
    program = imageio_ffmpeg.get_ffmpeg_exe()
    for number in range(count):
        span = ("-ss", str(number * seconds % 480), "-t", str(seconds))
        head = [program, "-v", "error", "-nostdin", *span, "-i", f"file:{video}"]
        tail = ("-map", "0", "-c", "copy", "-metadata", f"comment={number}")
        subprocess.run([*head, *tail, f"file:{folder / str(number)}{video.suffix}"], check=True)


def watched(videos: Path, dataset: Path) -> Peaks:
    """The peaks of a whole run."""
    command = [sys.executable, "-m", "vidcurate", "run", str(videos), "-c", str(CONFIG)]
    environment = {**os.environ, MARK: str(dataset)}
    running = subprocess.Popen([*command, "-d", str(dataset), "-q"], env=environment)
    peaks = Peaks()
    while running.poll() is None:
        held = dict(resident(str(dataset)))
        peaks.driver = max(peaks.driver, held.get(running.pid, 0))
        peaks.worker = max(peaks.worker, *(b for p, b in held.items() if p != running.pid), 0)
        peaks.together = max(peaks.together, sum(held.values()))
        time.sleep(LOOK_EVERY_S)
    if running.returncode:
        sys.exit(f"{' '.join(command)} ended with {running.returncode}")
    return peaks


def resident(mark: str) -> Iterator[tuple[int, int]]:
    """Each process of a run and the bytes of memory that it holds."""
    wanted, page = f"{MARK}={mark}".encode(), os.sysconf("SC_PAGE_SIZE")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (process / "environ").read_bytes().split(b"\0"):
                pages = (process / "statm").read_text("ascii").split()
                yield int(process.name), int(pages[1]) * page
        except OSError:  # it has ended, or is another user's
            continue


if __name__ == "__main__":
    main()
