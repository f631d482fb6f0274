"""What a strategy has to work with: one clip's stills and measurements, and how to ask."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vidcurate.captioning.options import CaptionConfig
from vidcurate.captioning.prompts import INSERTED, Prompt, fill_prompt
from vidcurate.captioning.templates.facts import Facts
from vidcurate.captioning.voice_over import Voice
from vidcurate.models.chat.conversation import Conversation, Frame, Status
from vidcurate.records import Candidate, Clip

# Cosines of texts with the clip's vector.
Fit = Callable[[Sequence[str]], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Material:
    """One clip: its stills in time order, its measured rows by table name, and the prompts.

    `fit` is there where texts are chosen by it and the video has vectors, `voice` where the
    strategy hears and the video has subtitles.
    """

    clip: Clip
    frames: tuple[Frame, ...]
    facts: Facts
    prompts: Mapping[str, Prompt]
    config: CaptionConfig
    fit: Fit | None = None
    voice: Voice | None = None

    def prompt(self, name: str, **values: str) -> str:
        """A prompt of the strategy, with what is known of the clip and `values` filled in.

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
        """When a still is shown, in seconds from the clip's start."""
        return f"{frame.time_s - self.clip.start_s:.2f}"

    def shown(self) -> Iterator[str | Frame]:
        """Every still after its number and time, as parts of a request."""
        for number, frame in enumerate(self.frames, 1):
            yield f"Frame {number} of {len(self.frames)}, at {self.time_in_clip(frame)} s:"
            yield frame


@dataclass(frozen=True, slots=True)
class Told:
    """What a strategy made of the answers; `structured` is a value that JSON can hold.

    `model` is who wrote the text, if not the one that answered last.
    """

    text: str
    status: Status
    short_text: str | None = None
    structured: Any = None
    candidates: tuple[Candidate, ...] = ()
    repairs: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    model: str = ""


Strategy = Callable[[Material], Conversation[Told]]
