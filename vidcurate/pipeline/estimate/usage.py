"""What stages took of each video so far, by which the rest is foreseen: seconds and bytes."""

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.pipeline.counts import ORIGIN
from vidcurate.pipeline.inputs import Scope, live_inputs, pending
from vidcurate.pipeline.pruning import narrowed
from vidcurate.pipeline.resolve import Planned
from vidcurate.store.dataset import Dataset, Shelf
from vidcurate.store.storage import names_in
from vidcurate.store.table import positions


def seconds_by_video(dataset: Dataset, planned: Planned, scope: Scope) -> dict[str, float]:
    """Worker seconds of the inputs in scope that are done, for each video."""
    inputs, done = live_inputs(dataset, planned, scope), planned.own(dataset).done()
    where = positions(done["id"], inputs[planned.stage.reads.key])
    spent = pa.table({"video": inputs["video_id"].take(where), "seconds": done["seconds"]})
    by_video = spent.group_by("video").aggregate([("seconds", "sum")]).to_pylist()
    return {row["video"]: row["seconds_sum"] or 0.0 for row in by_video if row["video"]}


def bytes_by_video(dataset: Dataset, planned: Planned, scope: Scope) -> dict[str, float]:
    """Bytes on disk for each video in scope: its files, and its share of the table's rows."""
    shelf = planned.own(dataset)
    n_done = max(shelf.done().num_rows, 1)
    sizes = files_by_video(shelf)
    beside = [ORIGIN] if (shelf.folder / ORIGIN).exists() else []
    names = [*shelf.listing(), *beside]
    rows_bytes = sum((shelf.folder / name).stat().st_size for name in names)
    inputs = live_inputs(dataset, planned, scope)["video_id"].combine_chunks()
    return {
        row["values"]: sizes[row["values"]] + rows_bytes * row["counts"] / n_done
        for row in pc.value_counts(inputs).to_pylist()
    }


def files_by_video(shelf: Shelf) -> Counter[str]:
    """Bytes of the files that a table's rows name; a name begins with the video's id."""
    sizes: Counter[str] = Counter()
    for name, facts in names_in(shelf.files).items():
        sizes[name.partition(".")[0].partition("-")[0]] += facts.st_size
    return sizes


def videos_left(dataset: Dataset, plan: Sequence[Planned], scope: Scope) -> dict[str, set[str]]:
    """For each table of a plan, the videos of which rows are still to come.

    A video that gives a stage no inputs is left there while it is left where those are made.
    """
    left: dict[str, set[str]] = {}
    for planned in plan:
        reads = planned.stage.reads
        inputs = live_inputs(dataset, planned, narrowed(dataset, plan, planned, scope))
        todo = pending(inputs, reads.key, planned.own(dataset).done(), retry_failed=False)
        coming = left.get(reads.name, set()) - videos_of(inputs)
        left[planned.stage.writes.name] = videos_of(todo) | coming
    return left


def videos_of(rows: pa.Table) -> set[str]:
    """The videos that rows belong to."""
    return set(pc.unique(rows["video_id"]).to_pylist())
