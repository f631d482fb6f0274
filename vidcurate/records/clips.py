"""Rows about clips: their spans, pictures, texts and files."""

from dataclasses import dataclass
from fractions import Fraction

from vidcurate.store.table import Table


@dataclass(frozen=True, slots=True)
class Clip:
    """A span of a video: frames with `start_pts` <= pts < `end_pts`."""

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
class Signature:
    """What copies of a clip share with it; how to read the bytes is said in copies.shown.

    `content` is equal for clips of equal frames. Of each sample that shows something: its time
    from the clip's start, a perceptual hash and an appearance vector. `course` is that of the luma.
    """

    clip_id: str
    video_id: str
    duration_s: float
    content: str
    times_s: tuple[float, ...]
    hashes: bytes
    vectors: bytes
    course: bytes


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
class Candidate:
    """One of several texts from which a caption was chosen; `source` says who wrote it, and how."""

    text: str
    source: str
    score: float | None


@dataclass(frozen=True, slots=True)
class Caption:
    """One text about one clip, and all that is needed to make it again.

    `structured` is JSON; `repairs` names what cleaning changed, `conflicts` what contradicts a
    measurement. `subtitles_hash` is that of the subtitle file that was read, if one was. Tokens and
    seconds are those of all `n_requests`.
    """

    clip_id: str
    video_id: str
    text: str
    short_text: str | None
    structured: str | None
    candidates: tuple[Candidate, ...]
    repairs: tuple[str, ...]
    conflicts: tuple[str, ...]
    status: str
    language: str
    style: str
    backend: str
    model: str
    revision: str
    strategy: str
    prompt_hash: str
    frame_times_s: tuple[float, ...]
    subtitles_hash: str | None
    n_requests: int
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Alignment:
    """How well a text fits one clip: cosines of its vector with the clip's and its frames'.

    `text_from` is caption or sentence; `is_cut` says that the model read only a part of it.
    """

    clip_id: str
    video_id: str
    text_from: str
    is_cut: bool
    model: str
    pretrained: str
    n_frames: int
    clip_cosine: float
    frame_min: float
    frame_mean: float
    frame_max: float


@dataclass(frozen=True, slots=True)
class ExportedClip:
    """One clip of the finished data set, with the file that was cut for it, if any.

    Times, frames and size are those of the file, or of the clip where there is none; `start_s` is
    on the video's clock. `media` says how this file was made: none, copy or encode. `lead` and
    `tail` count frames of the video that the file holds before and after the clip.
    `width` and `height` are coded, with pixels of `pixel_aspect` (width over height);
    `display_*` are those at which it is shown, upright. Without a file all is as shown.
    """

    clip_id: str
    video_id: str
    media: str
    file: str | None
    size_bytes: int | None
    sha256: str | None
    start_s: float
    duration_s: float
    n_frames: int
    lead_s: float
    lead_frames: int
    tail_s: float
    tail_frames: int
    width: int
    height: int
    pixel_aspect: Fraction
    display_width: int
    display_height: int
    is_interlaced: bool
    is_hdr: bool
    has_audio: bool


@dataclass(frozen=True, slots=True)
class VerifiedClip:
    """What was found in the file of a clip, which holds all that it promises.

    Times and frames are those of the file, all 0 for a clip without one. `*_error` is how much an
    edge frame differs from the video's (root mean square of Y, U and V in 8-bit levels). `*_margin`
    says how much nearer it is to that frame than to the likest one beyond the clip's edge: 1 is its
    own, -1 the other; null where there is none that can be told from its own, as in a still shot.
    """

    clip_id: str
    video_id: str
    n_frames: int
    duration_s: float
    audio_s: float | None
    first_error: float | None
    first_margin: float | None
    last_error: float | None
    last_margin: float | None


CLIPS = Table("clips", Clip, key="clip_id", names_content=True)
SIGNATURES = Table("signatures", Signature, key="clip_id")
KEPT = Table("kept", Clip, key="clip_id", names_content=True)
KEYFRAMES = Table("keyframes", ClipKeyframes, key="clip_id")
CAPTIONS = Table("captions", Caption, key="clip_id")
ALIGNMENT = Table("alignment", Alignment, key="clip_id")
EXPORTS = Table("exports", ExportedClip, key="clip_id")
VERIFIED = Table("verified", VerifiedClip, key="clip_id")
