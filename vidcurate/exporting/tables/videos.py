"""The table of an export's videos: what each is, where it is from, and the text about all of it."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.exporting.tables.films import of_outlines
from vidcurate.exporting.tables.table import ROWS_AT_ONCE, add_column, add_sources, extra_columns
from vidcurate.records import OUTLINES, STORIES, VIDEOS
from vidcurate.stage import DatasetView
from vidcurate.store.table import take_nullable

FROM_STORY = ("text", "scenes", "gaps", "status", "model", "revision", "prompt_hash")


def video_pieces(view: DatasetView, videos: pa.Table, clips: pa.Table) -> Iterator[pa.Table]:
    """Yield the videos of some exported clips, in the order of their names, in pieces.

    `videos` and `clips` are those of `videos_by_name` and `exported_clips`.
    """
    counted = clips.group_by("video").aggregate([("clip_id", "count"), ("duration_s", "sum")])
    counted = counted.sort_by("video")
    present = videos.take(counted["video"])
    facts = view.locate(VIDEOS, present["video_id"])
    stories = stories_of(view, present["video_id"]) if view.has(STORIES) else None
    extras = extra_columns(videos)
    for start in range(0, max(present.num_rows, 1), ROWS_AT_ONCE):
        rows = facts.rows(start, ROWS_AT_ONCE)
        columns: dict[str, Any] = {"video_id": rows["video_id"]}
        for name in (n for n in VIDEOS.schema.names if n != "video_id"):
            add_column(columns, name, rows[name])
        columns["n_clips"] = counted["clip_id_count"].slice(start, ROWS_AT_ONCE)
        columns["clips_s"] = counted["duration_s_sum"].slice(start, ROWS_AT_ONCE)
        if stories is not None:
            for name in FROM_STORY:
                columns[f"story_{name}"] = stories[name].slice(start, ROWS_AT_ONCE)
        add_sources(columns, present.slice(start, ROWS_AT_ONCE), extras, paths=False)
        yield pa.table(columns)


def stories_of(view: DatasetView, video_ids: pa.ChunkedArray) -> pa.Table:
    """Return the text about each video, nulls where there is none."""
    stories = of_outlines(view, STORIES, [OUTLINES.key, "video_id", *FROM_STORY])
    where = pc.index_in(video_ids.combine_chunks(), value_set=stories["video_id"].combine_chunks())
    return pa.table({name: take_nullable(stories[name], where) for name in FROM_STORY})
