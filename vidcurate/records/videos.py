"""Rows about whole videos: what was found, what it holds, where its shots meet."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from vidcurate.store.table import Table


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that was given or found in a folder; `file_id` changes when the file does.

    `source` is what named it. `content` is the `video_id` of a file that was read whole to tell it
    from another, and `sha256` that of all its bytes. `state` is null for a file that is there,
    "gone" for one that its source no longer has, "dropped" for one that was taken out.
    """

    file_id: str
    path: str
    extra: Mapping[str, str]
    fault: str | None
    source: str | None = None
    size_bytes: int | None = None
    mtime_ns: int | None = None
    inode: int | None = None
    content: str | None = None
    sha256: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """The content of a file. Files of equal content are merged into one source when read.

    `mtimes_ns` are the times of `paths` when they held it. `sample` is a hash of some of the
    content, and the `video_id` of the first content that has it.
    """

    video_id: str
    file_id: str
    path: str
    paths: tuple[str, ...]
    size_bytes: int
    extra: Mapping[str, str]
    mtimes_ns: tuple[int, ...]
    sample: str


@dataclass(frozen=True, slots=True)
class Video:
    """Container facts of one video, and what a few of its frames tell.

    `matrix`, `primaries` and `transfer` are its colours as it says, or unknown. `field_order` is
    progressive, or the field that is shown first of interlaced frames, top or bottom, as measured
    where enough moves; else as the video says, or unknown. `width` and `height` are as coded, with
    pixels of `pixel_aspect` (width over height), `display_*` as shown: upright, square pixels.
    """

    video_id: str
    container: str
    size_bytes: int
    duration_s: float
    end_s: float
    time_base: Fraction
    start_pts: int
    container_start_us: int
    frame_rate: Fraction
    is_vfr: bool
    n_frames_header: int
    video_codec: str
    pixel_format: str
    bit_depth: int
    matrix: str
    primaries: str
    transfer: str
    is_full_range: bool
    is_hdr: bool
    field_order: str
    is_interlaced: bool
    width: int
    height: int
    rotation_deg: int
    pixel_aspect: Fraction
    display_width: int
    display_height: int
    bit_rate: int
    audio_index: int | None
    audio_codec: str | None
    audio_layout: str | None
    audio_channels: int | None
    audio_rate_hz: int | None
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """What the one decode of a video left; the numbers themselves lie in the files it names.

    `source_sha256` is that of the whole video as it was decoded. `clock_offsets` are the ticks that
    were added to the container's times in each part of a video whose clock begins again, as in
    joined recordings: one, 0, where it does not.
    """

    video_id: str
    n_frames: int
    time_base: Fraction
    first_pts: int
    end_pts: int
    duration_s: float
    frame_rate: Fraction
    is_vfr: bool
    n_samples: int
    proxy_width: int
    proxy_height: int
    n_decode_errors: int
    fault: str | None
    metrics: tuple[str, ...]
    clock_offsets: tuple[int, ...]
    frames_file: str
    samples_file: str
    source_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """One transition: from the last frame of the old shot to the first frame of the new one."""

    start_pts: int
    end_pts: int
    start_s: float
    end_s: float
    kind: str
    confidence: float
    detector: str


@dataclass(frozen=True, slots=True)
class VideoCuts:
    """All transitions of one video, in time order."""

    video_id: str
    cuts: tuple[Cut, ...]


@dataclass(frozen=True, slots=True)
class VideoVectors:
    """The vectors of one video's proxies, and what made them; they lie in the file it names."""

    video_id: str
    backend: str
    model: str
    pretrained: str
    dimension: int
    n_vectors: int
    vectors_file: str


@dataclass(frozen=True, slots=True)
class SpanText:
    """A text about a span of a video."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Scene:
    """Neighbouring clips of a video, as their captions tell them, in time order."""

    start_s: float
    end_s: float
    clips: tuple[SpanText, ...]


@dataclass(frozen=True, slots=True)
class Outline:
    """The captions of one video by scenes; `outline_id` changes when any of them does."""

    outline_id: str
    video_id: str
    scenes: tuple[Scene, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """A text about a whole video, texts about its scenes, and all that is needed to redo them.

    `gaps` names what is missing and why. Tokens and seconds are those of all `n_requests`.
    """

    outline_id: str
    video_id: str
    text: str
    scenes: tuple[SpanText, ...]
    gaps: tuple[str, ...]
    status: str
    language: str
    backend: str
    model: str
    revision: str
    prompt_hash: str
    n_requests: int
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float


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


def later_word(_first: FoundFile, second: FoundFile) -> FoundFile:
    """What was last said of a file."""
    return second


FILES = Table("files", FoundFile, key="file_id", names_content=True, merge=later_word)
SOURCES = Table("sources", Source, key="video_id", names_content=True, merge=merge_sources)
VIDEOS = Table("videos", Video, key="video_id", names_content=True)
SCANS = Table("scans", Scan, key="video_id")
VECTORS = Table("vectors", VideoVectors, key="video_id")
CUTS = Table("cuts", VideoCuts, key="video_id")
OUTLINES = Table("outlines", Outline, key="outline_id", names_content=True)
STORIES = Table("stories", Story, key="outline_id")

VIDEO_TABLES = (SOURCES, VIDEOS, SCANS)
