"""Rows about clips: their spans, pictures, texts and files."""

from dataclasses import dataclass
from fractions import Fraction
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
    TickLength,
    VideoEnd,
    VideoId,
    VideoStart,
)
from vidcurate.store.table import Table


@dataclass(frozen=True, slots=True)
class Clip:
    """A span of a video: frames with `start_pts` <= pts < `end_pts`."""

    clip_id: ClipId
    video_id: VideoId
    start_pts: Annotated[int, ColumnInfo("Time of the first frame", "ticks", time_base="video")]
    end_pts: Annotated[
        int, ColumnInfo("Time of the first frame that is not in it", "ticks", time_base="video")
    ]
    time_base: TickLength
    start_s: VideoStart
    end_s: VideoEnd
    duration_s: Annotated[float, ColumnInfo("Length", "s", "end_s - start_s")]
    n_frames: Annotated[int, ColumnInfo("Frames", "frames")]


@dataclass(frozen=True, slots=True)
class PartitionedClip(Clip):
    """A clip of the data set, and the part of it that the clip is in."""

    split: Annotated[str, ColumnInfo("Part of the data set: train, validation or test")]
    group: Annotated[
        str,
        ColumnInfo(
            "Video that was found first of those that stay in one split together; the clip's own "
            "where nothing is divided"
        ),
    ]


@dataclass(frozen=True, slots=True)
class Signature:
    """What copies of a clip share with it, as dedup compares it.

    Times, hashes and vectors are those of each sample that shows something.
    """

    clip_id: ClipId
    video_id: VideoId
    duration_s: Annotated[float, ColumnInfo("Length of the clip", "s")]
    content: Annotated[str, ColumnInfo("Hash that clips of equal frames share")]
    times_s: Annotated[tuple[float, ...], ColumnInfo("Time of each sample", "s", time_base="clip")]
    hashes: Annotated[bytes, ColumnInfo("Perceptual hash of each sample, 8 bytes each")]
    vectors: Annotated[bytes, ColumnInfo("Appearance vector of each sample, one byte a number")]
    luma_sequence: Annotated[
        bytes,
        ColumnInfo(
            "Luma over time, eight steps a second: mean, spread and change, as 32-bit floats"
        ),
    ]


@dataclass(frozen=True, slots=True)
class Keyframe:
    """One full-size picture of a clip."""

    pts: Annotated[int, ColumnInfo("Time of the frame", "ticks", time_base="video")]
    time_s: Annotated[float, ColumnInfo("Time of the frame", "s", time_base="video")]
    file: Annotated[str, ColumnInfo("File, in files/ next to the table")]
    width: Annotated[int, ColumnInfo("Width of the picture in the file", "pixels")]
    height: Annotated[int, ColumnInfo("Height of the picture in the file", "pixels")]


