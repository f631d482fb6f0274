"""How long `filter` takes over a million clips, beside reading the same tables.

Makes a data set of tables only (no films), runs the stage as the runner does, and prints seconds.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from vidcurate.dataset import DONE, OK, Dataset
from vidcurate.plan import Planned
from vidcurate.records import CLIPS, QUALITY
from vidcurate.stage import Beside
from vidcurate.stages.filter import FILTER, FilterConfig

RULES = (
    "quality.sharpness >= p10 and not quality.freeze_share > 0.9",
    "0.05 <= quality.luma_mean <= 0.95",
    "clips.duration_s < 30 or quality.noise < 0.5",
)
CLIPS_PER_FILM = 100
ROWS_PER_PART = 512


def main() -> None:
    """Make the tables, filter them, and say how long each step took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=1_000_000)
    n_clips = parser.parse_args().clips
    with tempfile.TemporaryDirectory() as folder:
        dataset = Dataset(Path(folder))
        print(f"making tables of {n_clips} clips in parts of {ROWS_PER_PART} rows", flush=True)
        fill(dataset, n_clips)
        steps = run(dataset)
    print(f"read the tables  {steps.read_s:.2f} s")
    print(f"judge the rules  {steps.judge_s:.2f} s")
    print(f"write the result {steps.write_s:.2f} s, {steps.n_kept} clips kept")


@dataclass(frozen=True)
class Steps:
    """Seconds of each step, and how many clips were kept."""

    read_s: float
    judge_s: float
    write_s: float
    n_kept: int


def fill(dataset: Dataset, n_clips: int) -> None:
    """Clips and random scores, in as many parts as a real run leaves."""
    random = np.random.default_rng(7)
    for start in range(0, n_clips, ROWS_PER_PART):
        numbers = np.arange(start, min(start + ROWS_PER_PART, n_clips))
        ids = pa.array([f"{n // CLIPS_PER_FILM:016x}-{n}-{n + 48}" for n in numbers])
        done = pa.table(
            {
                "id": ids,
                "status": pa.repeat(OK, len(ids)),
                "reason": pa.nulls(len(ids), pa.string()),
                "seconds": pa.repeat(0.0, len(ids)),
            },
            schema=DONE,
        )
        for table in (CLIPS, QUALITY):
            columns = {field.name: column(field, ids, numbers, random) for field in table.schema}
            rows = pa.table(columns, schema=table.schema)
            dataset.shelf(table, "bench").commit(f"{start:08d}", rows, done)
    for table in (CLIPS, QUALITY):
        dataset.shelf(table, "bench").compact(table.schema)


def column(
    field: pa.Field,
    ids: pa.Array,
    numbers: np.ndarray[tuple[int], np.dtype[np.int64]],
    random: np.random.Generator,
) -> pa.Array:
    """Values of a column: ids, counts, or random shares."""
    if field.name == "clip_id":
        return ids
    if field.name == "video_id":
        return pa.array([i.as_py().split("-")[0] for i in ids])
    if pa.types.is_struct(field.type):
        return pa.array([{"num": 1, "den": 24}] * len(ids), field.type)
    if pa.types.is_integer(field.type):
        return pa.array(numbers, field.type)
    return pa.array(random.random(len(ids)), field.type)


def run(dataset: Dataset) -> Steps:
    """The filter stage, step by step, as the runner takes them."""
    config = FilterConfig(rules=RULES)
    planned = Planned(
        FILTER, config, "bench", {"clips": "bench", "quality": "bench", "kept": "bench"}
    )
    times = [time.perf_counter()]
    wanted = (Beside(CLIPS), *FILTER.beside(config))
    tables = {
        b.table.name: planned.shelf(dataset, b.table).read(b.columns, b.table.schema)
        for b in wanted
    }
    times.append(time.perf_counter())
    outcome = FILTER.run(tables, config)
    times.append(time.perf_counter())
    planned.own(dataset).replace(outcome.rows, outcome.done)
    times.append(time.perf_counter())
    read_s, judge_s, write_s = np.diff(times)
    return Steps(read_s, judge_s, write_s, outcome.rows.num_rows)


if __name__ == "__main__":
    main()
