"""Measures the whole way, from films to keyframed clips and to clip files, beside bare ffmpeg.

Ways take turns in each round, and each of ours is one command on a new data set:

- `keyframed`: videos found, scanned, cut into clips, scored without a model, filtered, and three
  keyframes of each clip written.
- `written`: the same, and each clip as a file of 480p and 16 frames a second.
- `verified`: the same, and each file proved.
- `nothing to do`: the first command again, on its finished data set.

What can be had without us, by as many processes at once, each with one thread:

- `bare decode`: ffmpeg decodes each video once, to nowhere.
- `bare encode`: ffmpeg writes the very same clips with the same settings, one process a clip.
- `detect`: PySceneDetect's AdaptiveDetector looks at each video, with as many threads as it takes.

The floor of `keyframed` is the bare decode, that of clip files the bare decode and encode together:
videos have to be decoded to be known, and again to be cut. *Outside decode and encode* is what of
our time is above the floor: (ours - floor) / ours. So the start of processes, imports, tables,
signals, scores, keyframes, proofs and waiting all count as outside, though keyframes and proofs
decode too. The rival's way to the same files is `detect` and `bare encode`.

By the clock, all is compared with as many workers. Processor time is that of a command with all
it started, also of what outlived the process that started it.
"""

import argparse
import ctypes
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import imageio_ffmpeg

KEYFRAMED, WRITTEN, VERIFIED, NOTHING = "keyframed", "written", "verified", "nothing to do"
DECODE, ENCODE, DETECT = "bare decode", "bare encode", "detect"
FLOORS = {KEYFRAMED: (DECODE,), WRITTEN: (DECODE, ENCODE), VERIFIED: (DECODE, ENCODE)}
RIVALS = {KEYFRAMED: (DETECT,), WRITTEN: (DETECT, ENCODE), VERIFIED: (DETECT, ENCODE)}
KINDS: Mapping[str, str] = {"wall_s": "wall", "cpu_s": "CPU"}
STAGES: Mapping[str, Mapping[str, object]] = {
    **{name: {} for name in ("ingest", "probe", "scan", "cuts")},
    "split": {"min_clip_s": 2, "max_clip_s": 20},
    **{name: {} for name in ("bounds", "quality", "motion", "watermark", "filter", "keyframes")},
}
FPS, HEIGHT, CRF = 16, 480, 18
PIECE_S = 12
SET_CHILD_SUBREAPER = 36  # of Linux's prctl
DETECTING = """
import sys
from scenedetect import AdaptiveDetector, detect
for video in sys.argv[1:]:
    detect(video, AdaptiveDetector())
"""
Clip = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds that passed, and processor seconds of all processes."""

    wall_s: float
    cpu_s: float


def adopt_orphans() -> None:
    """Make what outlives its parent ours, so that its processor time counts; on Linux alone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def measure(work: Callable[[], None]) -> Spent:
    """Measure some work that is done by processes."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    work()
    wall_s = time.perf_counter() - began
    try:
        while True:
            os.wait()
    except ChildProcessError:
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(wall_s, spent)


def vidcurate(*arguments: str) -> str:
    """What a command prints on stdout."""
    command = [sys.executable, "-m", "vidcurate", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def rows(table: str, dataset: Path) -> list[Clip]:
    """The rows of a table."""
    return [json.loads(row) for row in vidcurate("rows", table, "-d", str(dataset)).splitlines()]


def run(videos: Sequence[Path], dataset: Path, stages: Mapping[str, object], workers: int) -> Spent:
    """Run stages on videos."""
    config = dataset.with_suffix(".yaml")
    config.write_text(json.dumps(stages), "utf-8")
    arguments = ("-c", str(config), "-d", str(dataset), "--workers", str(workers), "--quiet")
    return measure(lambda: print(vidcurate("run", *map(str, videos), *arguments), end=""))


def ffmpeg(*arguments: str) -> None:
    """Run ffmpeg with one thread for each of its parts."""
    head = (imageio_ffmpeg.get_ffmpeg_exe(), "-v", "fatal", "-nostdin", "-y", "-threads", "1")
    subprocess.run([*head, *arguments], check=True)


def decode(video: Path) -> None:
    """Decode a video's pictures, and drop them."""
    ffmpeg("-i", f"file:{video}", *("-map", "0:v:0", "-fps_mode", "passthrough", "-f", "null", "-"))


