"""A data set of any size to look at: a few rendered films, really run, and their rows many times.

Each copy of a film is a hard link with ids of its own, so pictures, proxies and sound are real and
take no space. Scores are scattered and captions composed anew, so that no two copies say the same.
"""

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.analysis.view import present_plan
from vidcurate.cli.output import Quiet
from vidcurate.engines.inline import InlineEngine
from vidcurate.pipeline.discovery.found_files import add_files
from vidcurate.pipeline.discovery.sources import find_files
from vidcurate.pipeline.inputs import stage_inputs
from vidcurate.pipeline.provenance import (
    record_in_manifest,
    record_inputs,
    table_hashes,
)
from vidcurate.pipeline.pruning import prune
from vidcurate.pipeline.resolve import ResolvedStage, with_config
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.runner import update_stage
from vidcurate.pipeline.scope import FOUND, Scope
from vidcurate.records import CAPTIONS, CLIPS, FILES, KEPT, PARTITIONS, SCORE_TABLES, SOURCES
from vidcurate.stage import TableStage
from vidcurate.stages.selection.filter import FilterConfig
from vidcurate.stages.sources.ingest import EXTENSIONS
from vidcurate.store.dataset import DONE_WITH_LOSSES, Dataset

SEED = 7
STAGES_RUN: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "embed": {"backend": "appearance"},
        "cuts": {},
        "split": {"min_clip_s": 1.5, "max_clip_s": 20},
        "bounds": {},
        "quality": {},
        "motion": {},
        "watermark": {},
        "consistency": {},
        "tags": {"max_frames": 1},
        "suitability": {},
        "signatures": {},
        "dedup": {},
        "filter": {},
        "keyframes": {"method": "uniform", "count": 2, "max_side": 320},
        "caption": {"backend": "facts"},
        "judge": {},
        "export": {"media": "none"},
    }
)
RULES = (
    "quality.sharpness >= 20",
    "20 <= quality.luma_mean <= 235",
    "motion.still_share < 0.9",
    "consistency.neighbour_min >= 0.4",
    "suitability.score >= 4",
    "dedup.keep",
)
# A copy's video id is the film's, with the copy's number in these digits.
NUMBER_FROM, NUMBER_TO = 10, 16
# Columns that hold the id of a clip or video, though their names do not say so.
ID_COLUMNS = {"id", "sample", "copy_of", "group"}
SCATTER = 0.15
# The data set that really ran, and the name of the file that cannot be read.
FIRST, DAMAGED = "first", "damaged"
COPIES_A_DAMAGED_FILE = 50
KEPT_WITHOUT_CAPTION = 50
PHRASES = (
    ("A woman", "Two children", "An old man", "A dog", "A crowd", "A cyclist", "Nobody"),
    ("crosses", "waits in", "runs through", "looks at", "leaves", "dances in", "repairs"),
    ("a narrow street", "the harbour", "an empty hall", "a field of barley", "the workshop"),
    ("at dusk.", "in bright sun.", "under heavy rain.", "by lamplight.", "in morning fog."),
    ("The camera follows slowly.", "The camera stands still.", "The view pans to the left."),
    ("Colours are warm.", "Blue dominates.", "The picture is dark.", "Contrast is low."),
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rows that stay of all copies: values of a column, by its name."""

    values: Mapping[str, pa.Array]

    def keep(self, rows: pa.Table) -> pa.Table:
        """The rows whose ids are all chosen."""
        for column in self.values.keys() & set(rows.column_names):
            rows = rows.filter(pc.is_in(rows[column], value_set=self.values[column]))
        return rows


def main() -> None:
    """Write the data sets that the command line describes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="gets films/, first/ and one data set a size")
    parser.add_argument("films", type=Path, nargs="+", help="a few films, the shorter the quicker")
    parser.add_argument("--clips", type=int, nargs="+", default=[10_000])
    given = parser.parse_args()
    folder = given.folder.absolute()
    prepare(folder, given.films)
    for n_clips in given.clips:
        print(make(folder, n_clips))


