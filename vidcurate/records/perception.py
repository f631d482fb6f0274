"""Rows of how well a clip's picture is made, as its container says and a model sees."""

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

SOURCE = "after CAMP-VQA, Wang et al. 2025"


def level(fault: str) -> ColumnInfo:
    """What the level of a fault is."""
    return ColumnInfo(
        f"{fault}: none, mild, moderate or severe, as the model says; null without a model",
        source=SOURCE,
    )


def faults(where: str) -> ColumnInfo:
    """What the words for one kind of mosaic are."""
    return ColumnInfo(
        f"Up to two faults that a model sees {where}: blur, blocks, banding, ringing, ghosting, "
        "flicker, noise, colour shift, tearing; empty for none, and without a model",
        source=SOURCE,
    )


@dataclass(frozen=True, slots=True)
class Perception:
    """How well the picture of one clip is made."""

    clip_id: ClipId
    video_id: VideoId
    backend: Backend
    model: Model
    prompt_hash: PromptHash
    hints: Annotated[
        tuple[str, ...],
        ColumnInfo(
            "What the container says: resolution, bit rate for each pixel, bit depth and frame "
            "rate, in words",
            source=SOURCE,
        ),
    ]
    n_pairs: Annotated[
        int, ColumnInfo("Pairs of neighbouring frames that were compared; 0 without", "count")
    ]
    quality_text: Annotated[
        str | None, ColumnInfo("The quality in a paragraph; null without a model", source=SOURCE)
    ]
    blur: Annotated[str | None, level("Too little sharpness")]
    defocus: Annotated[str | None, level("Focus in the wrong place")]
    noise: Annotated[str | None, level("Grain")]
    motion_blur: Annotated[str | None, level("Smears where something moves")]
    flicker: Annotated[str | None, level("Jumps of light or position")]
    compression: Annotated[str | None, level("Blocks, ringing or banding")]
    colour: Annotated[str | None, level("Faded or false colours")]
    exposure: Annotated[str | None, level("Too dark or too bright")]
    residual_words: Annotated[tuple[str, ...], faults("in what changes between frames")]
    fragment_words: Annotated[tuple[str, ...], faults("where most changes")]
    mosaics: Annotated[
        tuple[str, ...],
        ColumnInfo(
            "Files of the mosaics, in files/: of each pair the residual, then the fragment; empty "
            "unless perception.keep_mosaics"
        ),
    ]
    n_requests: Requests
    prompt_tokens: PromptTokens
    completion_tokens: CompletionTokens
    seconds: Seconds


PERCEPTION = Table("perception", Perception, key="clip_id")