def encode(clip: Clip, folder: Path, preset: str) -> None:
    """Write a clip as our export does, without a proof of what was written."""
    ffmpeg(
        *("-ss", f"{clip['start_s']:.6f}", "-t", f"{clip['duration_s']:.6f}", "-i", clip["path"]),
        *("-vf", f"fps={FPS}:round=up,scale={clip['width']}:{clip['height']}:flags=bicubic"),
        *("-threads", "1", "-c:v", "libx264", "-crf", f"{CRF}", "-preset", preset),
        *("-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "192k", "-movflags", "+faststart"),
        str(folder / f"{clip['clip_id']}.mp4"),
    )


def detect(videos: Sequence[Path]) -> None:
    """Find the shots of videos by PySceneDetect, one process for all."""
    if videos:
        command = [sys.executable, "-c", DETECTING, *map(str, videos)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def at_once(work: Callable[[Any], None], items: Sequence[Any], workers: int) -> Spent:
    """Measure doing one thing to all items, several at once."""

    def do_all() -> None:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, items))

    return measure(do_all)


def written_clips(dataset: Path) -> list[Clip]:
    """The clips that were written: spans of their videos, and sizes of their files."""
    paths = {row["video_id"]: row["path"] for row in rows("sources", dataset)}
    spans = {row["clip_id"]: row for row in rows("kept", dataset)}
    return [
        {
            "clip_id": row["clip_id"],
            "path": paths[row["video_id"]],
            "start_s": spans[row["clip_id"]]["start_s"],
            "duration_s": spans[row["clip_id"]]["duration_s"],
            "width": row["width"],
            "height": row["height"],
        }
        for row in rows("exports", dataset)
    ]


def one_round(
    videos: Sequence[Path], folder: Path, workers: int, preset: str
) -> tuple[dict[str, Spent], list[Mapping[str, Any]]]:
    """Measure each way once; also what the last command noted of its stages."""
    media = {
        "media": "encode",
        "preset": preset,
        "crf": CRF,
        "crop_bars": False,
        "fps": str(FPS),
        "shape": f"{HEIGHT}p",
        "enlarge": True,
    }
    exports = {name: {**STAGES, "export": {**media, "verify": name == VERIFIED}} for name in FLOORS}
    spent = {KEYFRAMED: run(videos, folder / KEYFRAMED, STAGES, workers)}
    spent[DECODE] = at_once(decode, videos, workers)
    spent[NOTHING] = run(videos, folder / KEYFRAMED, STAGES, workers)
    spent[WRITTEN] = run(videos, folder / WRITTEN, exports[WRITTEN], workers)
    clips = written_clips(folder / WRITTEN)
    bare = folder / "bare"
    bare.mkdir()
    spent[ENCODE] = at_once(lambda clip: encode(clip, bare, preset), clips, workers)
    spent[VERIFIED] = run(videos, folder / VERIFIED, exports[VERIFIED], workers)
    spent[DETECT] = at_once(detect, [videos[n::workers] for n in range(workers)], workers)
    stages = json.loads(vidcurate("status", "-d", str(folder / VERIFIED), "--json"))["stages"]
    return spent, stages


def report(rounds: Sequence[Mapping[str, Spent]]) -> None:
    """Print each way's times, and ours against the floor and the rival; medians of the rounds."""
    print(f"{'':14}{'wall s':>22}{'CPU s':>22}")
    for way in rounds[0]:
        spans = (spread([seconds(one, (way,), kind) for one in rounds], ".1f") for kind in KINDS)
        print(f"{way:14}" + "".join(f"{span:>22}" for span in spans))
    for (way, others), kind in product((*FLOORS.items(), *RIVALS.items()), KINDS):
        ratios = [seconds(one, (way,), kind) / seconds(one, others, kind) for one in rounds]
        outside = 1 - 1 / statistics.median(ratios)
        told = f"; outside decode and encode {outside:.1%}" if others == FLOORS.get(way) else ""
        print(f"{KINDS[kind]} of {way} / {' + '.join(others)}: {spread(ratios, '.2f')}{told}")


