"""What a strategy works with: one clip's frames and measurements, and its prompts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vidcurate.captioning.options import CaptionConfig
from vidcurate.captioning.prompts import INSERTED, Prompt, fill_prompt
from vidcurate.captioning.templates.facts import Facts
from vidcurate.captioning.voice_over import VoiceOver
from vidcurate.models.chat.conversation import Conversation, Frame, Status
from vidcurate.records import Candidate, Clip

# Cosines of texts with the clip's vector.
TextScorer = Callable[[Sequence[str]], Sequence[float]]


@dataclass(frozen=True, slots=True)
class ClipInput:
    """One clip: its frames in time order, its measured rows by table name, and the prompts.

    `text_scorer` is set where texts are chosen by the clip's vector, `voice_over` where the
    strategy uses subtitles and the video has them.
    """

    clip: Clip
    frames: tuple[Frame, ...]
    facts: Facts
    prompts: Mapping[str, Prompt]
    config: CaptionConfig
    text_scorer: TextScorer | None = None
    voice_over: VoiceOver | None = None

    def prompt(self, name: str, **values: str) -> str:
        """Fill in a prompt of the strategy with what is known of the clip and with `values`.

        Raises MediaError for a placeholder that has no value.
        """
        times = [self.time_in_clip(frame) for frame in self.frames]
        known = {
            "n_frames": str(len(times)),
            "times_s": ", ".join(times),
            "duration_s": f"{self.clip.duration_s:.1f}",
            "language": self.config.language,
            "trigger": self.config.trigger,
        }
        inserted = {
            part: fill_prompt(self.prompts[part], known)
            for part in INSERTED
            if part in self.prompts
        }
        return fill_prompt(self.prompts[name], {**known, **inserted, **values})

    def time_in_clip(self, frame: Frame) -> str:
        """The time of a frame in seconds from the clip's start, as text."""
        return f"{frame.time_s - self.clip.start_s:.2f}"

    def numbered_frames(self) -> Iterator[str | Frame]:
        """Each frame after its number and time, as parts of a request."""
        for number, frame in enumerate(self.frames, 1):
            yield f"Frame {number} of {len(self.frames)}, at {self.time_in_clip(frame)} s:"
            yield frame


@dataclass(frozen=True, slots=True)
class CaptionText:
    """What a strategy made of the answers; `structured` is a value that JSON can hold.

    `model` names the writer of the text where it is not the model that answered last.
    """

    text: str
    status: Status
    short_text: str | None = None
    structured: Any = None
    candidates: tuple[Candidate, ...] = ()
    repairs: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    model: str = ""


Strategy = Callable[[ClipInput], Conversation[CaptionText]]
