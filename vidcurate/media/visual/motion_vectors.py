"""How much moves by the motion vectors that an encoder wrote, as NVIDIA's curators measure it.

Source: cosmos-curate and NeMo Curator, whose thresholds hold for these numbers: a clip is static
where `mean` is below 0.00098 or `least_patch` below 0.000001.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from vidcurate.media.io.container import DECODER_OPTIONS
from vidcurate.media.io.frames import frames_at

CELL = 4  # pixels: the smallest block that has a vector of its own
PATCH = 4  # cells: 16 x 16 pixels, a 256th of the area each
# The loop filter changes pixels only, which nobody sees here.
OPTIONS = {**DECODER_OPTIONS, "flags2": "+export_mvs", "skip_loop_filter": "all"}

Lengths = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class VectorMotion:
    """Lengths of motion vectors over (width + height), from frame to reference frame.

    `mean` is that over pixels and frames, `least_patch` the least mean over the frames of any patch
    of 16 x 16 pixels.
    """

    mean: float
    least_patch: float


def vector_motion(
    path: Path, time_base: Fraction, pts: Sequence[int], offsets: Sequence[int] = ()
) -> VectorMotion | None:
    """The vectors of the frames at these times, which lie in one clip and rise.

    `offsets` are those of the scan of a video whose clock begins again.

    Frames without vectors, as keyframes are, say nothing. None where no frame has any: libav gives
    vectors of H.264 and MPEG-1 to MPEG-4, not of HEVC, VP9 or AV1.
    """
    total: Lengths | None = None
    n_frames = 0
    for _, frame in frames_at(path, time_base, pts, offsets, options=OPTIONS):
        lengths = vector_lengths(frame)
        if lengths is not None:
            total = lengths if total is None else total + lengths
            n_frames += 1
    if total is None:
        return None
    mean = total / n_frames
    rows, columns = (size // PATCH for size in mean.shape)
    patches = mean[: rows * PATCH, : columns * PATCH].reshape(rows, PATCH, columns, PATCH)
    return VectorMotion(float(mean.mean()), float(patches.mean(axis=(1, 3)).min()))


def vector_lengths(frame: VideoFrame) -> Lengths | None:
    """The length of the vector of each 4 x 4 cell over (width + height); 0 where there is none."""
    data: Any = frame.side_data.get("MOTION_VECTORS")
    if data is None:
        return None
    vectors = data.to_ndarray()
    scale = np.maximum(vectors["motion_scale"], 1) * (frame.width + frame.height)
    lengths = np.hypot(vectors["motion_x"], vectors["motion_y"]) / scale
    cells = np.zeros((-(-frame.height // CELL), -(-frame.width // CELL)))
    # A vector's place is the middle of its block.
    top = (vectors["dst_y"] - vectors["h"] // 2) // CELL
    left = (vectors["dst_x"] - vectors["w"] // 2) // CELL
    sizes = np.stack([vectors["h"], vectors["w"]], axis=1) // CELL
    for height, width in np.unique(sizes, axis=0).tolist():
        same = (sizes == (height, width)).all(axis=1)
        for down, across in np.ndindex(max(1, height), max(1, width)):
            rows = np.clip(top[same] + down, 0, len(cells) - 1)
            columns = np.clip(left[same] + across, 0, cells.shape[1] - 1)
            cells[rows, columns] = lengths[same]
    return cells
