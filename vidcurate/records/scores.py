"""Rows of what was measured of a clip, which rules may judge."""

from dataclasses import dataclass

from vidcurate.store.table import Table


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which transitions a clip lies, and how sure they are.

    Of each end the nearest transition that begins before the clip's first frame, or that ends after
    its last one; kind and detector "video" with confidence 1 are the video's own first and last
    frame. A distance is 0 where the clip reaches up to it, and below where the clip lies in it.
    `n_cuts_inside` counts transitions that lie in the clip, be it in part.
    """

    clip_id: str
    video_id: str
    start_kind: str
    start_detector: str
    start_confidence: float
    start_distance_frames: int
    end_kind: str
    end_detector: str
    end_confidence: float
    end_distance_frames: int
    n_cuts_inside: int


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
class MotionScore:
    """How the camera and what it sees move in one clip, and in which colours.

    Speeds are in frame diagonals a second; shares of `camera`'s movements may overlap. What the
    encoder's motion vectors say is null unless asked for, and for codecs that do not tell them.
    """

    clip_id: str
    video_id: str
    n_samples: int
    flow_mean: float
    flow_spread: float
    still_share: float
    camera: str
    camera_speed: float
    static_share: float
    pan_left_share: float
    pan_right_share: float
    tilt_up_share: float
    tilt_down_share: float
    zoom_in_share: float
    zoom_out_share: float
    roll_share: float
    shake_share: float
    object_motion: float
    object_place: str | None
    object_direction: str | None
    dominant_colours: tuple[str, ...]
    colour_diversity: float
    vector_mean: float | None
    vector_patch_min: float | None


@dataclass(frozen=True, slots=True)
class Watermark:
    """How probably a mark lies over one clip, 0..1, and where what is most like one lies.

    The score is null where too little moves to tell; `judged_by` says whose pictures it is of, the
    clip's or the whole video's. The box is given by its edges as shares of the picture's width and
    height, from top left; it is null where nothing is like a mark, and for models, which see no
    place.
    """

    clip_id: str
    video_id: str
    backend: str
    model: str
    n_frames: int
    score: float | None
    judged_by: str | None
    area_share: float | None
    left: float | None
    top: float | None
    right: float | None
    bottom: float | None
    place: str | None


@dataclass(frozen=True, slots=True)
class Speech:
    """What one clip sounds like; all else is null where its video has no sound.

    Loudness by EBU R128 is null where a clip is too short or too quiet for it, the true peak, known
    to 0.001 of full scale, where it is below that. Shares are of the clip's time; those of speech,
    singing and music may overlap, and are null where nothing listened.
    """

    clip_id: str
    video_id: str
    has_audio: bool
    loudness_lufs: float | None
    loudness_range_lu: float | None
    true_peak_dbtp: float | None
    silence_share: float | None
    speech_share: float | None
    singing_share: float | None
    music_share: float | None


BOUNDS = Table("bounds", Bounds, key="clip_id")
QUALITY = Table("quality", Quality, key="clip_id")
MOTION = Table("motion", MotionScore, key="clip_id")
WATERMARK = Table("watermark", Watermark, key="clip_id")
SPEECH = Table("speech", Speech, key="clip_id")