def seconds(spent: Mapping[str, Spent], ways: Sequence[str], kind: str) -> float:
    """One kind of seconds of some ways in one round."""
    return sum(float(getattr(spent[way], kind)) for way in ways)


def spread(values: Sequence[float], form: str) -> str:
    """The median of some values, with the least and the most."""
    least, middle, most = (
        format(value, form) for value in (min(values), statistics.median(values), max(values))
    )
    return f"{middle} ({least} to {most})"


def report_stages(stages: Sequence[Mapping[str, Any]], wall_s: float, workers: int) -> None:
    """Print where the time of a command's workers went."""
    whole = workers * wall_s
    print(f"{VERIFIED}: {workers} workers x {wall_s:.1f} s, by stage")
    for stage in stages:
        print(f"  {stage['stage']:12}{stage['seconds']:8.1f} s{stage['seconds'] / whole:8.1%}")
    rest = whole - sum(stage["seconds"] for stage in stages)
    print(f"  {'the rest':12}{rest:8.1f} s{rest / whole:8.1%}  (start, tables, waiting)")


def cut_pieces(video: Path, n_pieces: int, folder: Path) -> list[Path]:
    """Cut short videos out of a long one, spread over it, as a site encodes them."""
    folder.mkdir()
    pieces = [folder / f"piece-{number:02}.mp4" for number in range(n_pieces)]
    length_s = float(json.loads(probed(video))["duration_s"])
    for number, piece in enumerate(pieces):
        begin_s = (length_s - PIECE_S) * number / max(1, n_pieces - 1)
        ffmpeg(
            *("-ss", f"{begin_s:.3f}", "-t", f"{PIECE_S}", "-i", f"file:{video}"),
            *("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-c:a", "aac", str(piece)),
        )
    return pieces


def probed(video: Path) -> str:
    """The row of a video in the table of videos."""
    with tempfile.TemporaryDirectory() as folder:
        vidcurate("probe", str(video), "-d", folder, "--quiet")
        return vidcurate("rows", "videos", "-d", folder)


def bench(name: str, videos: Sequence[Path], given: argparse.Namespace) -> None:
    """Measure all ways on some videos, and print what came of it."""
    print(
        f"{name}: {len(videos)} videos, {given.workers} workers, preset {given.preset}", flush=True
    )
    found = []
    stages: list[Mapping[str, Any]] = []
    for number in range(given.rounds):
        with tempfile.TemporaryDirectory() as folder:
            spent, stages = one_round(videos, Path(folder), given.workers, given.preset)
        found.append(spent)
        told = ", ".join(f"{way} {s.wall_s:.1f} ({s.cpu_s:.1f})" for way, s in spent.items())
        print(f"round {number + 1}: {told}", file=sys.stderr, flush=True)
    report(found)
    report_stages(stages, found[-1][VERIFIED].wall_s, given.workers)


def main() -> None:
    """Measure on short pieces of a video where they are asked for, and on the videos given."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--pieces", type=int, default=0, help="short videos cut out of the first")
    parser.add_argument(
        "--only-pieces", action="store_true", help="leave the videos themselves out"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--preset", default="medium")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    adopt_orphans()
    if given.pieces:
        with tempfile.TemporaryDirectory() as folder:
            pieces = cut_pieces(given.videos[0], given.pieces, Path(folder) / "pieces")
            bench(f"pieces of {PIECE_S} s of {given.videos[0].name}", pieces, given)
    if not given.only_pieces:
        bench(", ".join(video.name for video in given.videos[:3]), given.videos, given)


if __name__ == "__main__":
    main()
