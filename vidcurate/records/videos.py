"""Rows about whole videos: what was found, what it holds, where its shots meet."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from vidcurate.records.column import (
    Backend,
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

FileId = Annotated[str, ColumnInfo("File: its path, size and time, so it changes with the file")]
OutlineId = Annotated[str, ColumnInfo("Hash of the video's captions, so it changes with them")]


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that was given or found in a folder."""

    file_id: FileId
    path: Annotated[str, ColumnInfo("Path or address of the file")]
    extra: Annotated[Mapping[str, str], ColumnInfo("Other columns of the list that named it")]
    fault: Annotated[str | None, ColumnInfo("Why the file cannot be read; null where it can")]
    source: Annotated[str | None, ColumnInfo("Source that named it: a folder, file or list")] = None
    size_bytes: Annotated[int | None, ColumnInfo("Size of the file", "bytes")] = None
    mtime_ns: Annotated[
        int | None, ColumnInfo("Time of the file's last change", "ns since 1970")
    ] = None
    inode: Annotated[int | None, ColumnInfo("Its number in the file system", "number")] = None
    content: Annotated[
        str | None,
        ColumnInfo("Its video_id, where the file was read whole to tell it from another"),
    ] = None
    sha256: Annotated[str | None, ColumnInfo("SHA-256 of the whole file, where it was read")] = None
    state: Annotated[
        str | None,
        ColumnInfo("null: there; gone: its source no longer has it; dropped: it was taken out"),
    ] = None


@dataclass(frozen=True, slots=True)
class Source:
    """The content of a file. Files of equal content are merged into one source when read."""

    video_id: VideoId
    file_id: FileId
    path: Annotated[str, ColumnInfo("Path of a file with this content")]
    paths: Annotated[tuple[str, ...], ColumnInfo("Paths of all files with this content")]
    size_bytes: Annotated[int, ColumnInfo("Size of the file", "bytes")]
    extra: Annotated[Mapping[str, str], ColumnInfo("Other columns of the lists that named it")]
    mtimes_ns: Annotated[
        tuple[int, ...], ColumnInfo("Times of the last change of paths", "ns since 1970")
    ]
    sample: Annotated[
        str, ColumnInfo("Hash of some of the content: the video_id of the first one that has it")
    ]


@dataclass(frozen=True, slots=True)
class Video:
    """What the container says of one video, and what a few of its frames show.

    `width` and `height` are as coded, `display_*` as displayed.
    """

    video_id: VideoId
    container: Annotated[str, ColumnInfo("Container format, as FFmpeg names it")]
    size_bytes: Annotated[int, ColumnInfo("Size of the file", "bytes")]
    duration_s: Annotated[float, ColumnInfo("Length of the picture's stream", "s")]
    end_s: Annotated[float, ColumnInfo("End of the last frame", "s", time_base="video")]
    time_base: TickLength
    start_pts: Annotated[int, ColumnInfo("Time of the first frame", "ticks", time_base="video")]
    container_start_us: Annotated[
        int, ColumnInfo("Start of all streams by the container", "us", time_base="video")
    ]
    frame_rate: Annotated[Fraction, ColumnInfo("Frames a second, on average", "frames/s")]
    is_vfr: Annotated[bool, ColumnInfo("Whether the time between frames varies")]
    n_frames_header: Annotated[
        int, ColumnInfo("Frames as the header says; 0 where it does not", "frames")
    ]
    video_codec: Annotated[str, ColumnInfo("Codec of the picture, as FFmpeg names it")]
    pixel_format: Annotated[str, ColumnInfo("Pixel format, as FFmpeg names it")]
    bit_depth: Annotated[int, ColumnInfo("Bits of a colour component", "bits")]
    matrix: Annotated[str, ColumnInfo("Colour matrix as the video says, or unknown")]
    primaries: Annotated[str, ColumnInfo("Colour primaries as the video says, or unknown")]
    transfer: Annotated[str, ColumnInfo("Transfer function as the video says, or unknown")]
    is_full_range: Annotated[bool, ColumnInfo("Whether levels use the full range")]
    is_hdr: Annotated[bool, ColumnInfo("Whether it has a high dynamic range")]
    field_order: Annotated[
        str,
        ColumnInfo(
            "progressive, or the field of interlaced frames that comes first, top or bottom: as "
            "measured where enough moves, else as the video says, or unknown"
        ),
    ]
    is_interlaced: Annotated[bool, ColumnInfo("Whether its frames are interlaced")]
    width: Annotated[int, ColumnInfo("Coded width", "pixels")]
    height: Annotated[int, ColumnInfo("Coded height", "pixels")]
    rotation_deg: Annotated[int, ColumnInfo("Rotation for display", "degrees")]
    pixel_aspect: Annotated[
        Fraction, ColumnInfo("Shape of a coded pixel", "1", "width over height of a pixel")
    ]
    display_width: Annotated[
        int, ColumnInfo("Width as displayed, upright, with square pixels", "pixels")
    ]
    display_height: Annotated[
        int, ColumnInfo("Height as displayed, upright, with square pixels", "pixels")
    ]
    bit_rate: Annotated[int, ColumnInfo("Bit rate of the whole file", "bit/s")]
    audio_index: Annotated[
        int | None, ColumnInfo("Number of the sound's stream; null without sound", "number")
    ]
    audio_codec: Annotated[str | None, ColumnInfo("Codec of the sound; null without sound")]
    audio_layout: Annotated[str | None, ColumnInfo("Channel layout; null without sound")]
    audio_channels: Annotated[int | None, ColumnInfo("Channels; null without sound", "count")]
    audio_rate_hz: Annotated[int | None, ColumnInfo("Sample rate; null without sound", "Hz")]
    faults: Annotated[tuple[str, ...], ColumnInfo("What is wrong with the file")]