def prepare(folder: Path, films: Sequence[Path]) -> None:
    """Copy the films into a folder, one damaged file with them, and run all stages on them.

    No rule rejects a clip, so that each has a caption.
    """
    if (folder / FIRST).exists():
        return
    copies = folder / "films"
    copies.mkdir(parents=True, exist_ok=True)
    for film in films:
        shutil.copy(film, copies / f"{film.stem}-0000{film.suffix}")
    (copies / f"{DAMAGED}-0000.mp4").write_bytes(b"This is no film. " * 1000)
    config = folder / "stages.json"
    config.write_text(json.dumps({name: dict(given) for name, given in STAGES_RUN.items()}))
    command = [sys.executable, "-m", "vidcurate", "run", str(copies), "-d", str(folder / FIRST)]
    subprocess.run([*command, "-c", str(config), "--quiet"], check=True)


def make(folder: Path, n_clips: int) -> Path:
    """Write a data set of so many clips from the films that were prepared; returns its folder."""
    root = folder / f"clips_{n_clips}"
    if root.exists():
        return root
    shutil.copytree(folder / FIRST, root)
    dataset = Dataset(root)
    plan = with_config(present_plan(dataset), "filter", FilterConfig(rules=RULES))
    clips = next(p for p in plan if p.stage.writes is CLIPS).output(dataset)
    n_copies = -(-n_clips // clips.read([CLIPS.key], CLIPS.schema).num_rows)
    links = link_copies(folder / "films", n_copies)
    add_files(dataset, find_files(links, EXTENSIONS, io.StringIO(), recursive=True))
    multiply(dataset, plan, n_copies, n_clips)
    return root


def link_copies(films: Path, n_copies: int) -> list[str]:
    """Link each film as many times as it is to occur, few of them damaged; returns all links."""
    links: list[str] = []
    for original in sorted(map(str, films.glob("*-0000.*"))):
        step = COPIES_A_DAMAGED_FILE if DAMAGED in original else 1
        for number in range(step, n_copies, step):
            links.append(copy_name(original, number))
            if not Path(links[-1]).exists():
                os.link(original, links[-1])
    return links


def copy_name(path: str, number: int) -> str:
    """The path of a film's copy."""
    return path.replace("-0000.", f"-{number:04d}.")


def multiply(dataset: Dataset, plan: Sequence[ResolvedStage], n_copies: int, n_clips: int) -> None:
    """Write each table's rows for every copy, and decide anew which clips are kept."""
    run = Run(dataset, InlineEngine(), Quiet())
    files = dataset.stored(FILES, FOUND).read(["file_id", "path"], FILES.schema)
    chosen = Chosen({})
    for resolved in plan:
        stage, own = resolved.stage, resolved.output(dataset)
        if stage.writes in (KEPT, PARTITIONS):
            update_stage(run, resolved, Scope())
            if stage.writes is PARTITIONS:
                kept = own.read([PARTITIONS.key], PARTITIONS.schema)[PARTITIONS.key]
                has_caption = np.arange(len(kept)) % KEPT_WITHOUT_CAPTION != 1
                kept = kept.combine_chunks().filter(pa.array(has_caption))
                chosen = Chosen({**chosen.values, CLIPS.key: kept})
            continue
        rows = own.read(None, stage.writes.schema)
        done = own.done(DONE_WITH_LOSSES)
        rows = scattered(repeated(rows, n_copies), stage.writes.name, rows.num_rows)
        done = repeated(done, n_copies)
        if stage.writes is SOURCES:
            rows, done = renamed(rows, done, files, n_copies)
            chosen = Chosen({SOURCES.key: rows[SOURCES.key].combine_chunks()})
        rows = chosen.keep(rows)
        if stage.writes is CLIPS:
            rows = rows.slice(0, n_clips)
            chosen = Chosen({**chosen.values, CLIPS.key: rows[CLIPS.key].combine_chunks()})
        key = stage.reads.key
        if key in chosen.values and stage.writes is not SOURCES:
            done = done.filter(pc.is_in(done["id"], value_set=chosen.values[key]))
        own.replace(rows, done)
        if isinstance(stage, TableStage):
            scope = prune(dataset, plan, resolved, Scope())
            inputs = stage_inputs(dataset, resolved, scope).live
            hashes = table_hashes(dataset, resolved)
            record_inputs(dataset, resolved, scope, inputs[key], hashes)
        record_in_manifest(dataset, resolved, was_written=True)


def repeated(rows: pa.Table, n_copies: int) -> pa.Table:
    """The rows, and after them those of each copy, with the copy's number in all ids."""
    numbers = np.repeat(np.arange(1, n_copies), rows.num_rows)
    marks = pa.array([f"{number:06x}" for number in numbers], pa.string())
    copies = rows.take(pa.array(np.tile(np.arange(rows.num_rows), n_copies - 1)))
    for index, field in enumerate(rows.schema):
        if field.name in ID_COLUMNS or field.name.endswith("_id"):
            ids = copies[field.name].combine_chunks()
            before = pc.utf8_slice_codeunits(ids, 0, NUMBER_FROM)
            after = pc.utf8_slice_codeunits(ids, NUMBER_TO)
            named = pc.binary_join_element_wise(before, marks, after, "")
            copies = copies.set_column(index, field, named)
    return pa.concat_tables([rows, copies])


def scattered(rows: pa.Table, table: str, n_first: int) -> pa.Table:
    """The rows with scores of their own and captions of their own, but for the first ones."""
    dice = np.random.default_rng(SEED)
    n_others = rows.num_rows - n_first
    if table in {scores.name for scores in SCORE_TABLES}:
        for index, field in enumerate(rows.schema):
            if pa.types.is_floating(field.type):
                factors = np.exp(dice.normal(0, SCATTER, n_others))
                factors = pa.array(np.concatenate([np.ones(n_first), factors]))
                values = pc.multiply(rows[field.name], factors)
                share = pc.less_equal(rows[field.name], 1)
                values = pc.if_else(share, pc.min_element_wise(values, 1.0), values)
                rows = rows.set_column(index, field, values)
    if table == CAPTIONS.name:
        texts = [" ".join(dice.choice(part) for part in PHRASES * 2) for _ in range(n_others)]
        texts = [*rows["text"].slice(0, n_first).to_pylist(), *texts]
        index = rows.column_names.index("text")
        rows = rows.set_column(index, rows.schema.field("text"), pa.array(texts))
    return rows


def renamed(
    rows: pa.Table, done: pa.Table, files: pa.Table, n_copies: int
) -> tuple[pa.Table, pa.Table]:
    """The sources with the path and file of each copy, less those that were not linked."""
    n_first = rows.num_rows // n_copies
    numbers = np.repeat(np.arange(n_copies), n_first).tolist()
    paths = list(map(copy_name, rows["path"].to_pylist(), numbers))
    ids = dict(zip(files["path"].to_pylist(), files["file_id"].to_pylist(), strict=True))
    found = {
        "file_id": pa.array([ids.get(path, "") for path in paths]),
        "path": pa.array(paths),
        "paths": pa.array([[path] for path in paths], rows.schema.field("paths").type),
    }
    for name, values in found.items():
        rows = rows.set_column(rows.column_names.index(name), rows.schema.field(name), values)
    rows = rows.filter(pc.is_in(rows["file_id"], value_set=files["file_id"].combine_chunks()))
    done = pa.Table.from_pylist(
        [
            {**done.slice(0, 1).to_pylist()[0], "id": file_id}
            for file_id in rows["file_id"].to_pylist()
        ],
        schema=done.schema,
    )
    return rows, done


if __name__ == "__main__":
    main()
