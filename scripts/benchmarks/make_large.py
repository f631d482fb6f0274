"""A data set of tables only, as large as a real one, to measure load without videos."""

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from vidcurate.cli.output import Quiet
from vidcurate.engines.inline import InlineEngine
from vidcurate.options import StageConfig
from vidcurate.pipeline.provenance import record_in_manifest
from vidcurate.pipeline.resolve import resolve
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.runner import update_stage
from vidcurate.pipeline.scope import FOUND, Scope
from vidcurate.records import CLIPS, FILES
from vidcurate.stage import TableStage
from vidcurate.stages.output.export_options import ExportConfig
from vidcurate.stages.registry import STAGES
from vidcurate.stages.selection.filter import FilterConfig
from vidcurate.store.commits import commit_name
from vidcurate.store.dataset import DONE, OK, Dataset, StoredTable
from vidcurate.store.table import Table

RULES = (
    "quality.sharpness >= 0.1 and not quality.freeze_share > 0.98",
    "quality.luma_mean >= 0.02",
)
CHOSEN = ("ingest", "probe", "scan", "cuts", "split", "quality", "filter", "export")
TEXTS = ("keyframes", "caption")
ROWS_PER_PART, FILES_IN_A_PART = 256, 4096
SEED = 7
# Batches end about so many places away from where they began.
OUT_OF_ORDER = 8
CAPTION = "Two people walk along a quay at dusk towards a boat; the camera follows them. " * 4
TEXT = "text"
CONSTANT: dict[str, Any] = {
    "text": CAPTION,
    "status": "ok",
    "media": "none",
    "extra": {"licence": "CC-BY-4.0"},
    **dict.fromkeys(("file", "sha256", "fault")),
}


@dataclass(frozen=True)
class Size:
    """How much to make; `missing` inputs of the last stage are left to do."""

    videos: int
    clips: int
    missing: int


def main() -> None:
    """Write the data set that the command line describes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--clips", type=int, default=1_000_000)
    parser.add_argument("--missing", type=int, default=1000, help="clips that export has not done")
    parser.add_argument("--texts", action="store_true", help="keyframes and captions too")
    parser.add_argument(
        "--parts", action="store_true", help="batches as of a run, not put together"
    )
    given = parser.parse_args()
    size = Size(given.videos, given.clips, given.missing)
    make(given.folder.absolute(), size, texts=given.texts, parts=given.parts)


def make(root: Path, size: Size, *, texts: bool = False, parts: bool = False) -> None:
    """The tables of a finished run, each written batch by batch and then put together."""
    dataset = Dataset(root)
    run = Run(dataset, InlineEngine(), Quiet())
    given: dict[str, StageConfig] = {
        "filter": FilterConfig(rules=RULES),
        "export": ExportConfig(media="none"),
    }
    found = dataset.stored(FILES, FOUND)
    fill(found, FILES, [f"{n:016x}" for n in range(size.videos)], FILES_IN_A_PART)
    for resolved in resolve(dataset, STAGES, [*CHOSEN, *(TEXTS if texts else ())], given):
        stage = resolved.stage
        record_in_manifest(dataset, resolved)
        if isinstance(stage, TableStage):
            update_stage(run, resolved, Scope())
            continue
        inputs = resolved.stored(dataset, stage.reads).index(stage.reads.key)
        ids = inputs[stage.reads.key].to_pylist()
        if stage.name == CHOSEN[-1]:
            del ids[:: max(1, len(ids) // size.missing)]
        each = size.clips // size.videos if stage.writes is CLIPS else 1
        own = resolved.output(dataset)
        own.files.mkdir(parents=True)
        (own.files / TEXT).touch()  # the file that every row names
        rows_per_part = stage.rows_per_part if parts else ROWS_PER_PART
        fill(own, stage.writes, ids, rows_per_part, each)
        if not parts:
            own.compact(stage.writes.schema)


def fill(
    stored: StoredTable, table: Table[Any], ids: Sequence[str], rows_per_part: int, each: int = 1
) -> None:
    """Rows for inputs, committed in batches that end out of order; `each` rows an input."""
    shuffled = random.Random(SEED)  # noqa: S311 - nobody guards a secret with it
    starts = range(0, len(ids), rows_per_part)
    order = sorted(starts, key=lambda s: s // rows_per_part + shuffled.random() * OUT_OF_ORDER)
    numbers = np.random.default_rng(SEED)
    for number, start in enumerate(order):
        batch = ids[start : start + rows_per_part]
        keys = batch if each == 1 else [span_id(i, n) for i in batch for n in range(each)]
        columns = {f.name: column(f, table.key, keys, numbers) for f in table.schema}
        done = {
            "id": batch,
            "status": [OK] * len(batch),
            "reason": [None] * len(batch),
            "seconds": numbers.random(len(batch)),
        }
        rows = pa.table(columns, schema=table.schema)
        stored.commit(commit_name(number, batch), rows, pa.table(done, schema=DONE))


def column(field: pa.Field, key: str, keys: Sequence[str], random: np.random.Generator) -> pa.Array:
    """Values of a column: keys, video ids, paths, random numbers, or one value throughout."""
    n, kind = len(keys), field.type
    if field.name.endswith("_id"):
        return pa.array(keys if field.name == key else [k.split("-", 1)[0] for k in keys])
    if field.name == "path":
        return pa.array([f"/videos/{k}.mp4" for k in keys])
    if pa.types.is_floating(kind):
        return pa.array(random.random(n), kind)
    if pa.types.is_integer(kind):
        return pa.array(random.integers(1, 100_000, n), kind)
    value = CONSTANT[field.name] if field.name in CONSTANT else example(kind)
    return pa.array([value] * n, kind)


def span_id(video_id: str, number: int) -> str:
    """The id of a video's n-th clip."""
    return f"{video_id}-{number * 240}-{number * 240 + 240}"


def example(kind: pa.DataType) -> Any:
    """One plain value of a type."""
    if pa.types.is_struct(kind):
        return {field.name: example(field.type) for field in kind}
    if pa.types.is_list(kind):
        return [example(kind.value_type)]
    if pa.types.is_boolean(kind):
        return False
    return TEXT if pa.types.is_string(kind) else 1


if __name__ == "__main__":
    main()
