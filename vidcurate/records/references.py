"""Rows about texts that captions are held against."""

from dataclasses import dataclass
from typing import Annotated, Literal

from vidcurate.records.column import ClipId, ColumnInfo, VideoId
from vidcurate.store.table import Table

Kind = Literal["short", "detailed", "camera", "background", "main-object", "audio"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A text about a clip that counts as right; a clip may have several, also unlike ones."""

    reference_id: Annotated[str, ColumnInfo("Hash of the clip, the kind and the text")]
    clip_id: ClipId
    video_id: VideoId
    text: Annotated[str, ColumnInfo("The reference")]
    kind: Annotated[
        str,
        ColumnInfo("What it tells: short, detailed, camera, background, main-object or audio"),
    ]
    overlap: Annotated[
        float,
        ColumnInfo(
            "How much of both spans the clip and the reference share; 1 where it names the clip",
            "1",
            "intersection over union of the spans",
        ),
    ]
    source: Annotated[str, ColumnInfo("Row of the list, or data set, that it is from")]


REFERENCES = Table("references", Reference, key="reference_id")
