"""Every stage, in the order of the data."""

from vidcurate.stage import Stage
from vidcurate.stages.aesthetic import AESTHETIC_STAGE
from vidcurate.stages.alignment import ALIGNMENT_STAGE
from vidcurate.stages.bounds import BOUNDS_STAGE
from vidcurate.stages.caption import CAPTION
from vidcurate.stages.consistency import CONSISTENCY_STAGE
from vidcurate.stages.cuts import CUTS_STAGE
from vidcurate.stages.dedup import DEDUP_STAGE
from vidcurate.stages.embed import EMBED
from vidcurate.stages.export import EXPORT
from vidcurate.stages.filter import FILTER
from vidcurate.stages.ingest import INGEST
from vidcurate.stages.judge import JUDGE
from vidcurate.stages.keyframes import KEYFRAMES_STAGE
from vidcurate.stages.motion import MOTION_STAGE
from vidcurate.stages.outline import OUTLINE
from vidcurate.stages.probe import PROBE
from vidcurate.stages.quality import QUALITY_STAGE
from vidcurate.stages.refine import REFINE
from vidcurate.stages.safety import SAFETY_STAGE
from vidcurate.stages.scan import SCAN
from vidcurate.stages.signatures import SIGNATURES_STAGE
from vidcurate.stages.speech import SPEECH_STAGE
from vidcurate.stages.split import SPLIT
from vidcurate.stages.story import STORY
from vidcurate.stages.suitability import SUITABILITY_STAGE
from vidcurate.stages.tags import TAGS_STAGE
from vidcurate.stages.text import TEXT_STAGE
from vidcurate.stages.verify import VERIFY
from vidcurate.stages.watermark import WATERMARK_STAGE
from vidcurate.stages.weak import WEAK_STAGE

STAGES: tuple[Stage, ...] = (
    INGEST,
    PROBE,
    SCAN,
    EMBED,
    CUTS_STAGE,
    SPLIT,
    BOUNDS_STAGE,
    QUALITY_STAGE,
    MOTION_STAGE,
    WATERMARK_STAGE,
    SPEECH_STAGE,
    CONSISTENCY_STAGE,
    AESTHETIC_STAGE,
    TEXT_STAGE,
    SAFETY_STAGE,
    TAGS_STAGE,
    SUITABILITY_STAGE,
    SIGNATURES_STAGE,
    DEDUP_STAGE,
    FILTER,
    KEYFRAMES_STAGE,
    CAPTION,
    ALIGNMENT_STAGE,
    JUDGE,
    WEAK_STAGE,
    REFINE,
    OUTLINE,
    STORY,
    EXPORT,
    VERIFY,
)
