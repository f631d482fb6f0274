"""Rows about texts by themselves: vectors of captions, and sentences made of what is said."""

from dataclasses import dataclass
from typing import Annotated

from vidcurate.records.column import (
    Backend,
    ClipId,
    ColumnInfo,
    Model,
    PromptHash,
    VideoEnd,
    VideoId,
    VideoStart,
)
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


@dataclass(frozen=True, slots=True)
class SpokenSentence:
    """A sentence that a model made of what is said, and the span of the video that shows it."""

    spoken_id: Annotated[
        str, ColumnInfo("Sentence: its video, its second and its number in the video")
    ]
    video_id: VideoId
    text: Annotated[str, ColumnInfo("The sentence")]
    said_start_s: Annotated[
        float, ColumnInfo("Second in which the model puts the sentence", "s", time_base="video")
    ]
    said_end_s: Annotated[
        float, ColumnInfo("End of the 8 s that it stands for", "s", time_base="video")
    ]
    is_moved: Annotated[
        bool,
        ColumnInfo(
            "Whether the model had put it more than 10 s outside of what it was given, or outside "
            "of the video, and it was moved to there"
        ),
    ]
    guess_s: Annotated[
        float, ColumnInfo("Middle of the 8 s, around which it is sought", "s", time_base="video")
    ]
    start_s: VideoStart
    end_s: VideoEnd
    similarity: Annotated[
        float | None,
        ColumnInfo(
            "How well the span fits the sentence; null where nothing near has a vector",
            "1",
            "mean over the span's seconds of the cosine of sentence and picture or caption, summed "
            "over both where spoken.against is both",
            source="HowToCaption",
        ),
    ]
    aligned_by: Annotated[
        str, ColumnInfo("What the sentence was compared with, and the model of the vectors")
    ]
    language: Annotated[str, ColumnInfo("Language that was asked for")]
    backend: Backend
    model: Model
    prompt_hash: PromptHash


CAPTION_VECTORS = Table("caption_vectors", CaptionVectors, key="clip_id")
SPOKEN = Table("spoken", SpokenSentence, key="spoken_id")
