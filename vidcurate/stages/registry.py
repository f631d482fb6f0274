"""Every stage, in the order of the data."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from vidcurate.records import version_table, version_tables
from vidcurate.stage import Lookup, MapStage, Stage
from vidcurate.stages.captions.alignment import ALIGNMENT_STAGE
from vidcurate.stages.captions.caption import CAPTION
from vidcurate.stages.captions.coverage import COVERAGE_STAGE
from vidcurate.stages.captions.evaluate import EVALUATE
from vidcurate.stages.captions.judge import JUDGE
from vidcurate.stages.captions.keypoints import KEYPOINTS_STAGE
from vidcurate.stages.captions.outline import OUTLINE
from vidcurate.stages.captions.references import REFERENCES_STAGE
from vidcurate.stages.captions.refine import REFINE
from vidcurate.stages.captions.sentences import SENTENCES
from vidcurate.stages.captions.story import STORY
from vidcurate.stages.captions.triage import TRIAGE
from vidcurate.stages.captions.versions import version_stage, versions_of
from vidcurate.stages.output.export import EXPORT
from vidcurate.stages.output.verify import VERIFY
from vidcurate.stages.scores.aesthetic import AESTHETIC_STAGE
from vidcurate.stages.scores.consistency import CONSISTENCY_STAGE
from vidcurate.stages.scores.motion import MOTION_STAGE
from vidcurate.stages.scores.perception import PERCEPTION_STAGE
from vidcurate.stages.scores.quality import QUALITY_STAGE
from vidcurate.stages.scores.safety import SAFETY_STAGE
from vidcurate.stages.scores.sounds import SOUNDS_STAGE
from vidcurate.stages.scores.speech import SPEECH_STAGE
from vidcurate.stages.scores.suitability import SUITABILITY_STAGE
from vidcurate.stages.scores.tags import TAGS_STAGE
from vidcurate.stages.scores.text import TEXT_STAGE
from vidcurate.stages.scores.watermark import WATERMARK_STAGE
from vidcurate.stages.selection.accept import ACCEPT
from vidcurate.stages.selection.dedup import DEDUP_STAGE
from vidcurate.stages.selection.filter import FILTER
from vidcurate.stages.selection.keyframes import KEYFRAMES_STAGE
from vidcurate.stages.selection.partition import PARTITION
from vidcurate.stages.selection.signatures import SIGNATURES_STAGE
from vidcurate.stages.shots.bounds import BOUNDS_STAGE
from vidcurate.stages.shots.cuts import CUTS_STAGE
from vidcurate.stages.shots.split import SPLIT
from vidcurate.stages.sources.embed import EMBED
from vidcurate.stages.sources.ingest import INGEST
from vidcurate.stages.sources.probe import PROBE
from vidcurate.stages.sources.queries import QUERIES_STAGE
from vidcurate.stages.sources.scan import SCAN
from vidcurate.stages.sources.spoken import SPOKEN_STAGE
from vidcurate.stages.sources.transcribe import TRANSCRIBE

STAGES: tuple[Stage, ...] = (
    INGEST,
    PROBE,
    SCAN,
    EMBED,
    TRANSCRIBE,
    SPOKEN_STAGE,
    CUTS_STAGE,
    SPLIT,
    QUERIES_STAGE,
    BOUNDS_STAGE,
    QUALITY_STAGE,
    MOTION_STAGE,
    WATERMARK_STAGE,
    SPEECH_STAGE,
    SOUNDS_STAGE,
    CONSISTENCY_STAGE,
    AESTHETIC_STAGE,
    TEXT_STAGE,
    SAFETY_STAGE,
    TAGS_STAGE,
    SUITABILITY_STAGE,
    PERCEPTION_STAGE,
    SIGNATURES_STAGE,
    DEDUP_STAGE,
    FILTER,
    REFERENCES_STAGE,
    PARTITION,
    KEYFRAMES_STAGE,
    KEYPOINTS_STAGE,
    CAPTION,
    ALIGNMENT_STAGE,
    JUDGE,
    TRIAGE,
    REFINE,
    SENTENCES,
    EVALUATE,
    COVERAGE_STAGE,
    OUTLINE,
    STORY,
    ACCEPT,
    EXPORT,
    VERIFY,
)


def stages_with(names: Iterable[str]) -> tuple[Stage, ...]:
    """All stages, with those of the caption versions whose stages or tables are among `names`.

    `export` reads the versions' tables too.
    """
    names = [*names]
    versions = dict.fromkeys([*version_tables(names), *versions_of(names)])
    if not versions:
        return STAGES
    found: list[Stage] = []
    for stage in STAGES:
        found.append(reading(EXPORT, versions) if stage is EXPORT else stage)
        if stage is CAPTION:
            found += [version_stage(version) for version in versions]
    return tuple(found)


def reading(export: MapStage[Any, Any, Any, Any], versions: Iterable[str]) -> Stage:
    """The stage `export`, whose finish also reads the tables of some versions."""
    assert export.finish is not None
    more = (Lookup(version_table(version), required=False) for version in versions)
    finish = replace(export.finish, lookups=(*export.finish.lookups, *more))
    return replace(export, finish=finish)
