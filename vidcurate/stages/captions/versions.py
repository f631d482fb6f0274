"""The stages of further captions: each is `caption` under a name, with options of its own."""

from collections.abc import Iterable
from dataclasses import replace

from vidcurate.captioning.options import CaptionConfig
from vidcurate.captioning.told import ToldOtherwise
from vidcurate.records import Caption, PartitionedClip, version_table
from vidcurate.stage import MapStage
from vidcurate.stages.captions.caption import CAPTION, Captioner

START = f"{CAPTION.name}_"


def version_stage(
    version: str,
) -> MapStage[PartitionedClip, Caption, CaptionConfig, Captioner]:
    """The stage that writes a version; raises UsageError for a name that none can have."""
    table = version_table(version)
    return replace(
        CAPTION,
        name=f"{START}{version}",
        summary=f"Write the version {version} of each caption.",
        writes=table,
        outdated=ToldOtherwise(table),
        version_of=CAPTION.name,
    )


def versions_of(names: Iterable[str]) -> tuple[str, ...]:
    """The versions whose stages are among some names of stages, in their order."""
    return tuple(name.removeprefix(START) for name in names if name.startswith(START))
