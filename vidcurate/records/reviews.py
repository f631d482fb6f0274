"""Rows about what people decided: a log, to which reviews only add."""

from dataclasses import dataclass
from typing import Annotated

from vidcurate.records.column import ClipId, ColumnInfo, VideoId
from vidcurate.store.table import Table


@dataclass(frozen=True, slots=True)
class ReviewedSpan:
    """A span of a video that a person made a clip of."""

    start_pts: Annotated[int, ColumnInfo("Time of the first frame", "ticks", time_base="video")]
    end_pts: Annotated[
        int, ColumnInfo("Time of the first frame that is not in it", "ticks", time_base="video")
    ]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about a clip; later decisions replace earlier ones, and none goes."""

    decision_id: Annotated[str, ColumnInfo("Decision: hex digits that no other one has")]
    step: Annotated[
        str, ColumnInfo("Step of the review: decisions that were made, and are undone, together")
    ]
    decided_at: Annotated[str, ColumnInfo("When it was made: ISO 8601, in UTC")]
    reviewer: Annotated[str, ColumnInfo("Name that the person gave")]
    action: Annotated[
        str, ColumnInfo("What was decided: accept, reject, caption, tags, spans or undo")
    ]
    clip_id: ClipId
    video_id: VideoId
    reason: Annotated[str | None, ColumnInfo("Why the clip is rejected; null for other actions")]
    text: Annotated[
        str | None, ColumnInfo("The clip's caption in the person's words; null for other actions")
    ]
    tags: Annotated[
        tuple[str, ...], ColumnInfo("All tags that the clip has from then on; empty otherwise")
    ]
    replaces: Annotated[
        tuple[str, ...], ColumnInfo("Clips in whose place the spans stand; empty otherwise")
    ]
    spans: Annotated[
        tuple[ReviewedSpan, ...], ColumnInfo("Spans that are clips from then on; empty otherwise")
    ]
    undoes: Annotated[str | None, ColumnInfo("Step that is undone; null for other actions")]


DECISIONS = Table("decisions", Decision, key="decision_id")
# Where they lie, in place of a fingerprint: no stage makes them.
REVIEWED = "reviewed"