@dataclass(frozen=True, slots=True)
class Scan:
    """What the one decode of a video left; the numbers themselves lie in the files it names."""

    video_id: VideoId
    n_frames: Annotated[int, ColumnInfo("Frames", "frames")]
    time_base: TickLength
    first_pts: Annotated[int, ColumnInfo("Time of the first frame", "ticks", time_base="video")]
    end_pts: Annotated[int, ColumnInfo("End of the last frame", "ticks", time_base="video")]
    duration_s: Annotated[float, ColumnInfo("Length", "s")]
    frame_rate: Annotated[Fraction, ColumnInfo("Frames a second, on average", "frames/s")]
    is_vfr: Annotated[bool, ColumnInfo("Whether the time between frames varies")]
    n_samples: Annotated[int, ColumnInfo("Samples taken at native size", "count")]
    proxy_width: Annotated[int, ColumnInfo("Width of the proxies", "pixels")]
    proxy_height: Annotated[int, ColumnInfo("Height of the proxies", "pixels")]
    n_decode_errors: Annotated[int, ColumnInfo("Packets that could not be decoded", "count")]
    fault: Annotated[str | None, ColumnInfo("Why the decode ended early; null where it did not")]
    metrics: Annotated[tuple[str, ...], ColumnInfo("Metrics recorded for cut detectors")]
    clock_offsets: Annotated[
        tuple[int, ...],
        ColumnInfo(
            "Ticks added to the container's times in each part of a video whose clock begins "
            "again, as in joined recordings; one, 0, where it does not",
            "ticks",
        ),
    ]
    frames_file: Annotated[str, ColumnInfo("File with signals of every frame, in files/")]
    samples_file: Annotated[str, ColumnInfo("File with samples and proxies, in files/")]
    source_sha256: Annotated[
        str | None, ColumnInfo("SHA-256 of the whole video as it was decoded")
    ] = None
    decoder: Annotated[str, ColumnInfo("What decoded it: cpu, cuda, videotoolbox or vaapi")] = "cpu"
    decoder_fault: Annotated[
        str | None,
        ColumnInfo("Why no device decoded it, where scan.hwaccel asks for one; null elsewhere"),
    ] = None
    decode: Annotated[
        str,
        ColumnInfo(
            "Frames that were decoded, as scan.decode: all; reference, those that others refer to; "
            "keyframes, these and windows around suspected transitions"
        ),
    ] = "all"
    n_decoded: Annotated[int, ColumnInfo("Frames decoded and measured", "frames")] = 0
    decode_reason: Annotated[
        str | None,
        ColumnInfo("Why all frames were decoded though fewer were asked for; null otherwise"),
    ] = None


@dataclass(frozen=True, slots=True)
class Cut:
    """One transition: from the last frame of the old shot to the first frame of the new one."""

    start_pts: Annotated[
        int, ColumnInfo("Time of the old shot's last frame", "ticks", time_base="video")
    ]
    end_pts: Annotated[
        int, ColumnInfo("Time of the new shot's first frame", "ticks", time_base="video")
    ]
    start_s: Annotated[
        float, ColumnInfo("Time of the old shot's last frame", "s", time_base="video")
    ]
    end_s: Annotated[
        float, ColumnInfo("Time of the new shot's first frame", "s", time_base="video")
    ]
    kind: Annotated[
        str, ColumnInfo("cut, dissolve, fade, wipe, gradual where it is not known which, or fixed")
    ]
    confidence: Annotated[float, ColumnInfo("The detector's confidence, 0 to 1", "1")]
    detector: Annotated[str, ColumnInfo("Detector that found it, as cuts.detector")]


@dataclass(frozen=True, slots=True)
class VideoCuts:
    """All transitions of one video."""

    video_id: VideoId
    cuts: Annotated[tuple[Cut, ...], ColumnInfo("The transitions, in time order")]


@dataclass(frozen=True, slots=True)
class VideoVectors:
    """The vectors of one video's proxies, and what made them; they lie in the file it names."""

    video_id: VideoId
    backend: Backend
    model: Model
    pretrained: Annotated[str, ColumnInfo("Weights of the model; empty for appearance")]
    dimension: Annotated[int, ColumnInfo("Numbers of a vector", "count")]
    n_vectors: Annotated[int, ColumnInfo("Vectors, about one a second", "count")]
    vectors_file: Annotated[str, ColumnInfo("File with the vectors and their times, in files/")]


