"""The seconds and bytes that each video took of each stage so far, and the videos left."""

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.pipeline.inputs import live_inputs, stage_inputs
from vidcurate.pipeline.provenance import MADE_FROM_FILE
from vidcurate.pipeline.pruning import prune
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.pipeline.scope import Scope
from vidcurate.store.dataset import Dataset, StoredTable
from vidcurate.store.storage import list_files
from vidcurate.store.table import positions


def seconds_by_video(dataset: Dataset, resolved: ResolvedStage, scope: Scope) -> dict[str, float]:
    """Worker seconds of the inputs in scope that are done, for each video."""
    inputs = stage_inputs(dataset, resolved, scope)
    videos = inputs.live["video_id"].take(positions(inputs.done["id"], inputs.live[inputs.key]))
    used = pa.table({"video": videos, "seconds": inputs.done["seconds"]})
    by_video = used.group_by("video").aggregate([("seconds", "sum")]).to_pylist()
    return {row["video"]: row["seconds_sum"] or 0.0 for row in by_video}


def bytes_by_video(dataset: Dataset, resolved: ResolvedStage, scope: Scope) -> dict[str, float]:
    """Bytes on disk for each video in scope: its files, and its share of the table's rows."""
    stored = resolved.output(dataset)
    n_done = max(stored.done().num_rows, 1)
    sizes = files_by_video(stored)
    made_from = stored.folder / MADE_FROM_FILE
    files = [*(stored.folder / name for name in stored.listing()), made_from]
    rows_bytes = sum(file.stat().st_size for file in files if file.exists())
    inputs = live_inputs(dataset, resolved, scope)["video_id"].combine_chunks()
    return {
        row["values"]: sizes[row["values"]] + rows_bytes * row["counts"] / n_done
        for row in pc.value_counts(inputs).to_pylist()
    }


def files_by_video(stored: StoredTable) -> Counter[str]:
    """Bytes of the files that a table's rows name; a name begins with the video's id."""
    sizes: Counter[str] = Counter()
    for name, facts in list_files(stored.files).items():
        sizes[name.partition(".")[0].partition("-")[0]] += facts.st_size
    return sizes


def videos_left(
    dataset: Dataset, plan: Sequence[ResolvedStage], scope: Scope
) -> dict[str, set[str]]:
    """For each table of a plan, the videos whose rows are still to come.

    A video that gives a stage no inputs is left there while it is left where those are made.
    """
    left: dict[str, set[str]] = {}
    for resolved in plan:
        inputs = stage_inputs(dataset, resolved, prune(dataset, plan, resolved, scope))
        coming = left.get(resolved.stage.reads.name, set()) - videos_of(inputs.live)
        left[resolved.stage.writes.name] = videos_of(inputs.pending) | coming
    return left


def videos_of(rows: pa.Table) -> set[str]:
    """The videos that rows belong to."""
    return set(pc.unique(rows["video_id"]).to_pylist())
