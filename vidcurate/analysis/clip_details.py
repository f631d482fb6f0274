"""All that a data set knows of one clip, and what made each part of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.analysis.clip_names import clip_named
from vidcurate.analysis.clip_rules import RuleOutcome, outcomes_of_rules
from vidcurate.analysis.fates import fate_of
from vidcurate.analysis.one_clip import Lineage, OneClip, one_clip
from vidcurate.analysis.strips import clip_strip
from vidcurate.analysis.view import present_plan, present_scope, read_consistently, reader
from vidcurate.errors import MediaError
from vidcurate.exporting.settings import ExportSettings
from vidcurate.records import (
    ALIGNMENT,
    CAPTIONS,
    CLIPS,
    CUTS,
    DEDUP,
    EXPORTS,
    KEPT,
    KEYFRAMES,
    PARTITIONS,
    REFINED,
    SCANS,
    SCORE_TABLES,
    SIGNATURES,
    SOURCES,
    VECTORS,
    VERDICTS,
    VERIFIED,
    VIDEOS,
    WEAK_CAPTIONS,
    Caption,
    Clip,
    Duplicate,
    ExportedClip,
    RefinedCaption,
    Source,
    Verdict,
    Video,
)
