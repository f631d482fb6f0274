"""Stages that are wired wrongly: mypy must refuse each, or it finds an ignore without a use."""

from vidcurate.records import CLIPS, CUTS, QUALITY
from vidcurate.stage import MapStage
from vidcurate.stages.scores.quality import QualityConfig, quality
from vidcurate.stages.shots.split_options import SplitConfig

READS_WRONG_ROWS = MapStage(
    name="wrong",
    summary="Reads cuts with a function that takes clips.",
    reads=CUTS,
    writes=QUALITY,
    config=QualityConfig,
    run=quality,  # type: ignore[arg-type]
)
WRITES_WRONG_ROWS = MapStage(
    name="wrong",
    summary="Writes clips with a function that gives measurements.",
    reads=CLIPS,
    writes=CLIPS,
    config=QualityConfig,
    run=quality,  # type: ignore[arg-type]
)
TAKES_WRONG_OPTIONS = MapStage(
    name="wrong",
    summary="Has the options of another stage.",
    reads=CLIPS,
    writes=QUALITY,
    config=SplitConfig,
    run=quality,  # type: ignore[arg-type]
)