@dataclass(frozen=True, slots=True)
class ClipKeyframes:
    """The keyframes of one clip."""

    clip_id: ClipId
    video_id: VideoId
    method: Annotated[str, ColumnInfo("How the frames were chosen, as keyframes.method")]
    keyframes: Annotated[tuple[Keyframe, ...], ColumnInfo("The keyframes, in time order")]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of several texts from which a caption was chosen."""

    text: Annotated[str, ColumnInfo("The text")]
    source: Annotated[str, ColumnInfo("Who wrote it, and how")]
    score: Annotated[float | None, ColumnInfo("Its score, by the measure that chose", "1")]


@dataclass(frozen=True, slots=True)
class Caption:
    """One text about one clip, and all that is needed to make it again."""

    clip_id: ClipId
    video_id: VideoId
    text: Annotated[str, ColumnInfo("The caption")]
    short_text: Annotated[str | None, ColumnInfo("A shorter one, where one was asked for")]
    structured: Annotated[
        str | None, ColumnInfo("The filled-in form as JSON, where the strategy has one")
    ]
    candidates: Annotated[
        tuple[Candidate, ...], ColumnInfo("The texts from which it was chosen, if several")
    ]
    repairs: Annotated[
        tuple[str, ...],
        ColumnInfo("Cleaning rules that changed the text, and what an answer lacks"),
    ]
    conflicts: Annotated[
        tuple[str, ...],
        ColumnInfo(
            "What in the text contradicts a measurement; by strategy shots also answers that an "
            "expert overruled"
        ),
    ]
    status: Annotated[str, ColumnInfo("ok, or truncated where the text breaks off")]
    language: Annotated[str, ColumnInfo("Language that was asked for")]
    style: Annotated[str, ColumnInfo("Purpose that the text was written for; empty for facts")]
    backend: Backend
    model: Model
    revision: Annotated[str, ColumnInfo("Revision of the model, where one was named")]
    strategy: Annotated[str, ColumnInfo("How the model was asked; empty for facts")]
    prompt_hash: PromptHash
    frame_times_s: Annotated[
        tuple[float, ...],
        ColumnInfo("Times of the frames that the model was given", "s", time_base="video"),
    ]
    subtitles_hash: Annotated[
        str | None, ColumnInfo("Hash of the subtitle file that was read; null without one")
    ]
    words_from: Annotated[
        str | None,
        ColumnInfo("What wrote down the words that the model was told, as transcripts.backend"),
    ]
    title: Annotated[
        str | None, ColumnInfo("Title of the video that the model was told; null without one")
    ]
    n_requests: Requests
    prompt_tokens: PromptTokens
    completion_tokens: CompletionTokens
    seconds: Seconds


def cosine(what: str, formula: str) -> ColumnInfo:
    """What a likeness of text and clip is."""
    return ColumnInfo(f"{what}, -1 to 1", "1", formula, source="CLIPScore without its factor")


@dataclass(frozen=True, slots=True)
class Alignment:
    """How well a text fits one clip."""

    clip_id: ClipId
    video_id: VideoId
    text_from: Annotated[str, ColumnInfo("What was compared: caption, or sentence")]
    is_cut: Annotated[bool, ColumnInfo("Whether the model could read only a part of the text")]
    model: Annotated[str, ColumnInfo("Image-text model that made the vectors")]
    pretrained: Annotated[str, ColumnInfo("Its weights")]
    n_frames: Annotated[int, ColumnInfo("Frames compared, about one a second", "count")]
    clip_cosine: Annotated[
        float,
        cosine("Similarity of text and clip", "cosine of the text's vector and the frames' mean"),
    ]
    frame_min: Annotated[
        float, cosine("Similarity of text and the frame that it fits least", "minimum over frames")
    ]
    frame_mean: Annotated[
        float, cosine("Mean similarity of text and frames", "mean of cosines over frames")
    ]
    frame_max: Annotated[
        float, cosine("Similarity of text and the frame that it fits best", "maximum over frames")
    ]


def crop_edge(what: str) -> ColumnInfo:
    """What a number about the part of the video's picture is that a file shows."""
    return ColumnInfo(
        f"{what} of what the file shows of the video's upright picture of square pixels", "pixels"
    )