@dataclass(frozen=True, slots=True)
class Transcript:
    """What is said in one video, and what made it; the words lie in the file it names."""

    video_id: VideoId
    backend: Backend
    model: Model
    revision: Annotated[str, ColumnInfo("Revision of the model, where one was named")]
    language: Annotated[
        str | None, ColumnInfo("Code of the language, as en; null where nothing tells it")
    ]
    language_probability: Annotated[
        float | None, ColumnInfo("Probability of the language; null where it was not detected", "1")
    ]
    n_words: Annotated[int, ColumnInfo("Words", "count")]
    word_times: Annotated[
        str,
        ColumnInfo("How words have times: measured, or spread over sentences or cues"),
    ]
    sound_s: Annotated[
        float | None, ColumnInfo("Length of the sound that was heard; null for subtitles", "s")
    ]
    speech_s: Annotated[
        float | None,
        ColumnInfo(
            "Time in which the voice detector hears a voice; null for subtitles",
            "s",
            "32 ms each with a probability of a voice of 0.5 or more",
            source="Silero VAD",
        ),
    ]
    dropped_s: Annotated[
        float,
        ColumnInfo("Length of sentences that were dropped, as the model seems to invent them", "s"),
    ]
    n_dropped_words: Annotated[int, ColumnInfo("Words of these sentences", "count")]
    n_decode_errors: Annotated[int, ColumnInfo("Packets that could not be decoded", "count")]
    words_file: Annotated[str, ColumnInfo("File with the words and their times, in files/")]
    subtitles_hash: Annotated[
        str | None, ColumnInfo("Hash of the subtitle file that was read; null without one")
    ]
    faults: Annotated[tuple[str, ...], ColumnInfo("What is wrong with the subtitle file")]


@dataclass(frozen=True, slots=True)
class SpanText:
    """A text about a span of a video."""

    start_s: VideoStart
    end_s: VideoEnd
    text: Annotated[str, ColumnInfo("The text")]


@dataclass(frozen=True, slots=True)
class Scene:
    """Neighbouring clips of a video with their captions."""

    start_s: VideoStart
    end_s: VideoEnd
    clips: Annotated[tuple[SpanText, ...], ColumnInfo("The clips' captions, in time order")]


@dataclass(frozen=True, slots=True)
class Outline:
    """The captions of one video by scenes."""

    outline_id: OutlineId
    video_id: VideoId
    scenes: Annotated[tuple[Scene, ...], ColumnInfo("The scenes, in time order")]


@dataclass(frozen=True, slots=True)
class Story:
    """A text about a whole video, texts about its scenes, and all that is needed to redo them."""

    outline_id: OutlineId
    video_id: VideoId
    text: Annotated[str, ColumnInfo("The text about the whole video")]
    scenes: Annotated[tuple[SpanText, ...], ColumnInfo("Texts about its scenes, in time order")]
    gaps: Annotated[tuple[str, ...], ColumnInfo("What is missing, and why")]
    status: Annotated[str, ColumnInfo("ok, or truncated where the text breaks off")]
    language: Annotated[str, ColumnInfo("Language that was asked for")]
    backend: Backend
    model: Model
    revision: Annotated[str, ColumnInfo("Revision of the model, where one was named")]
    prompt_hash: PromptHash
    n_requests: Requests
    prompt_tokens: PromptTokens
    completion_tokens: CompletionTokens
    seconds: Seconds


def merge_sources(first: Source, second: Source) -> Source:
    """One source of two files with equal content: all paths; the later one's facts win."""
    times = dict(zip(first.paths, first.mtimes_ns, strict=True))
    times |= dict(zip(second.paths, second.mtimes_ns, strict=True))
    return Source(
        video_id=first.video_id,
        file_id=second.file_id,
        path=second.path,
        paths=tuple(times),
        size_bytes=first.size_bytes,
        extra={**first.extra, **second.extra},
        mtimes_ns=tuple(times.values()),
        sample=first.sample,
    )


def latest(_first: FoundFile, second: FoundFile) -> FoundFile:
    """The last state of a file."""
    return second


FILES = Table("files", FoundFile, key="file_id", names_content=True, merge=latest)
SOURCES = Table("sources", Source, key="video_id", names_content=True, merge=merge_sources)
VIDEOS = Table("videos", Video, key="video_id", names_content=True)
SCANS = Table("scans", Scan, key="video_id")
VECTORS = Table("vectors", VideoVectors, key="video_id")
TRANSCRIPTS = Table("transcripts", Transcript, key="video_id")
CUTS = Table("cuts", VideoCuts, key="video_id")
OUTLINES = Table("outlines", Outline, key="outline_id", names_content=True)
STORIES = Table("stories", Story, key="outline_id")

VIDEO_TABLES = (SOURCES, VIDEOS, SCANS)
