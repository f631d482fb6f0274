"""Rows about texts by themselves: the vectors of captions."""

from dataclasses import dataclass
from typing import Annotated

from vidcurate.records.column import Backend, ClipId, ColumnInfo, Model, VideoId
from vidcurate.store.table import Table


@dataclass(frozen=True, slots=True)
class CaptionVectors:
    """The vectors of one clip's text and of its sentences; they lie in the file it names."""

    clip_id: ClipId
    video_id: VideoId
    backend: Backend
    model: Model
    pretrained: Annotated[str, ColumnInfo("Weights of an image-text model; empty for other models")]
    dimension: Annotated[int, ColumnInfo("Numbers of a vector", "count")]
    n_sentences: Annotated[int, ColumnInfo("Sentences of the text", "count")]
    is_cut: Annotated[
        bool | None,
        ColumnInfo(
            "Whether the model read only the beginning of the whole text; null where it does not "
            "tell"
        ),
    ]
    text_from: Annotated[str, ColumnInfo("Which text it is: caption, refined, or review")]
    text_hash: Annotated[str, ColumnInfo("Hash of the text")]
    vectors_file: Annotated[
        str,
        ColumnInfo(
            "File with texts and vectors, in files/: the first row is the whole text, then a row "
            "for each sentence"
        ),
    ]


CAPTION_VECTORS = Table("caption_vectors", CaptionVectors, key="clip_id")