@dataclass(frozen=True, slots=True)
class ExportedClip:
    """One clip of the finished data set, with the file that was cut for it, if any.

    Times, frames and size are those of the file, or of the clip where there is none.
    """

    clip_id: ClipId
    video_id: VideoId
    media: Annotated[str, ColumnInfo("How the file was made: none, copy, smart or encode")]
    file: Annotated[str | None, ColumnInfo("The file, in the export; null without one")]
    size_bytes: Annotated[int | None, ColumnInfo("Size of the file", "bytes")]
    sha256: Annotated[str | None, ColumnInfo("SHA-256 of the file")]
    start_s: Annotated[float, ColumnInfo("Start of the file's first frame", "s", time_base="video")]
    duration_s: Annotated[float, ColumnInfo("Length of the file", "s")]
    n_frames: Annotated[int, ColumnInfo("Frames of the file", "frames")]
    lead_s: Annotated[
        float, ColumnInfo("Time in the file before the clip begins", "s", time_base="file")
    ]
    lead_frames: Annotated[int, ColumnInfo("Frames in the file before the clip", "frames")]
    tail_s: Annotated[float, ColumnInfo("Time in the file after the clip ends", "s")]
    tail_frames: Annotated[int, ColumnInfo("Frames in the file after the clip", "frames")]
    width: Annotated[int, ColumnInfo("Coded width", "pixels")]
    height: Annotated[int, ColumnInfo("Coded height", "pixels")]
    frame_rate: Annotated[
        Fraction | None,
        ColumnInfo("Constant rate; null for the video's own frames and times", "frames/s"),
    ]
    cut_frames: Annotated[
        int,
        ColumnInfo(
            "Frames, at the file's rate, left out at the clip's end for a length that is trained",
            "frames",
        ),
    ]
    crop_left: Annotated[int, crop_edge("Left edge")]
    crop_top: Annotated[int, crop_edge("Upper edge")]
    crop_width: Annotated[int, crop_edge("Width")]
    crop_height: Annotated[int, crop_edge("Height")]
    picture_width: Annotated[int, ColumnInfo("Width without black padding", "pixels")]
    picture_height: Annotated[int, ColumnInfo("Height without black padding", "pixels")]
    pixel_aspect: Annotated[
        Fraction, ColumnInfo("Shape of a coded pixel", "1", "width over height of a pixel")
    ]
    display_width: Annotated[
        int, ColumnInfo("Width as displayed, upright, with square pixels", "pixels")
    ]
    display_height: Annotated[
        int, ColumnInfo("Height as displayed, upright, with square pixels", "pixels")
    ]
    is_interlaced: Annotated[bool, ColumnInfo("Whether the file's frames are interlaced")]
    is_hdr: Annotated[bool, ColumnInfo("Whether the file has a high dynamic range")]
    has_audio: Annotated[bool, ColumnInfo("Whether the file has sound")]
    encoder: Annotated[
        str | None, ColumnInfo("Encoder, as export.encoder; null where streams were copied")
    ] = None
    wav: Annotated[
        str | None, ColumnInfo("File with the sound, in the export; null without one")
    ] = None


def edge_error(edge: str) -> ColumnInfo:
    """What the error of an edge frame is."""
    return ColumnInfo(
        f"How much the file's {edge} frame differs from the video's; null without a file",
        "8-bit levels",
        "root mean square difference of Y, U and V",
    )


def edge_margin(edge: str) -> ColumnInfo:
    """What the margin of an edge frame is."""
    return ColumnInfo(
        f"How surely the file's {edge} frame is the clip's own: 1 is its own, -1 the closest one "
        "beyond the clip's edge; null where none can be distinguished, as without motion",
        "1",
    )


@dataclass(frozen=True, slots=True)
class VerifiedClip:
    """What was found in the file of a clip that holds all that it promises."""

    clip_id: ClipId
    video_id: VideoId
    n_frames: Annotated[int, ColumnInfo("Frames decoded from the file; 0 without one", "frames")]
    duration_s: Annotated[float, ColumnInfo("Length of the file; 0 without one", "s")]
    audio_s: Annotated[
        float | None, ColumnInfo("Length of the file's sound; null without sound", "s")
    ]
    first_error: Annotated[float | None, edge_error("first")]
    first_margin: Annotated[float | None, edge_margin("first")]
    last_error: Annotated[float | None, edge_error("last")]
    last_margin: Annotated[float | None, edge_margin("last")]
    decoders: Annotated[tuple[str, ...], ColumnInfo("What decoded the file to its end")]


CLIPS = Table("clips", Clip, key="clip_id", names_content=True)
SIGNATURES = Table("signatures", Signature, key="clip_id")
KEPT = Table("kept", Clip, key="clip_id", names_content=True)
# Where a clip is put changes nothing that is made of it: its span depends on its id alone.
PARTITIONS = Table("partitions", PartitionedClip, key="clip_id", names_content=True)
# The clips of the export, where rules are set to their texts.
ACCEPTED = Table("accepted", PartitionedClip, key="clip_id", names_content=True)
KEYFRAMES = Table("keyframes", ClipKeyframes, key="clip_id")
CAPTIONS = Table("captions", Caption, key="clip_id")
ALIGNMENT = Table("alignment", Alignment, key="clip_id")
EXPORTS = Table("exports", ExportedClip, key="clip_id")
VERIFIED = Table("verified", VerifiedClip, key="clip_id")
