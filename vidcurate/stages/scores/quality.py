"""quality: technical measurements of each clip, from the frames and samples that scan recorded."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidcurate.clips.grouping import clips_by_video
from vidcurate.clips.windows import column_numbers, window
from vidcurate.errors import MediaError
from vidcurate.options import StageConfig, option
from vidcurate.records import CLIPS, QUALITY, SCANS, Clip, Quality, Scan
from vidcurate.stage import Lookup, MapStage, Workspace

FRAME_COLUMNS = ("pts", "luma_mean", "luma_spread", "luma_delta", "black_share")
SAMPLE_COLUMNS = (
    *("pts", "sharpness", "noise", "blockiness", "dark_share", "bright_share", "colourfulness"),
    *("letterbox_left", "letterbox_top", "letterbox_right", "letterbox_bottom"),
    *("motion_mean", "motion_spread"),
)

Values = NDArray[np.float64]


class QualityConfig(StageConfig):
    """Where a frame begins to count as black or as frozen."""

    min_black_share: float = option(
        0.98, "Smallest share of pixels below level 20 that makes a frame black", gt=0, le=1
    )
    max_freeze_delta: float = option(
        0.1,
        "Difference of luma below which a frame repeats the one before",
        unit="8-bit levels",
        ge=0,
    )


def quality(
    clips: Sequence[Clip], config: QualityConfig, _tool: None, workspace: Workspace
) -> Iterator[list[Quality]]:
    """Measure each clip.

    Luma is in 8-bit levels, 0..255, of every frame that scan decoded: `luma_mean`, and
    `luma_spread`, the standard deviation inside a frame. `black_share` and `freeze_share` are
    shares of the clip's frames, null where scan decoded some only.
    From samples at native size, about one a second: `sharpness`, the variance of the Laplacian in
    squared levels; `noise`, standard deviation in levels (Immerkaer 1996); `blockiness`, the step
    at 8-pixel borders over the step elsewhere, 1 for none; `dark_share` and `bright_share`,
    pixels at the ends of the range; `colourfulness` (Hasler and Suesstrunk 2003); bars as shares
    of width or height that stay dark in all samples, and the area they take together; motion,
    mean and standard deviation over the picture of optical flow in frame diagonals a second.
    Raises MediaError for a clip without a sample.
    """
    from vidcurate.media.scan.files import read_frames, read_samples

    for video_id, clips_of_video in clips_by_video(clips):
        scan: Scan = workspace.lookup(SCANS)[video_id]
        frames = read_frames(workspace.file_of(SCANS, scan.frames_file), FRAME_COLUMNS)
        samples = read_samples(workspace.file_of(SCANS, scan.samples_file), SAMPLE_COLUMNS)
        for clip in clips_of_video:
            yield [measure_clip(clip, window(frames, clip), window(samples, clip), config)]


def measure_clip(clip: Clip, frames: pa.Table, samples: pa.Table, config: QualityConfig) -> Quality:
    """Make one clip's row.

    Raises MediaError when no sample lies inside it.
    """
    if samples.num_rows == 0:
        raise MediaError(
            "no sample is inside the clip: scan with a smaller sample_interval_s, or all frames"
        )
    means = {name: mean(column_numbers(samples, name)) for name in SAMPLE_COLUMNS[1:7]}
    # The first frame's delta is to the shot before.
    deltas = column_numbers(frames, "luma_delta")[1:]
    black = column_numbers(frames, "black_share")
    bars = {name: smallest_known(column_numbers(samples, name)) for name in SAMPLE_COLUMNS[7:11]}
    inner = (1 - bars["letterbox_left"] - bars["letterbox_right"]) * (
        1 - bars["letterbox_top"] - bars["letterbox_bottom"]
    )
    return Quality(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        n_samples=samples.num_rows,
        sharpness_min=smallest_known(column_numbers(samples, "sharpness")),
        luma_mean=float(np.nanmean(column_numbers(frames, "luma_mean"))),
        luma_spread=float(np.nanmean(column_numbers(frames, "luma_spread"))),
        black_share=share_of_all(black, black >= config.min_black_share),
        freeze_share=share_of_all(deltas, deltas < config.max_freeze_delta),
        letterbox_share=1 - inner,
        motion_mean=mean_known(column_numbers(samples, "motion_mean")),
        motion_spread=mean_known(column_numbers(samples, "motion_spread")),
        **means,
        **bars,
    )


def mean(values: Values) -> float:
    """Return the mean as a float."""
    return float(np.mean(values))


def share_of_all(values: Values, chosen: NDArray[np.bool_]) -> float | None:
    """Return the share that is chosen, 0 of none; None where a value is not known."""
    if np.isnan(values).any():
        return None
    return float(chosen.mean()) if len(values) else 0.0


def smallest_known(values: Values) -> float:
    """Return the smallest known value, or 0 if none is known, as bars of a black picture."""
    known = values[~np.isnan(values)]
    return float(known.min()) if len(known) else 0.0


def mean_known(values: Values) -> float | None:
    """Return the mean of the known values; None if none is known."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


QUALITY_STAGE = MapStage(
    name="quality",
    summary="Measure sharpness, light, noise, blocks, bars, freezes and motion of each clip.",
    reads=CLIPS,
    writes=QUALITY,
    config=QualityConfig,
    run=quality,
    lookups=(Lookup(SCANS),),
    rows_per_part=512,
)
