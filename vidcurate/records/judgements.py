"""Rows of what models, and comparisons with other clips, say of a clip; rules may judge them."""

from dataclasses import dataclass
from typing import Annotated

from vidcurate.records.column import Backend, ClipId, ColumnInfo, JudgedFrames, Model, VideoId
from vidcurate.store.table import Table


@dataclass(frozen=True, slots=True)
class Text:
    """Text in the judged frames of one clip, and what of it is an overlay.

    An overlay stays in place for about a second, or lies in a corner.
    """

    clip_id: ClipId
    video_id: VideoId
    n_frames: JudgedFrames
    area_mean: Annotated[
        float,
        ColumnInfo(
            "Area of text", "1", "boxes around lines over the picture's area; mean over frames"
        ),
    ]
    area_max: Annotated[float, ColumnInfo("Area of text in the frame with most of it", "1")]
    text_share: Annotated[float, ColumnInfo("Judged frames with text", "1")]
    overlay_area: Annotated[
        float,
        ColumnInfo(
            "Area of overlays",
            "1",
            "boxes around overlaid lines over the picture's area; mean over frames",
            source="rule of NVIDIA cosmos-curate, for fewer frames",
        ),
    ]
    overlay_share: Annotated[float, ColumnInfo("Judged frames with an overlay", "1")]
    overlay_regions: Annotated[
        tuple[str, ...],
        ColumnInfo("Regions of overlays, such as bottom or top right, most frequent first"),
    ]
    overlay_strings: Annotated[
        tuple[str, ...], ColumnInfo("Different texts of overlays, in the order of frames")
    ]
    strings: Annotated[
        tuple[str, ...], ColumnInfo("Different texts, overlays too, in the order of frames")
    ]


@dataclass(frozen=True, slots=True)
class Consistency:
    """How similar the frames of one clip are to each other, as cosines of their vectors.

    What a number means depends on what made the vectors, which is named. All are 1 for one frame.
    """

    clip_id: ClipId
    video_id: VideoId
    backend: Annotated[str, ColumnInfo("Backend of embed that made the vectors")]
    model: Annotated[str, ColumnInfo("Model that made the vectors")]
    n_frames: Annotated[int, ColumnInfo("Vectors compared, about one a second", "count")]
    neighbour_min: Annotated[
        float,
        ColumnInfo(
            "Lowest similarity of neighbouring frames: low where a clip holds two scenes",
            "1",
            "minimum of cosines of neighbours in time",
        ),
    ]
    neighbour_mean: Annotated[
        float,
        ColumnInfo(
            "Similarity of neighbouring frames", "1", "mean of cosines of neighbours in time"
        ),
    ]
    pair_min: Annotated[
        float,
        ColumnInfo(
            "Lowest similarity of any two frames",
            "1",
            "minimum of cosines of all pairs",
            source="measure of VideoX-Fun",
        ),
    ]
    pair_mean: Annotated[
        float, ColumnInfo("Similarity of any two frames", "1", "mean of cosines of all pairs")
    ]


@dataclass(frozen=True, slots=True)
class Aesthetic:
    """How beautiful people would find the frames of one clip, mostly within 1 to 10."""

    clip_id: ClipId
    video_id: VideoId
    head: Annotated[str, ColumnInfo("Head that judged, by name or file")]
    model: Annotated[str, ColumnInfo("Model that made the vectors")]
    n_frames: JudgedFrames
    score_min: Annotated[
        float,
        ColumnInfo(
            "Score of the least beautiful frame",
            "points of 10",
            "linear head on the frame's vector; minimum over frames",
            source="LAION aesthetic predictor",
        ),
    ]
    score_mean: Annotated[
        float,
        ColumnInfo(
            "Score of the clip",
            "points of 10",
            "linear head on the frame's vector; mean over frames",
            source="LAION aesthetic predictor",
        ),
    ]
    frame_scores: Annotated[
        tuple[float, ...], ColumnInfo("Score of each frame, in time order", "points of 10")
    ]


@dataclass(frozen=True, slots=True)
class Safety:
    """How likely the frames of one clip are not safe for work."""

    clip_id: ClipId
    video_id: VideoId
    backend: Backend
    model: Model
    n_frames: JudgedFrames
    nsfw_max: Annotated[
        float,
        ColumnInfo(
            "Probability of the frame most likely not safe for work, 0 to 1",
            "1",
            "maximum over frames",
            source="Yahoo open_nsfw, or the classifier that is named",
        ),
    ]
    nsfw_mean: Annotated[
        float,
        ColumnInfo(
            "Probability that the clip is not safe for work, 0 to 1",
            "1",
            "mean over frames",
            source="Yahoo open_nsfw, or the classifier that is named",
        ),
    ]


