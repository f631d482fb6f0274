"""What the stages that judge captions share: options, keyframes and measurements.

`judge` and `refine` must use the same measure, or a gain would mean nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vidcurate.captioning.clip_input import ClipInput
from vidcurate.captioning.options import CaptionConfig
from vidcurate.captioning.prompts import Prompt
from vidcurate.captioning.quality.faults import WordRange
from vidcurate.captioning.templates.facts import Facts
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Frame
from vidcurate.models.chat.options import ModelConfig, OpenAiConfig
from vidcurate.options import StageConfig, option
from vidcurate.records import KEYFRAMES, MOTION, QUALITY, TEXT, Caption, Clip
from vidcurate.stage import Workspace
from vidcurate.store.table import Table

MEASURED: tuple[Table[Any], ...] = (QUALITY, MOTION, TEXT)
KeyframeFiles = Sequence[tuple[float, Path]]


class JudgingConfig(StageConfig):
    """How long a caption should be."""

    min_words: int = option(8, "Shorter captions are faulty", unit="words", ge=0)
    max_words: int = option(300, "Longer captions are faulty", unit="words", ge=1)

    @property
    def word_range(self) -> WordRange:
        """Both bounds."""
        return WordRange(self.min_words, self.max_words)


def measurements_of(clip_id: str, workspace: Workspace) -> Facts:
    """What was measured of a clip and captions speak about, by table."""
    tables = (table for table in MEASURED if workspace.has(table))
    found = {table.name: workspace.lookup(table).get(clip_id) for table in tables}
    return {name: asdict(row) for name, row in found.items() if row is not None}


def keyframes_of(clip_id: str, workspace: Workspace) -> KeyframeFiles:
    """The files of a clip's keyframes, each with its time in seconds of the video."""
    found = workspace.lookup(KEYFRAMES).get(clip_id)
    keyframes = found.keyframes if found else ()
    return [(k.time_s, workspace.file_of(KEYFRAMES, k.file)) for k in keyframes]


def clip_input_of(
    clip: Clip,
    caption: Caption,
    keyframes: KeyframeFiles,
    facts: Facts,
    prompts: Mapping[str, Prompt],
    chat: ModelConfig,
) -> ClipInput:
    """Read the keyframes of a clip whose caption is in question, as input for a model.

    Raises MediaError for a clip without keyframes.
    """
    from vidcurate.media.io.images import read_as_jpeg  # noqa: PLC0415 - OpenCV is heavy

    if not keyframes:
        raise MediaError("the clip has no keyframes: see rows keyframes --failed")
    frames = tuple(
        Frame(t, read_as_jpeg(file, chat.max_image_side), clip.start_s) for t, file in keyframes
    )
    asked = CaptionConfig(backend=OpenAiConfig(model=chat.model), language=caption.language)
    return ClipInput(clip, frames, facts, prompts, asked)
