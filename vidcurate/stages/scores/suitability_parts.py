"""The parts of a clip's suitability: columns of its scores, each scaled to 0..1."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vidcurate.errors import MediaError
from vidcurate.records import (
    AESTHETIC,
    CONSISTENCY,
    MOTION,
    QUALITY,
    SPEECH,
    TEXT,
    WATERMARK,
)

JUDGED = (QUALITY, MOTION, WATERMARK, SPEECH, CONSISTENCY, AESTHETIC, TEXT)
REQUIRED = (QUALITY, MOTION)
BEST, WORST = 5.0, 1.0

Rows = Mapping[str, Mapping[str, object]]  # one clip's, by table


@dataclass(frozen=True, slots=True)
class ScoreRange:
    """A column scaled to 0..1: 0 from `bad`, 1 from `good`, linear or logarithmic between."""

    column: str
    bad: float
    good: float
    log: bool = False

    def at(self, value: float) -> float:
        """Scale a value."""
        bad, good = self.bad, self.good
        if self.log:
            value, bad, good = (math.log(max(x, 1e-9)) for x in (value, bad, good))
        return min(1.0, max(0.0, (value - bad) / (good - bad)))


# Each part is the least of its table's ramps. The good ends lie where words.py and published
# thresholds put them (motion is moderate, aesthetics are Open-Sora-Plan's best), the bad ones where
# nothing is left to learn from; aesthetics begin at NVIDIA's least.
PARTS: Mapping[str, tuple[str, tuple[ScoreRange, ...]]] = {
    "clarity": (
        QUALITY.name,
        (
            ScoreRange("sharpness", 2, 40, log=True),
            ScoreRange("noise", 8, 2),
            ScoreRange("blockiness", 1.8, 1.2),
        ),
    ),
    "light": (
        QUALITY.name,
        (
            ScoreRange("dark_share", 0.7, 0.2),
            ScoreRange("bright_share", 0.5, 0.15),
            ScoreRange("luma_spread", 8, 30),
        ),
    ),
    "picture": (
        QUALITY.name,
        (
            *(ScoreRange("letterbox_share", 0.3, 0.02), ScoreRange("black_share", 0.5, 0.0)),
            ScoreRange("freeze_share", 0.9, 0.1),
        ),
    ),
    "motion": (MOTION.name, (ScoreRange("flow_mean", 0.0005, 0.025, log=True),)),
    "steadiness": (MOTION.name, (ScoreRange("shake_share", 1.0, 0.2),)),
    "text": (TEXT.name, (ScoreRange("overlay_area", 0.08, 0.002),)),
    "watermark": (WATERMARK.name, (ScoreRange("score", 1.0, 0.3),)),
    "aesthetic": (AESTHETIC.name, (ScoreRange("score_mean", 3.5, 6.25),)),
    "consistency": (CONSISTENCY.name, (ScoreRange("neighbour_min", 0.2, 0.8),)),
}


def columns_judged(table: str) -> list[str]:
    """The columns of a table that parts are made of."""
    return [ramp.column for name, ramps in PARTS.values() if name == table for ramp in ramps]


def all_parts(rows: Rows) -> dict[str, float | None]:
    """Every part of a clip; None for those that were not measured.

    Raises MediaError for NaN.
    """
    return {part: part_score(rows, *PARTS[part]) for part in PARTS}


def part_score(rows: Rows, table: str, ramps: Sequence[ScoreRange]) -> float | None:
    """Return the least of a part's scaled columns; None if one of them was not measured.

    Raises MediaError for NaN.
    """
    values = [rows.get(table, {}).get(ramp.column) for ramp in ramps]
    known = [float(value) for value in values if isinstance(value, int | float)]
    if len(known) < len(ramps):
        return None
    for ramp, value in zip(ramps, known, strict=True):
        if math.isnan(value):
            raise MediaError(f"{table}.{ramp.column} is not a number: measure the clip again")
    return min(ramp.at(value) for ramp, value in zip(ramps, known, strict=True))