@dataclass(frozen=True, slots=True)
class Tags:
    """The most probable labels of one clip, most probable first."""

    clip_id: ClipId
    video_id: VideoId
    backend: Backend
    model: Model
    n_frames: JudgedFrames
    top_name: Annotated[str, ColumnInfo("The most probable label")]
    top_probability: Annotated[
        float, ColumnInfo("Its probability, 0 to 1", "1", "mean over frames")
    ]
    names: Annotated[tuple[str, ...], ColumnInfo("Labels, most probable first")]
    probabilities: Annotated[
        tuple[float, ...], ColumnInfo("Their probabilities, 0 to 1", "1", "mean over frames")
    ]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Whether another clip shows what this one shows, and whether this one is to be kept."""

    clip_id: ClipId
    video_id: VideoId
    keep: Annotated[bool, ColumnInfo("Whether this is the clip to keep of all its copies")]
    relation: Annotated[
        str,
        ColumnInfo(
            "What the clip is to copy_of: exact (the same frames), near, partial (one is a part of "
            "the other), or none, which a kept clip always has"
        ),
    ]
    cluster_id: Annotated[
        str, ColumnInfo("Best clip of all that are linked with this one, perhaps through others")
    ]
    copy_of: Annotated[
        str | None,
        ColumnInfo("Better clip that shows the same; for exact it may itself be a copy; or null"),
    ]
    leaks_from: Annotated[
        str | None, ColumnInfo("Other data set in which copy_of lies; null where in this one")
    ]
    similarity: Annotated[
        float | None,
        ColumnInfo(
            "Similarity to copy_of, 0 to 1; 1 for equal clips; null without a copy",
            "1",
            "weighted agreement of appearance vectors, perceptual hashes and luma over time",
        ),
    ]
    offset_s: Annotated[
        float | None,
        ColumnInfo("How long after copy_of begins this clip begins, in copy_of's time", "s"),
    ]
    speed: Annotated[
        float | None, ColumnInfo("How many times as fast copy_of runs; null without a copy", "1")
    ]
    is_mirrored: Annotated[
        bool | None, ColumnInfo("Whether one is the other's mirror image; null without a copy")
    ]
    setup_id: Annotated[
        str | None,
        ColumnInfo(
            "Best clip of all that are linked with this one or look as if taken from one set-up, "
            "with pictures that are nearly alike, perhaps through others"
        ),
    ] = None


def part(what: str, columns: str) -> ColumnInfo:
    """What a part of the suitability is."""
    return ColumnInfo(
        f"{what}, 0 to 1; null where it was not measured",
        "1",
        f"least of the ramps of {columns}",
    )


@dataclass(frozen=True, slots=True)
class Suitability:
    """How suitable one clip is for training, and the parts that decide it."""

    clip_id: ClipId
    video_id: VideoId
    backend: Backend
    model: Annotated[
        str,
        ColumnInfo(
            "Ratings and their list's hash where they were fitted; the network's file; else empty"
        ),
    ]
    score: Annotated[
        float,
        ColumnInfo(
            "How suitable the clip is for training: 1 to 5, but for backend vtss, whose authors do "
            "not state a range",
            "points of 5",
            "1 + 4 times the weighted geometric mean of the parts that were measured; with a fit "
            "to ratings, a base plus the sum of the parts by their weights",
            source="after the training suitability score of Koala-36M, as a formula",
        ),
    ]
    formula: Annotated[str, ColumnInfo("The formula of score with its weights")]
    clarity: Annotated[
        float | None, part("Sharp, without noise and blocks", "sharpness, noise, blockiness")
    ]
    light: Annotated[
        float | None, part("Well lit, with contrast", "dark_share, bright_share, luma_spread")
    ]
    picture: Annotated[
        float | None,
        part("Without bars, black and frozen frames", "letterbox_share, black_share, freeze_share"),
    ]
    motion: Annotated[float | None, part("Moves enough", "motion.flow_mean")]
    steadiness: Annotated[float | None, part("Does not shake", "motion.shake_share")]
    text: Annotated[float | None, part("Without overlaid text", "text.overlay_area")]
    watermark: Annotated[float | None, part("Without a watermark", "watermark.score")]
    aesthetic: Annotated[float | None, part("Beautiful", "aesthetic.score_mean")]
    consistency: Annotated[float | None, part("One scene", "consistency.neighbour_min")]
    missing: Annotated[tuple[str, ...], ColumnInfo("Parts that were not measured")]
    words: Annotated[tuple[str, ...], ColumnInfo("The scores in words, for prompts")]


CONSISTENCY = Table("consistency", Consistency, key="clip_id")
AESTHETIC = Table("aesthetic", Aesthetic, key="clip_id")
TEXT = Table("text", Text, key="clip_id")
SAFETY = Table("safety", Safety, key="clip_id")
TAGS = Table("tags", Tags, key="clip_id")
SUITABILITY = Table("suitability", Suitability, key="clip_id")
DEDUP = Table("dedup", Duplicate, key="clip_id")
