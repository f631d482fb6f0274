"""What the stages that judge captions share: their options, a clip's stills, and what was measured.

Judging and writing again must measure alike, or a gain would be none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vidcurate.captioning.material import Material
from vidcurate.captioning.options import CaptionConfig
from vidcurate.captioning.prompts import Prompt
from vidcurate.captioning.quality.faults import Band
from vidcurate.captioning.templates.facts import Facts
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Frame
from vidcurate.models.chat.options import ModelConfig
from vidcurate.records import KEYFRAMES, MOTION, QUALITY, TEXT, Caption, Clip
from vidcurate.stage import Workspace, option
from vidcurate.store.table import Table

MEASURED: tuple[Table[Any], ...] = (QUALITY, MOTION, TEXT)
Stills = Sequence[tuple[float, Path]]


class JudgingConfig(ModelConfig):
    """How long a caption should be."""

    min_words: int = option(8, "Shorter captions have a fault", unit="words", ge=0)
    max_words: int = option(300, "Longer captions have a fault", unit="words", ge=1)

    @property
    def band(self) -> Band:
        """Both bounds."""
        return Band(self.min_words, self.max_words)


def measured_of(clip_id: str, workspace: Workspace) -> Facts:
    """What was measured of a clip that captions speak of, by table."""
    there = (table for table in MEASURED if workspace.has(table))
    found = {table.name: workspace.lookup(table).get(clip_id) for table in there}
    return {name: asdict(row) for name, row in found.items() if row is not None}


def stills_of(clip_id: str, workspace: Workspace) -> Stills:
    """A clip's keyframes as files, each with its time in seconds of the video."""
    found = workspace.lookup(KEYFRAMES).get(clip_id)
    keyframes = found.keyframes if found else ()
    return [(k.time_s, workspace.file_of(KEYFRAMES, k.file)) for k in keyframes]


def material_of(
    clip: Clip,
    caption: Caption,
    stills: Stills,
    facts: Facts,
    prompts: Mapping[str, Prompt],
    config: JudgingConfig,
) -> Material:
    """What a model is shown of a clip whose caption is in question; reads the pictures.

    Raises MediaError for a clip without keyframes.
    """
    from vidcurate.media.io.frames import jpeg_of_file  # noqa: PLC0415 - OpenCV is heavy

    if not stills:
        raise MediaError("the clip has no keyframes: see rows keyframes --failed")
    frames = tuple(
        Frame(t, jpeg_of_file(file, config.image_max_side), clip.start_s) for t, file in stills
    )
    asked = CaptionConfig(backend="openai", model=config.model, language=caption.language)
    return Material(clip, frames, facts, prompts, asked)
