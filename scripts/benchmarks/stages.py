"""Measures what every stage without a model takes of one run, and all scores against the scan."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SCAN = "scan"
OF_VIDEOS = ("ingest", "probe", SCAN, "embed", "cuts", "split")
# What judges clips, and what is made for that alone.
SCORES = (
    *("embed", "bounds", "quality", "motion", "watermark", "speech", "consistency"),
    *("suitability", "perception", "signatures"),
)
OPTIONS: Mapping[str, Mapping[str, object]] = {
    "embed": {"backend": "appearance"},
    "split": {"min_clip_s": 2, "max_clip_s": 20},
    "speech": {"backend": "none"},
}


def vidcurate(*arguments: str) -> str:
    """What a command prints on stdout."""
    command = [sys.executable, "-m", "vidcurate", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def run(videos: Sequence[Path], dataset: Path, workers: int) -> None:
    """One run of all stages."""
    stages = dict.fromkeys([*OF_VIDEOS, *SCORES])
    config = dataset.with_suffix(".yaml")
    config.write_text(json.dumps({name: OPTIONS.get(name, {}) for name in stages}), "utf-8")
    arguments = ("-c", str(config), "-d", str(dataset), "--workers", str(workers), "--quiet")
    vidcurate("run", *map(str, videos), *arguments)


def n_frames(table: str, dataset: Path) -> int:
    """How many frames the rows of a table are of."""
    rows = vidcurate("rows", table, "-d", str(dataset), "--columns", "n_frames").splitlines()
    return sum(json.loads(row)["n_frames"] for row in rows)


def report(stages: Sequence[Mapping[str, Any]], videos: int, clips: int) -> None:
    """Print a line for each stage, and the sum; `videos` and `clips` are their frames."""
    spent = {stage["stage"]: stage["seconds"] for stage in stages}
    titles = ("inputs", "failed", "seconds", "inputs/s", "frames/s", "of scan")
    print(f"{'stage':12}" + "".join(f"{title:>12}" for title in titles))
    for stage in stages:
        name, seconds = stage["stage"], max(stage["seconds"], 1e-3)  # as fine as it is told
        frames = videos if name in OF_VIDEOS else clips
        print(
            f"{name:12}{stage['inputs']:>12}{stage['failed']:>12}{seconds:>12.2f}"
            f"{stage['inputs'] / seconds:>12.1f}{frames / seconds:>12.0f}"
            f"{seconds / spent[SCAN]:>12.1%}"
        )
    bases, sound = spent["embed"] + spent["signatures"], spent["speech"]
    scores = sum(spent[name] for name in SCORES) - bases
    print(
        f"scores without models over the scan: {scores / spent[SCAN]:.1%}, of which "
        f"{sound / spent[SCAN]:.1%} for sound, which the scan does not decode; the vectors and "
        f"signatures that consistency and dedup compare {bases / spent[SCAN]:.1%} more"
    )


def main() -> None:
    """Run once, and print what the workers noted of each input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        dataset = Path(name) / "dataset"
        run(arguments.videos, dataset, arguments.workers)
        stages = json.loads(vidcurate("status", "-d", str(dataset), "--json"))["stages"]
        print(
            f"{', '.join(video.name for video in arguments.videos)}, seconds of the workers' time"
        )
        report(stages, n_frames("scans", dataset), n_frames("clips", dataset))


if __name__ == "__main__":
    main()
