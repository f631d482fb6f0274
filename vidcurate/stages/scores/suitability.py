"""suitability: how suitable each clip is for training, as a number and in words."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import model_validator

from vidcurate.captioning.templates.quality_words import quality_words
from vidcurate.errors import MediaError
from vidcurate.options import StageConfig, option
from vidcurate.records import (
    AESTHETIC,
    CLIPS,
    CONSISTENCY,
    MOTION,
    QUALITY,
    SPEECH,
    SUITABILITY,
    TEXT,
    WATERMARK,
    Clip,
    Suitability,
)
from vidcurate.stage import Lookup, MapStage, Workspace
from vidcurate.store.table import Table

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


def weight_option(part: str) -> float:
    """Return the option that says how much a part counts."""
    value: float = option(1.0, f"Weight of {part}; 0 leaves it out", ge=0, le=100)
    return value


class SuitabilityConfig(StageConfig):
    """How much each part counts against the others."""

    clarity_weight: float = weight_option("clarity (sharpness, noise, blocks)")
    light_weight: float = weight_option("light (dark and bright areas, contrast)")
    picture_weight: float = weight_option("a whole picture (bars, black and frozen frames)")
    motion_weight: float = weight_option("motion")
    steadiness_weight: float = weight_option("a steady camera")
    text_weight: float = weight_option("freedom from overlaid text")
    watermark_weight: float = weight_option("freedom from watermarks")
    aesthetic_weight: float = weight_option("the aesthetic score")
    consistency_weight: float = weight_option("consistency over time")

    @model_validator(mode="after")
    def something_counts(self) -> "SuitabilityConfig":
        """Weights of 0 alone judge nothing."""
        if not any(part_weights(self).values()):
            raise ValueError("one weight at least must be above 0")
        return self


def part_weights(config: SuitabilityConfig) -> dict[str, float]:
    """Return the weight of each part."""
    return {part: getattr(config, f"{part}_weight") for part in PARTS}


def suitability(
    clips: Sequence[Clip], config: SuitabilityConfig, _tool: None, workspace: Workspace
) -> Iterator[list[Suitability]]:
    """Score each clip 1..5, after Koala-36M's training suitability, with its parts and words.

    The number is 1 + 4 times the geometric mean of the parts, each 0..1, by their weights: it rises
    with every part, and a clip that is no good at all in one is not saved by the others. It is a
    formula, where VTSS is a network that was trained on people's judgements. A part whose table or
    number is missing is null, left out of the mean, and named in `missing`; numbers made of other
    parts should not be compared.
    Raises MediaError where no part with a weight is left, and for a number that is not one.
    """
    for clip in clips:
        rows = clip_rows(clip, workspace)
        parts = {part: part_score(rows, *PARTS[part]) for part in PARTS}
        yield [
            Suitability(
                clip_id=clip.clip_id,
                video_id=clip.video_id,
                score=overall_score(parts, part_weights(config)),
                **parts,
                missing=tuple(part for part, value in parts.items() if value is None),
                words=quality_words(rows),
            )
        ]


def clip_rows(clip: Clip, workspace: Workspace) -> Rows:
    """Return the clip's rows of the tables that exist, by table."""
    tables: list[Table[Any]] = [table for table in JUDGED if workspace.has(table)]
    found = {table.name: workspace.lookup(table).get(clip.clip_id) for table in tables}
    return {name: asdict(row) for name, row in found.items() if row is not None}


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


def overall_score(parts: Mapping[str, float | None], weight_of: Mapping[str, float]) -> float:
    """Combine a clip's parts into its score.

    Raises MediaError where no part with a weight is known.
    """
    known = {p: value for p, value in parts.items() if value is not None and weight_of[p]}
    if not known:
        raise MediaError("no part that counts was measured: give another part a weight")
    if not all(known.values()):
        return WORST
    logs = sum(weight_of[part] * math.log(value) for part, value in known.items())
    return WORST + (BEST - WORST) * math.exp(logs / sum(weight_of[part] for part in known))


SUITABILITY_STAGE = MapStage(
    name="suitability",
    summary="Rate how suitable each clip is for training, 1 to 5, from its other scores.",
    reads=CLIPS,
    writes=SUITABILITY,
    config=SuitabilityConfig,
    run=suitability,
    lookups=tuple(Lookup(table, required=table in REQUIRED) for table in JUDGED),
    rows_per_part=512,
)
