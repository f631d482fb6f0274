"""The input, options and results of detectors of shot transitions."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidcurate.errors import MediaError
from vidcurate.media.scan.files import RUN
from vidcurate.media.scan.signals import METRICS

NOMINAL_FRAMES = 15

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """Which detector finds cuts, and the parameters of each, its authors' own by default.

    `min_scene_s` is the least time between cuts; None is PySceneDetect's 15 frames of the video's
    mean rate. `weights` are those of delta_hue, delta_sat, delta_lum and delta_edges.
    """

    detector: str = "learned"
    min_scene_s: float | None = None
    weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 0.0)
    content_threshold: float = 27.0
    adaptive_threshold: float = 3.0
    adaptive_window: int = 2
    min_adaptive_content: float = 15.0
    histogram_threshold: float = 0.20
    hash_threshold: float = 0.35
    fade_threshold: float = 12.0
    fixed_interval_s: float = 10.0
    learned_threshold: float = 0.5
    transnet_threshold: float = 0.5
    koala_threshold: float = 0.0
    koala_mean_threshold: float = 0.75
    min_koala_deviations: float = 3.0
    max_koala_gap_frames: int = 8
    both_of: tuple[str, ...] = ("learned", "adaptive")
    max_apart_frames: int = 2
    min_confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class RecordedVideo:
    """The recorded frames of one video, as the detectors read them."""

    frames: pa.Table
    pts: NDArray[np.int64]
    time_base: Fraction
    frame_rate: Fraction

    def signal(self, column: str) -> Scores:
        """Return one recorded signal; MediaError names the metric that records a missing one."""
        if column not in self.frames.column_names:
            metric = next((name for name, columns in METRICS.items() if column in columns), column)
            raise MediaError(f"{column!r} was not recorded: scan with {metric!r} in scan.metrics")
        return np.asarray(self.frames[column].to_numpy(), np.float64)

    def known(self, column: str) -> list[int]:
        """Return the numbers of the frames that have a column, which may be in no file."""
        if column not in self.frames.column_names:
            return []
        return np.flatnonzero(self.frames[column].is_valid().to_numpy()).tolist()

    def runs(self, is_known: NDArray[np.bool_]) -> Iterator[NDArray[np.intp]]:
        """Yield the numbers of the known frames of each run that was decoded together, in order."""
        known = np.flatnonzero(is_known)
        if RUN not in self.frames.column_names:
            yield known
            return
        run = self.frames[RUN].to_numpy()[known]
        yield from np.split(known, np.flatnonzero(np.diff(run)) + 1)

    def long_enough(self, first: int, second: int, min_scene_s: float | None) -> bool:
        """Check whether two frames, by index, lie at least a scene's least length apart."""
        elapsed_s = int(self.pts[second] - self.pts[first]) * self.time_base
        if min_scene_s is None:
            return round(elapsed_s * self.frame_rate) >= NOMINAL_FRAMES
        return elapsed_s >= Fraction(str(min_scene_s))


@dataclass(frozen=True, slots=True)
class Hit:
    """A transition by frame index: the old shot's last frame and the new one's first."""

    last: int
    first: int
    confidence: float
    kind: str = "cut"
    detector: str = ""
