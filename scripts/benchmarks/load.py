"""Time and memory of whole commands over a million clips, beside Arrow reading the same columns."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

# Nothing of ours or Arrow's is imported here: a child's peak memory counts from its parent's.
KEYS_AND_DONE, RULED, EXPORTED = "keys and done", "ruled", "exported"
READ_BY = {
    "status": KEYS_AND_DONE,
    "first batch": KEYS_AND_DONE,
    "filter": RULED,
    "export": EXPORTED,
}


@dataclass(frozen=True)
class Cost:
    """What one command took, its own children included."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def main() -> None:
    """Make the tables, or take those there, and print what each command costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--clips", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--texts", action="store_true", help="with keyframes and captions")
    parser.add_argument("--folder", type=Path, help="a data set that make_large.py made")
    parser.add_argument("--read", choices=READ_BY.values(), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        read_columns(given.folder, given.read)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary) / "large"
        if not given.folder:
            size = ["--videos", str(given.videos), "--clips", str(given.clips)]
            make = [sys.executable, "-m", "scripts.benchmarks.make_large", str(folder), *size]
            subprocess.run([*make, *(["--texts"] if given.texts else [])], check=True)
        show(folder, given.rounds)


def show(folder: Path, rounds: int) -> None:
    """Print a line for each command: medians over the rounds."""
    reading = [sys.executable, "-m", "scripts.benchmarks.load", "--folder", str(folder), "--read"]
    commands = {
        "first batch": [sys.executable, "-m", "scripts.benchmarks.first_batch", str(folder)]
    }
    for name in ("status", "filter", "export"):
        commands[name] = [sys.executable, "-m", "vidcurate", name, "-d", str(folder)]
    costs: dict[str, list[Cost]] = {}
    for name, command in commands.items():  # export comes last: after it nothing is missing
        for number in range(rounds):
            # Each a stricter rule than the one before: an equal one would be known.
            rule = ["--rule", f"quality.sharpness >= 0.{11 + number}"] if name == "filter" else []
            costs.setdefault(name, []).append(measure([*command, *rule]))
            costs.setdefault(f"reading for {name}", []).append(measure([*reading, READ_BY[name]]))
    print(f"{'command':<14}{'wall s':>8}{'cpu s':>8}{'peak MB':>9}   cpu of Arrow's reading")
    for name in commands:
        own, arrow = (middle(costs[key]) for key in (name, f"reading for {name}"))
        print(
            f"{name:<14}{own.wall_s:>8.2f}{own.cpu_s:>8.2f}{own.peak_mb:>9.0f}   "
            f"{own.cpu_s / arrow.cpu_s:.1f} x {arrow.cpu_s:.2f} s ({READ_BY[name]})"
        )


def measure(command: Sequence[str]) -> Cost:
    """Run a command and read what it took from the operating system."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        if status != 0:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)} failed: {said.read().decode()}")
    per_mb = 1 << (20 if sys.platform == "darwin" else 10)
    wall_s = time.perf_counter() - began
    return Cost(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / per_mb)


def middle(costs: Sequence[Cost]) -> Cost:
    """The median of each figure; of the peak, the highest."""
    return Cost(
        median(c.wall_s for c in costs),
        median(c.cpu_s for c in costs),
        max(c.peak_mb for c in costs),
    )


def read_columns(folder: Path, what: str) -> None:
    """Read columns as plain Arrow does it, table by table."""
    from pyarrow import dataset  # noqa: PLC0415 - see above: the parent stays small

    for table in sorted(folder.glob("*/*/")):
        names = columns_read(what, table.parent.name)
        for kind, columns in names.items():
            files = [str(path) for path in table.glob(f"{kind}-*.parquet")]
            if files:
                dataset.dataset(files, format="parquet").to_table(columns=columns)


def columns_read(what: str, table: str) -> dict[str, list[str] | None]:
    """Which columns of a table's done files and parts a command cannot do without."""
    videos = ("files", "sources", "videos", "scans", "cuts")
    if what == KEYS_AND_DONE:
        key = "file_id" if table == "files" else "video_id" if table in videos else "clip_id"
        return {"done": None, "part": [key]}
    if what == RULED:
        ruled = ["clip_id", "sharpness", "freeze_share", "luma_mean"]
        of_rules: dict[str, dict[str, list[str] | None]]
        of_rules = {"clips": {"part": None}, "quality": {"part": ruled}}
        return of_rules.get(table, {})
    return {} if table in ("files", "scans", "cuts", "clips", "export") else {"part": None}


if __name__ == "__main__":
    main()
