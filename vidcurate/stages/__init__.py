"""Every stage, in the order of the data."""

from vidcurate.stage import Stage
from vidcurate.stages.bounds import BOUNDS_STAGE
from vidcurate.stages.caption import CAPTION
from vidcurate.stages.cuts import CUTS_STAGE
from vidcurate.stages.embed import EMBED
from vidcurate.stages.export import EXPORT
from vidcurate.stages.filter import FILTER
from vidcurate.stages.ingest import INGEST
from vidcurate.stages.keyframes import KEYFRAMES_STAGE
from vidcurate.stages.motion import MOTION_STAGE
from vidcurate.stages.probe import PROBE
from vidcurate.stages.quality import QUALITY_STAGE
from vidcurate.stages.scan import SCAN
from vidcurate.stages.split import SPLIT
from vidcurate.stages.verify import VERIFY

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
    FILTER,
    KEYFRAMES_STAGE,
    CAPTION,
    EXPORT,
    VERIFY,
)
