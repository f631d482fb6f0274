"""From the captions of clips to scenes and to the video: each level is written from the one below.

After LVD-2M (Xiong et al. 2024), VideoLucy and LoVR, where texts of short spans are merged into
those of long ones; no request grows with the video.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vidcurate.captioning.prompts import Prompt, fill_prompt
from vidcurate.captioning.strategies.merging import Note, merge, when
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Conversation, Status
from vidcurate.records import Scene, ToldSpan


@dataclass(frozen=True, slots=True)
class Narrator:
    """How videos are told: by which prompts, in which language, of lists how long."""

    scene: Prompt
    video: Prompt
    language: str
    most_chars: int

    def ask(self, prompt: Prompt, notes: str) -> str:
        """A prompt with texts in it."""
        return fill_prompt(prompt, {"notes": notes, "language": self.language})


@dataclass(frozen=True, slots=True)
class Narrated:
    """A video's text, those of its scenes, and what is missing."""

    text: str
    status: Status
    scenes: tuple[ToldSpan, ...]
    gaps: tuple[str, ...]


def narrate(scenes: Sequence[Scene], narrator: Narrator) -> Conversation[Narrated]:
    """The text of a video from the captions of its clips, by way of its scenes.

    A scene of one clip is told by that clip's caption. A scene that fails leaves a gap. Raises
    MediaError where every scene fails, or the video's own request.
    """
    told: list[Note] = []
    gaps: list[str] = []
    for scene in scenes:
        notes = [Note(clip.start_s, clip.end_s, clip.text) for clip in scene.clips]
        if len(notes) == 1:
            told += notes
            continue
        try:
            merged = yield from merge(
                notes, narrator.most_chars, lambda lines: narrator.ask(narrator.scene, lines)
            )
        except MediaError as error:
            gaps.append(f"{when(Note(scene.start_s, scene.end_s, ''))} is missing: {error}")
        else:
            told.append(Note(scene.start_s, scene.end_s, merged.text))
            gaps += merged.gaps
    if not told:
        raise MediaError(gaps[-1])
    video = yield from merge(
        told, narrator.most_chars, lambda lines: narrator.ask(narrator.video, lines)
    )
    spans = tuple(ToldSpan(note.start_s, note.end_s, note.text) for note in told)
    return Narrated(video.text, video.status, spans, (*gaps, *video.gaps))
