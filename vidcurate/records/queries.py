"""Rows about what is asked of videos."""

from dataclasses import dataclass
from typing import Annotated

from vidcurate.records.column import ColumnInfo, VideoEnd, VideoId, VideoStart
from vidcurate.store.table import Table


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A span of a video."""

    start_s: VideoStart
    end_s: VideoEnd


@dataclass(frozen=True, slots=True)
class Query:
    """A question to one video, or to a clip of it."""

    query_id: Annotated[
        str, ColumnInfo("Hash of the question, what it is asked of, and the choices")
    ]
    video_id: VideoId
    clip_id: Annotated[str | None, ColumnInfo("Clip that is asked about; null for the whole video")]
    text: Annotated[str, ColumnInfo("The question")]
    choices: Annotated[
        tuple[str, ...], ColumnInfo("Answers of which one is right; empty for a free answer")
    ]
    answer: Annotated[str | None, ColumnInfo("The right answer; null where the list has none")]
    true_spans: Annotated[
        tuple[TimeSpan, ...],
        ColumnInfo("Spans that show the answer, in time order; empty where the list has none"),
    ]
    kind: Annotated[str | None, ColumnInfo("Kind of question, as the list calls it; null without")]


QUERIES = Table("queries", Query, key="query_id")
