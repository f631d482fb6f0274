"""What people decided about clips, as an export tells it: verdict, tags and caption."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.clips.reviews import reviews_of
from vidcurate.records import DECISIONS
from vidcurate.stage import DatasetView
from vidcurate.store.table import positions

# A row for each clip that anybody decided about; `text` is null where nobody wrote one.
REVIEWS = pa.schema(
    [
        pa.field("clip_id", pa.string()),
        pa.field("verdict", pa.string()),
        pa.field("tags", pa.list_(pa.string())),
        pa.field("reviewer", pa.string()),
        pa.field("text", pa.string()),
    ]
)


def read_reviews(view: DatasetView) -> pa.Table:
    """Read what stands about each clip; no row where the data set has no decisions."""
    if not view.has(DECISIONS):
        return REVIEWS.empty_table()
    reviews = reviews_of(DECISIONS.from_arrow(view.scan(DECISIONS)))
    rows = [
        {
            "clip_id": clip_id,
            "verdict": review.verdict,
            "tags": list(review.tags),
            "reviewer": review.reviewer,
            "text": review.caption,
        }
        for clip_id, review in reviews.items()
    ]
    return pa.Table.from_pylist(rows, schema=REVIEWS)


def written_texts(view: DatasetView) -> pa.Table:
    """Read the captions that people wrote: `clip_id` and `text`."""
    reviews = read_reviews(view)
    return reviews.filter(pc.is_valid(reviews["text"])).select(["clip_id", "text"])


def add_reviews(columns: dict[str, Any], reviews: pa.Table) -> None:
    """Add what people decided; a text that one wrote goes before any other.

    `caption_before` is then the text that it replaces.
    """
    rows = reviews.take(positions(as_chunked(columns["clip_id"]), reviews["clip_id"]))
    for name in ("verdict", "tags", "reviewer"):
        columns[f"review_{name}"] = rows[name]
    written = columns["review_caption"] = rows["text"]
    before = columns.get("caption_before", pa.nulls(rows.num_rows, pa.string()))
    columns["caption_before"] = pc.if_else(pc.is_valid(written), columns["caption"], before)
    columns["caption"] = pc.coalesce(written, columns["caption"])


def as_chunked(column: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column in chunks."""
    return column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
