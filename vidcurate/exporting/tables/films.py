"""Tables of whole videos in an export: their outlines and stories, as the data set has them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.records import OUTLINES, STORIES
from vidcurate.stage import DatasetView
from vidcurate.store.table import Table

FILM_TABLES: Mapping[str, Table[Any]] = {table.name: table for table in (OUTLINES, STORIES)}
ListRows = Callable[[], Iterator[pa.Table]]


def list_films(view: DatasetView, clips: pa.Table) -> dict[str, ListRows]:
    """Map the tables of whole videos that are there to their rows for the videos of some clips."""
    present = {name: table for name, table in FILM_TABLES.items() if view.has(table)}
    return {name: partial(film_rows, view, table, clips) for name, table in present.items()}


def film_rows(view: DatasetView, table: Table[Any], clips: pa.Table) -> Iterator[pa.Table]:
    """Yield the rows of the videos of some clips, by video."""
    rows = of_outlines(view, table, None)
    videos = pc.unique(clips["video_id"])
    yield rows.filter(pc.is_in(rows["video_id"], value_set=videos)).sort_by("video_id")


def of_outlines(view: DatasetView, table: Table[Any], columns: Sequence[str] | None) -> pa.Table:
    """Return the rows of a table that are of the present outlines, of which a video has one.

    Rows of earlier outlines stay in the tables made of them, and tell of captions that are gone.
    """
    rows = view.scan(table, columns)
    outlines = view.scan(OUTLINES, [OUTLINES.key, "video_id"])[OUTLINES.key].combine_chunks()
    return rows.filter(pc.is_in(rows[OUTLINES.key], value_set=outlines))
