"""Rows of measurements of a clip, which rules may judge."""

from dataclasses import dataclass

from vidcurate.table import Table


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


QUALITY = Table("quality", Quality, key="clip_id")

SCORE_TABLES = (QUALITY,)
