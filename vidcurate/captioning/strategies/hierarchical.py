"""Summarises clips into scenes and scenes into a video: each level from the one below.

After LVD-2M (Xiong et al. 2024), VideoLucy and LoVR, where texts of short spans are merged into
those of long ones; no request grows with the video.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vidcurate.captioning.prompts import Prompt, fill_prompt
from vidcurate.captioning.strategies.merging import merge, time_text
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Conversation, Status
from vidcurate.records import Scene, SpanText


@dataclass(frozen=True, slots=True)
class SummaryPrompts:
    """The prompts for scenes and videos, the language, and the longest list of texts."""

    scene: Prompt
    video: Prompt
    language: str
    max_chars: int

    def fill(self, prompt: Prompt, notes: str) -> str:
        """Fill in a prompt with a list of texts."""
        return fill_prompt(prompt, {"notes": notes, "language": self.language})


@dataclass(frozen=True, slots=True)
class VideoSummary:
    """The text of a video, the texts of its scenes, and what is missing."""

    text: str
    status: Status
    scenes: tuple[SpanText, ...]
    gaps: tuple[str, ...]


def summarise_video(scenes: Sequence[Scene], prompts: SummaryPrompts) -> Conversation[VideoSummary]:
    """Write the text of a video from the captions of its clips, scene by scene.

    The text of a scene with one clip is that clip's caption. A scene that fails leaves a gap.
    Raises MediaError where every scene fails, or the request for the video.
    """
    scene_notes: list[SpanText] = []
    gaps: list[str] = []
    for scene in scenes:
        if len(scene.clips) == 1:
            scene_notes += scene.clips
            continue
        try:
            merged = yield from merge(
                scene.clips, prompts.max_chars, lambda lines: prompts.fill(prompts.scene, lines)
            )
        except MediaError as error:
            gaps.append(
                f"{time_text(SpanText(scene.start_s, scene.end_s, ''))} is missing: {error}"
            )
        else:
            scene_notes.append(SpanText(scene.start_s, scene.end_s, merged.text))
            gaps += merged.gaps
    if not scene_notes:
        raise MediaError(gaps[-1])
    video = yield from merge(
        scene_notes, prompts.max_chars, lambda lines: prompts.fill(prompts.video, lines)
    )
    return VideoSummary(video.text, video.status, tuple(scene_notes), (*gaps, *video.gaps))
