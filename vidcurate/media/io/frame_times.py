"""A video's time as its decoded frames tell it, since headers round, guess and lie."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vidcurate.media.io.timing import varies

USUAL_RATES = tuple(
    Fraction(rate) for rate in (*range(1, 31), 48, 50, 60, 72, 90, 100, 120, 144, 200, 240)
) + tuple(Fraction(rate * 1000, 1001) for rate in (12, 15, 24, 30, 48, 60, 120, 240))


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """When a video's frames are shown; `end_pts` is the tick at which the last one ends."""

    n_frames: int
    first_pts: int
    end_pts: int
    frame_rate: Fraction
    is_vfr: bool


def frame_times(
    pts: NDArray[np.int64], time_base: Fraction, last_duration: int, header_rate: Fraction
) -> FrameTimes:
    """The times of frames at the given ticks, at least one, which advance.

    The last frame lasts as long as its container says (`last_duration` ticks), else as long as
    the median frame, else one frame of the header's rate.
    """
    gaps = np.diff(pts)
    first, last = int(pts[0]), int(pts[-1])
    if len(gaps) == 0:
        length = last_duration or max(1, round(1 / (header_rate * time_base)))
        return FrameTimes(1, first, last + length, header_rate, is_vfr=False)
    length = last_duration or max(1, round(float(np.median(gaps))))
    rate = mean_rate(len(gaps), last - first, time_base)
    return FrameTimes(len(pts), first, last + length, rate, varies(gaps.tolist(), time_base))


def mean_rate(n_gaps: int, span: int, time_base: Fraction) -> Fraction:
    """Mean frames a second; one of the usual rates where they differ by no more than rounding.

    `span` is the ticks from the first frame to the last, off by one at most where the container
    rounds times to ticks.
    """
    nearest = min(USUAL_RATES, key=lambda rate: abs(n_gaps / (rate * time_base) - span))
    if abs(n_gaps / (nearest * time_base) - span) <= 1:
        return nearest
    return Fraction(n_gaps) / (span * time_base)
