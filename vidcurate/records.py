"""The data model on one page: the rows of every table, with units in the names.

A time is exact in `*_pts`, ticks of the film's `time_base` (seconds a tick, a fraction); the
`*_s` columns beside it are the same time in seconds, for people and for rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from vidcurate.table import Table


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that was given or found in a folder; `file_id` changes when the file does."""

    file_id: str
    path: str
    extra: Mapping[str, str]
    fault: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """The content of a file. Files of equal content are merged into one source when read."""

    video_id: str
    file_id: str
    path: str
    paths: tuple[str, ...]
    size_bytes: int
    extra: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Video:
    """Container facts of one film, read without decoding."""

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
    transfer: str
    is_hdr: bool
    width: int
    height: int
    rotation_deg: int
    pixel_aspect: Fraction
    display_width: int
    display_height: int
    bit_rate: int
    audio_codec: str | None
    audio_channels: int | None
    audio_rate_hz: int | None
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """What the one decode of a film left; the numbers themselves lie in the files it names."""

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
    frames_file: str
    samples_file: str


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
class FilmCuts:
    """All transitions of one film, in time order."""

    video_id: str
    cuts: tuple[Cut, ...]


@dataclass(frozen=True, slots=True)
class Clip:
    """A span of a film: frames with `start_pts` <= pts < `end_pts`."""

    clip_id: str
    video_id: str
    start_pts: int
    end_pts: int
    time_base: Fraction
    start_s: float
    end_s: float
    duration_s: float
    n_frames: int


@dataclass(frozen=True, slots=True)
class Quality:
    """Technical measurements of one clip, means over its samples unless the name says more."""

    clip_id: str
    video_id: str
    n_samples: int
    sharpness: float
    sharpness_min: float
    luma_mean: float
    luma_spread: float
    dark_share: float
    bright_share: float
    colourfulness: float
    noise: float
    blockiness: float
    black_share: float
    freeze_share: float
    letterbox_left: float
    letterbox_top: float
    letterbox_right: float
    letterbox_bottom: float
    letterbox_share: float
    motion_mean: float | None
    motion_spread: float | None


@dataclass(frozen=True, slots=True)
class Keyframe:
    """One full-size still of a clip."""

    pts: int
    time_s: float
    file: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ClipKeyframes:
    """The stills of one clip, in time order."""

    clip_id: str
    video_id: str
    method: str
    keyframes: tuple[Keyframe, ...]


@dataclass(frozen=True, slots=True)
class Caption:
    """One text about one clip, and all that is needed to make it again."""

    clip_id: str
    video_id: str
    text: str
    status: str
    backend: str
    model: str
    prompt_hash: str
    frame_times_s: tuple[float, ...]
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class ExportedClip:
    """One clip of the finished data set, with the file that was cut for it, if any."""

    clip_id: str
    video_id: str
    media: str
    file: str | None
    size_bytes: int | None
    sha256: str | None
    start_s: float
    duration_s: float
    n_frames: int
    width: int
    height: int


def merge_sources(first: Source, second: Source) -> Source:
    """One source of two files with equal content: all paths; the later one's facts win."""
    return Source(
        video_id=first.video_id,
        file_id=second.file_id,
        path=second.path,
        paths=tuple(dict.fromkeys((*first.paths, *second.paths))),
        size_bytes=first.size_bytes,
        extra={**first.extra, **second.extra},
    )


FILES = Table("files", FoundFile, key="file_id", names_content=True)
SOURCES = Table("sources", Source, key="video_id", names_content=True, merge=merge_sources)
VIDEOS = Table("videos", Video, key="video_id", names_content=True)
SCANS = Table("scans", Scan, key="video_id")
CUTS = Table("cuts", FilmCuts, key="video_id")
CLIPS = Table("clips", Clip, key="clip_id", names_content=True)
QUALITY = Table("quality", Quality, key="clip_id")
KEPT = Table("kept", Clip, key="clip_id", names_content=True)
KEYFRAMES = Table("keyframes", ClipKeyframes, key="clip_id")
CAPTIONS = Table("captions", Caption, key="clip_id")
EXPORTS = Table("exports", ExportedClip, key="clip_id")

FILM_TABLES = (SOURCES, VIDEOS, SCANS)
SCORE_TABLES = (QUALITY,)
