"""What stages took of each film so far, by which the rest is foreseen: seconds and bytes."""

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
from vidcurate.store.table import places


def seconds_by_film(dataset: Dataset, planned: Planned, scope: Scope) -> dict[str, float]:
    """Worker seconds of the inputs in scope that are done, for each film."""
    inputs, done = live_inputs(dataset, planned, scope), planned.own(dataset).done()
    where = places(done["id"], inputs[planned.stage.reads.key])
    spent = pa.table({"film": inputs["video_id"].take(where), "seconds": done["seconds"]})
    by_film = spent.group_by("film").aggregate([("seconds", "sum")]).to_pylist()
    return {row["film"]: row["seconds_sum"] or 0.0 for row in by_film if row["film"]}


def bytes_by_film(dataset: Dataset, planned: Planned, scope: Scope) -> dict[str, float]:
    """Bytes on disk for each film in scope: its files, and its share of the table's rows."""
    shelf = planned.own(dataset)
    n_done = max(shelf.done().num_rows, 1)
    sizes = files_by_film(shelf)
    beside = [ORIGIN] if (shelf.folder / ORIGIN).exists() else []
    names = [*shelf.listing(), *beside]
    rows_bytes = sum((shelf.folder / name).stat().st_size for name in names)
    inputs = live_inputs(dataset, planned, scope)["video_id"].combine_chunks()
    return {
        row["values"]: sizes[row["values"]] + rows_bytes * row["counts"] / n_done
        for row in pc.value_counts(inputs).to_pylist()
    }


def files_by_film(shelf: Shelf) -> Counter[str]:
    """Bytes of the files that a table's rows name; a name begins with the film's id."""
    sizes: Counter[str] = Counter()
    for name, facts in names_in(shelf.files).items():
        sizes[name.partition(".")[0].partition("-")[0]] += facts.st_size
    return sizes


def films_left(dataset: Dataset, plan: Sequence[Planned], scope: Scope) -> dict[str, set[str]]:
    """For each table of a plan, the films of which rows are still to come.

    A film that gives a stage no inputs is left there while it is left where those are made.
    """
    left: dict[str, set[str]] = {}
    for planned in plan:
        reads = planned.stage.reads
        inputs = live_inputs(dataset, planned, narrowed(dataset, plan, planned, scope))
        todo = pending(inputs, reads.key, planned.own(dataset).done(), retry_failed=False)
        coming = left.get(reads.name, set()) - films_of(inputs)
        left[planned.stage.writes.name] = films_of(todo) | coming
    return left


def films_of(rows: pa.Table) -> set[str]:
    """The films that rows belong to."""
    return set(pc.unique(rows["video_id"]).to_pylist())
