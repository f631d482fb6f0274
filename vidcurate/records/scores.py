"""Rows of measurements of a clip, which rules may judge."""

from dataclasses import dataclass

from vidcurate.table import Table


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which transitions a clip lies, and how sure they are.

    Of each end the nearest transition that begins before the clip's first frame, or that ends after
    its last one; kind and detector "film" with confidence 1 are the film's own first and last
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
    clip's or the whole film's. The box is given by its edges as shares of the picture's width and
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
class Text:
    """Text in the judged frames of one clip, and what of it is laid over the picture.

    Areas are shares of the picture's, and means over frames but for `area_max`. Other shares are
    of the judged frames. Strings are different ones, in the order in which they appear.
    """

    clip_id: str
    video_id: str
    n_frames: int
    area_mean: float
    area_max: float
    text_share: float
    overlay_area: float
    overlay_share: float
    overlay_places: tuple[str, ...]
    overlay_strings: tuple[str, ...]
    strings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Speech:
    """What one clip sounds like; all else is null where its film has no sound.

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


@dataclass(frozen=True, slots=True)
class Consistency:
    """How like the frames of one clip are to each other, as cosines of their vectors.

    The lowest and the mean, of neighbours in time and of any pair; all are 1 for a lone frame.
    What a number means depends on what made the vectors, which is named.
    """

    clip_id: str
    video_id: str
    backend: str
    model: str
    n_frames: int
    neighbour_min: float
    neighbour_mean: float
    pair_min: float
    pair_mean: float


@dataclass(frozen=True, slots=True)
class Aesthetic:
    """How beautiful people would find the frames of one clip, mostly within 1 to 10."""

    clip_id: str
    video_id: str
    head: str
    model: str
    n_frames: int
    score_min: float
    score_mean: float
    frame_scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Safety:
    """How probably the frames of one clip are not safe for work, 0 to 1."""

    clip_id: str
    video_id: str
    backend: str
    model: str
    n_frames: int
    nsfw_max: float
    nsfw_mean: float


@dataclass(frozen=True, slots=True)
class Tags:
    """The most probable labels of one clip, likeliest first, each with its mean over frames."""

    clip_id: str
    video_id: str
    backend: str
    model: str
    n_frames: int
    top_name: str
    top_probability: float
    names: tuple[str, ...]
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Whether another clip shows what this one shows, and whether this one is to be kept.

    `relation` is exact (the same frames), near, partial (one is a part of the other) or none, which
    a kept clip always has. `copy_of` is a clip to be kept, or for exact one that may itself be a
    copy; it lies in the data set `leaks_from` if that is not null. Clips of one `cluster_id` are
    linked, perhaps over others. This clip begins `offset_s` after `copy_of` does, in the time of
    that one, which runs `speed` times as fast.
    """

    clip_id: str
    video_id: str
    keep: bool
    relation: str
    cluster_id: str
    copy_of: str | None
    leaks_from: str | None
    similarity: float | None
    offset_s: float | None
    speed: float | None
    is_mirrored: bool | None


@dataclass(frozen=True, slots=True)
class Suitability:
    """How fit one clip is to train on, 1..5, and the parts that decide it, each 0..1.

    A part that was not measured is null and named in `missing`. `words` say in short what the
    clip's scores are, as captioners can be told.
    """

    clip_id: str
    video_id: str
    score: float
    clarity: float | None
    light: float | None
    picture: float | None
    motion: float | None
    steadiness: float | None
    text: float | None
    watermark: float | None
    aesthetic: float | None
    consistency: float | None
    missing: tuple[str, ...]
    words: tuple[str, ...]


BOUNDS = Table("bounds", Bounds, key="clip_id")
QUALITY = Table("quality", Quality, key="clip_id")
MOTION = Table("motion", MotionScore, key="clip_id")
WATERMARK = Table("watermark", Watermark, key="clip_id")
SPEECH = Table("speech", Speech, key="clip_id")
CONSISTENCY = Table("consistency", Consistency, key="clip_id")
AESTHETIC = Table("aesthetic", Aesthetic, key="clip_id")
TEXT = Table("text", Text, key="clip_id")
SAFETY = Table("safety", Safety, key="clip_id")
TAGS = Table("tags", Tags, key="clip_id")
SUITABILITY = Table("suitability", Suitability, key="clip_id")
DEDUP = Table("dedup", Duplicate, key="clip_id")

SCORE_TABLES = (
    BOUNDS,
    QUALITY,
    MOTION,
    WATERMARK,
    SPEECH,
    CONSISTENCY,
    AESTHETIC,
    TEXT,
    SAFETY,
    TAGS,
    SUITABILITY,
    DEDUP,
)
