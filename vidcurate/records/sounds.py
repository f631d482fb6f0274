"""Rows of what is heard in a clip besides words, which rules may judge and captions may read."""

from dataclasses import dataclass
from typing import Annotated

from vidcurate.records.column import (
    Backend,
    ClipId,
    ColumnInfo,
    CompletionTokens,
    Model,
    PromptHash,
    PromptTokens,
    Requests,
    Seconds,
    VideoId,
)
from vidcurate.store.table import Table


def class_share(name: str) -> ColumnInfo:
    """What the share of a class of sound is."""
    return ColumnInfo(
        f"Part of the clip's time with {name}; null where the backend does not know that class, "
        "and where the clip has no sound to hear",
        "1",
        f"time covered by spans labelled {name} over the clip's length",
    )


@dataclass(frozen=True, slots=True)
class SoundSpan:
    """A part of a clip in which a kind of sound is heard."""

    label: Annotated[str, ColumnInfo("Kind of sound, as the model names it")]
    start_s: Annotated[float, ColumnInfo("Start", "s", time_base="clip")]
    end_s: Annotated[float, ColumnInfo("End", "s", time_base="clip")]
    probability: Annotated[
        float, ColumnInfo("How sure the model is of it", "1", "mean over the span")
    ]


@dataclass(frozen=True, slots=True)
class Sounds:
    """What one clip sounds like, by kinds of sound or in words.

    A chat model writes the texts, and knows no labels; the other backends find labels, and write
    no text.
    """

    clip_id: ClipId
    video_id: VideoId
    backend: Backend
    model: Model
    heard_s: Annotated[
        float,
        ColumnInfo(
            "Length of the clip's sound that was listened to; less than the clip's where sound "
            "begins late, ends early or is damaged",
            "s",
        ),
    ]
    top_label: Annotated[
        str | None, ColumnInfo("Kind of sound that is surest; null where none is heard")
    ]
    top_probability: Annotated[
        float | None, ColumnInfo("How sure the model is of it; null as top_label", "1")
    ]
    labels: Annotated[
        tuple[str, ...], ColumnInfo("Kinds of sound that are heard, the surest first")
    ]
    probabilities: Annotated[
        tuple[float, ...],
        ColumnInfo(
            "How sure the model is of each, in the same order",
            "1",
            "the highest probability of its spans",
        ),
    ]
    spans: Annotated[
        tuple[SoundSpan, ...],
        ColumnInfo("When each is heard, in the order of time; kinds of sound may overlap"),
    ]
    speech_share: Annotated[float | None, class_share("speech")]
    singing_share: Annotated[float | None, class_share("singing")]
    music_share: Annotated[float | None, class_share("music")]
    sound_text: Annotated[
        str | None,
        ColumnInfo(
            "What is heard, in words; null for silence, and where no model that hears was asked"
        ),
    ]
    music_text: Annotated[
        str | None,
        ColumnInfo(
            "The music without voices, in words; null where none was asked for, or there is none",
            source="MMTrail (music caption without vocals)",
        ),
    ]
    prompt_hash: PromptHash
    n_requests: Requests
    prompt_tokens: PromptTokens
    completion_tokens: CompletionTokens
    seconds: Seconds


SOUNDS = Table("sounds", Sounds, key="clip_id")
