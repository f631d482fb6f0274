"""Rows of what models, and comparisons with other clips, say of a clip; rules may judge them."""

from dataclasses import dataclass

from vidcurate.store.table import Table


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
    overlay_regions: tuple[str, ...]
    overlay_strings: tuple[str, ...]
    strings: tuple[str, ...]


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


CONSISTENCY = Table("consistency", Consistency, key="clip_id")
AESTHETIC = Table("aesthetic", Aesthetic, key="clip_id")
TEXT = Table("text", Text, key="clip_id")
SAFETY = Table("safety", Safety, key="clip_id")
TAGS = Table("tags", Tags, key="clip_id")
SUITABILITY = Table("suitability", Suitability, key="clip_id")
DEDUP = Table("dedup", Duplicate, key="clip_id")
